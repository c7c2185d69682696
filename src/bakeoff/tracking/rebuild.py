"""Rebuilds an MLflow store from runs/, reports/ and monitoring/ alone: after `dvc pull`, or when a server was away."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.progress import track

from bakeoff.core.errors import BakeoffError, TrackingError
from bakeoff.tracking.experiments import REPORT_FILE, log_report, log_reports
from bakeoff.tracking.mirror import log_events, mirror
from bakeoff.tracking.params import TrackingParams
from bakeoff.tracking.records import has_training, read_results
from bakeoff.tracking.registry import update_registry
from bakeoff.tracking.runs import run_name
from bakeoff.tracking.store import in_words, resolve_store, store_errors, survive_store


@dataclass(frozen=True)
class SyncReport:
    """How many runs were made, changed or already right, and what could not be read."""

    store: str
    runs: Counter[str]  # by what `mirror` says of them
    comparison: bool
    problems: tuple[str, ...]
    registry: str | None = None  # what the Model Registry says now, None where there is nothing to register
    n_monitored: int = 0  # monitoring reports that the store holds

    def __str__(self) -> str:
        compared = "the comparison is in it" if self.comparison else "no comparison is in it"
        lines = [
            f"{self.store}: {self.runs['created']} runs made, {self.runs['updated']} updated, "
            f"{self.runs['unchanged']} already there; {compared}."
        ]
        lines += [f"Monitoring reports in it: {self.n_monitored}."] if self.n_monitored else []
        lines += [f"Model Registry: {self.registry}"] if self.registry else []
        return "\n".join(lines + [f"left out: {problem}" for problem in self.problems])


def sync(
    runs_dir: Path, reports_dir: Path, params: TrackingParams, *, monitoring_dir: Path | None = None
) -> SyncReport:
    """Make the store say what the files say; doing it again changes nothing."""
    folders = [folder for folder in sorted(runs_dir.glob("*/seed_*")) if has_training(folder)]
    outcomes: Counter[str] = Counter()
    problems: list[str] = []
    registered, comparison, n_monitored = None, False, 0
    try:
        for folder in track(folders, description="MLflow", disable=not folders):
            try:
                results = read_results(folder)
            except BakeoffError as error:
                problems.append(str(error))
                continue
            with _noting(problems, run_name(results.training), results.training.key):
                outcomes[mirror(results, params)[1]] += 1
            log_events(results, params)
        with _noting(problems, "the comparison"):
            comparison = log_reports(reports_dir, runs_dir, params) is not None
        for path in sorted(monitoring_dir.glob(f"*/{REPORT_FILE}")) if monitoring_dir else []:
            with _noting(problems, f"the monitoring {path.parent.name}"):
                log_report(path.parent, params)
                n_monitored += 1
    except store_errors() as error:
        raise TrackingError(
            f"the MLflow store {resolve_store().shown} cannot be written ({in_words(error)}); start its server, or "
            "unset MLFLOW_TRACKING_URI to use the local store, then run `bakeoff sync` again."
        ) from None
    with survive_store("the champion"):  # a store may have runs and no registry
        registered = update_registry(reports_dir, params) if comparison else None
    return SyncReport(resolve_store().shown, outcomes, comparison, tuple(problems), registered, n_monitored)


@contextmanager
def _noting(problems: list[str], what: str, place: str = "") -> Iterator[None]:
    """Let the block fail, and note why `what` is left out; the store's own errors pass through."""
    try:
        with survive_store(what, place, unless=(BakeoffError, *store_errors())) as attempt:
            yield
        if attempt.error:
            problems.append(f"{what} ({type(attempt.error).__name__}, see above)")
    except BakeoffError as error:
        problems.append(f"{what}: {error}")
