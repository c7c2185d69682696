"""Shows a training in MLflow while it runs; a server that dies in the middle costs one warning, never the training."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bakeoff.learning.key import git_commit
from bakeoff.records.training import TrainingHeader
from bakeoff.tracking import runs
from bakeoff.tracking.mirror import logged_epochs
from bakeoff.tracking.params import TrackingParams
from bakeoff.tracking.records import epoch_metrics, run_params
from bakeoff.tracking.store import experiment_id, open_client, survive_store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_SAMPLING_S = 2
_SAMPLES_PER_POINT = 2
_MAX_SENTENCE_CHARS = 500


class LiveRun:
    """The open MLflow run of one training; `run_id` is None where no store could be reached."""

    def __init__(self, header: TrainingHeader, params: TrackingParams) -> None:
        """Make the run, or go on with the one that has the same training key."""
        self.run_id: str | None = None
        self._header = header
        self.opened: tuple[MlflowClient, Run] | None = None
        with self._attempt():
            client, store = open_client()
            experiment = experiment_id(client, store, params.experiment)
            found = runs.find_run(client, experiment, candidate=header.candidate, keys={"training": header.key})
            run = found or runs.create_run(client, experiment, training=header, commit=git_commit())
            self.run_id, self.opened = run.info.run_id, (client, run)
            if found:
                client.update_run(self.run_id, status="RUNNING")
            runs.log(client, run, "params", run_params(header))
            self._logged = set(logged_epochs(client, run))

    def log_epoch(self, row: Mapping[str, Any]) -> None:
        """Log one row of history.csv as metrics `epoch/<column>` at step `epoch`; an epoch that is there stays."""
        epoch, now_ms = int(float(row["epoch"])), int(time.time() * 1000)
        if not self.opened or epoch in self._logged:
            return
        with self._attempt():
            from mlflow.entities import Metric

            client, run = self.opened
            metrics = [Metric(name, value, now_ms, epoch) for name, value in epoch_metrics(row).items()]
            runs.log_in_batches(client, run.info.run_id, "metrics", metrics)
            self._logged.add(epoch)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Log CPU and memory while the block runs."""
        monitor = None
        with survive_store("CPU and memory"):
            from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

            often = {"sampling_interval": _SAMPLING_S, "samples_before_logging": _SAMPLES_PER_POINT}
            uri = open_client()[1].uri
            monitor = SystemMetricsMonitor(self.run_id, **often, resume_logging=True, tracking_uri=uri)
            monitor.start()
        try:
            yield
        finally:
            with survive_store("CPU and memory"):
                if monitor:
                    monitor.finish()

    def fail(self, error: BaseException) -> None:
        """Close the run with the error in the tag `bakeoff.error`: as KILLED after Ctrl-C and a stage's sys.exit."""
        name, status = type(error).__name__, "FAILED" if isinstance(error, Exception) else "KILLED"
        sentence = f"{name}: {error}" if status == "FAILED" else name
        if self.opened:
            with self._attempt():
                client, run = self.opened
                runs.log(client, run, "tags", {runs.ERROR: sentence[:_MAX_SENTENCE_CHARS]})
                client.set_terminated(run.info.run_id, status)

    @contextlib.contextmanager
    def _attempt(self) -> Iterator[None]:
        """Let the block fail: at the first failure warn and let it be from then on."""
        with survive_store(runs.run_name(self._header), self._header.key) as attempt:
            yield
        if attempt.error:
            self.opened = None


@contextlib.contextmanager
def live_run(header: TrainingHeader, params: TrackingParams) -> Iterator[LiveRun]:
    """Show a training in MLflow while the block runs, which gets a `LiveRun` to log its epochs.

    The run stays open until `replay` has put the finished training's figures in.
    """
    run = LiveRun(header, params)
    try:
        with run.watched() if run.opened and params.system_metrics else contextlib.nullcontext():
            yield run
    except BaseException as error:
        run.fail(error)
        raise
