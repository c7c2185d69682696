"""Makes one MLflow run say what a candidate's files say; they stay the record, and replaying twice adds nothing."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock

from bakeoff.core.failures import surviving
from bakeoff.core.paths import state_dir
from bakeoff.records.candidate import Candidate
from bakeoff.records.training import TrainingRecord
from bakeoff.tracking import runs
from bakeoff.tracking.models import log_calibration, log_model, relink_model
from bakeoff.tracking.params import TrackingParams
from bakeoff.tracking.records import HISTORY, Part, Results, epoch_metrics, read_results, read_rows, run_params
from bakeoff.tracking.runs import log_part_artifacts
from bakeoff.tracking.store import experiment_id, open_client, survive_store
from bakeoff.tracking.tensorboard import write_events

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from bakeoff.tracking.store import Store

_LOCK_S = 120
_LOSS = "epoch/train_loss"


def replay(candidate_dir: Path, *, params: TrackingParams) -> str | None:
    """Make or update the candidate's MLflow run from its files; whatever fails there costs one warning line, no stage.

    Return the run's id, or None where the store did not take it. A TrackingError where there is no finished training, a
    BakeoffError where a record is broken.
    """
    results = read_results(candidate_dir)
    run_id = None
    with survive_store(runs.run_name(results.training), results.training.key):
        run_id, _ = mirror(results, params)
    log_events(results, params)
    return run_id


def log_events(results: Results, params: TrackingParams) -> None:
    """Write TensorBoard's event file where it is asked for; one that fails costs a warning."""
    if params.tensorboard:
        name = runs.run_name(results.training)
        with surviving(f"the TensorBoard file of {name}", state_dir("failures") / results.training.key):
            write_events(results)


def mirror(results: Results, params: TrackingParams) -> tuple[str, Literal["created", "updated", "unchanged"]]:
    """Make or update the run of a training and the stages after it, and return its id and which; errors pass through.

    The numbers go first: where a figure or the model cannot be logged, the run is finished without it, and the next
    replay tries again.
    """
    training, cost, parts = results.training, results.cost, results.parts
    lock = state_dir("locks") / f"mlflow-{runs.run_name(training)}.lock"
    with FileLock(lock, timeout=_LOCK_S):
        client, store = open_client()
        experiment = experiment_id(client, store, params.experiment)
        found = runs.find_run(client, experiment, candidate=training.candidate, keys=results.keys)
        ended_ms = int(results.ended_s * 1000)
        started_ms = ended_ms - int(1000 * cost.train_time_s)
        run = found or runs.create_run(
            client, experiment, training=training, commit=cost.git_commit, start_ms=started_ms
        )
        changed = [part for name, part in parts.items() if run.data.tags.get(runs.part_digest(name)) != part.digest]
        if changed:
            _log_numbers(client, run, results=results, changed=changed, started_ms=started_ms)
        if runs.ERROR in run.data.tags:
            client.delete_tag(run.info.run_id, runs.ERROR)  # an earlier try failed, this one did not
        if run.info.status != "FINISHED":
            client.set_terminated(run.info.run_id, "FINISHED", end_time=ended_ms if found is None else None)
        if changed:
            _log_files(client, run, training=training, changed=changed)
        if (
            params.log_models
            and Candidate(training.candidate).in_one_environment
            and _log_or_mend_model(client, run, store=store, results=results)
        ):
            changed = changed or [parts["training"]]
    return run.info.run_id, "created" if found is None else "updated" if changed else "unchanged"


def _log_or_mend_model(client: MlflowClient, run: Run, *, store: Store, results: Results) -> bool:
    """Give the run its model, or bring that up to date with the files; return whether it is new or changed."""
    training_dir, evaluation = results.parts["training"].folder, results.parts.get("evaluation")
    is_new = run.data.tags.get(runs.MODEL) is None
    if is_new:
        log_model(client, run, store=store, training_dir=training_dir)
        run = client.get_run(run.info.run_id)
    elif store.artifacts is not None:
        relink_model(client, run, training_dir=training_dir)
    return (evaluation is not None and log_calibration(client, run, evaluation_dir=evaluation.folder)) or is_new


def _log_numbers(client: MlflowClient, run: Run, *, results: Results, changed: list[Part], started_ms: int) -> None:
    """Log params, epochs and final metrics of the changed parts."""
    training, part = results.training, results.parts["training"]
    if part in changed:
        runs.log(client, run, "params", run_params(training))
        runs.log(client, run, "tags", runs.identity_tags(training, results.cost.git_commit))
        log_history(client, run, rows=read_rows(part.folder / HISTORY), started_ms=started_ms)
    runs.log(client, run, "metrics", results.metrics, timestamp_ms=int(time.time() * 1000))


def _log_files(client: MlflowClient, run: Run, *, training: TrainingRecord, changed: list[Part]) -> None:
    """Log data set and files of the changed parts; the tags that say so come last: a broken replay is repeated."""
    if any(part.name == "training" for part in changed):
        runs.log_dataset(client, run, training.dataset)
    log_part_artifacts(client, run, changed, weights=training.weights)
    done = {runs.part_key(part.name): part.key for part in changed}
    done |= {runs.part_digest(part.name): part.digest for part in changed}
    done[runs.KEY] = runs.combined_key(run.data.tags | done)
    runs.log(client, run, "tags", done)


def log_history(client: MlflowClient, run: Run, *, rows: list[dict[str, str]], started_ms: int) -> None:
    """Log the epochs that the run lacks, or has with other values, each at the time it ended."""
    from mlflow.entities import Metric

    logged = logged_epochs(client, run)
    now_ms, metrics = float(started_ms), []
    for row in rows:
        values, epoch = epoch_metrics(row), int(float(row["epoch"]))
        now_ms += 1000 * values.get("epoch/seconds", 0.0)
        if not math.isclose(values.get(_LOSS, math.nan), logged.get(epoch, math.nan), rel_tol=1e-4):
            metrics += [Metric(name, value, int(now_ms), epoch) for name, value in values.items()]
    runs.log_in_batches(client, run.info.run_id, "metrics", metrics)


def logged_epochs(client: MlflowClient, run: Run) -> dict[int, float]:
    """Return the training loss of each epoch that the run has (an epoch is logged in one batch, so one name tells)."""
    if _LOSS not in run.data.metrics:
        return {}
    history: list[Any] = client.get_metric_history(run.info.run_id, _LOSS)
    return {point.step: point.value for point in sorted(history, key=lambda point: point.timestamp)}
