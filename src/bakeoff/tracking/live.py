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
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

_SAMPLING_S = 2
_SAMPLES_PER_POINT = 2
_MAX_SENTENCE_CHARS = 500


class LiveRun:
    """The open MLflow run of one training; `run_id` is None where no store could be reached."""

    def __init__(self, header: TrainingHeader, params: TrackingParams) -> None:
        self._header = header
        self._params = params
        self._client: MlflowClient | None = None
        self._run: Run | None = None
        self._monitor: SystemMetricsMonitor | None = None
        self._logged: set[int] = set()

    @property
    def run_id(self) -> str | None:
        """The run's id, or None."""
        return self._run.info.run_id if self._run else None

    def start(self) -> None:
        """Make the run, or go on with the one that has the same training key, and watch CPU and memory."""
        header = self._header
        with self._attempt():
            client, store = open_client()
            experiment = experiment_id(client, store, self._params.experiment)
            found = runs.find_run(client, experiment, candidate=header.candidate, keys={"training": header.key})
            run = found or runs.create_run(client, experiment, training=header, commit=git_commit())
            if found:
                client.update_run(run.info.run_id, status="RUNNING")
            self._client, self._run = client, run
            runs.log(client, run, "params", run_params(header))
            self._logged = set(logged_epochs(client, run))
        if self._client and self._params.system_metrics:
            with survive_store("CPU and memory"):
                from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

                often = {"sampling_interval": _SAMPLING_S, "samples_before_logging": _SAMPLES_PER_POINT}
                uri = open_client()[1].uri
                self._monitor = SystemMetricsMonitor(self.run_id, **often, resume_logging=True, tracking_uri=uri)
                self._monitor.start()

    def log_epoch(self, row: Mapping[str, Any]) -> None:
        """Log one row of history.csv as metrics `epoch/<column>` at step `epoch`; an epoch that is there stays."""
        if self._client is None or self._run is None:
            return
        with self._attempt():
            from mlflow.entities import Metric

            epoch, now_ms = int(float(row["epoch"])), int(time.time() * 1000)
            if epoch not in self._logged:
                metrics = [Metric(name, value, now_ms, epoch) for name, value in epoch_metrics(row).items()]
                runs.log_in_batches(self._client, self._run.info.run_id, "metrics", metrics)
                self._logged.add(epoch)

    def stop(self) -> None:
        """Stop watching; the run stays open until `replay` has put the finished training's figures in."""
        if self._monitor:
            monitor, self._monitor = self._monitor, None
            with survive_store("CPU and memory"):
                monitor.finish()

    def fail(self, error: BaseException) -> None:
        """Close the run with the error in the tag `bakeoff.error`: as KILLED after Ctrl-C and a stage's sys.exit."""
        self.stop()
        name, status = type(error).__name__, "FAILED" if isinstance(error, Exception) else "KILLED"
        sentence = f"{name}: {error}" if status == "FAILED" else name
        if self._client and self._run:
            with self._attempt():
                runs.log(self._client, self._run, "tags", {runs.ERROR: sentence[:_MAX_SENTENCE_CHARS]})
                self._client.set_terminated(self._run.info.run_id, status)

    @contextlib.contextmanager
    def _attempt(self) -> Iterator[None]:
        """Let the block fail: at the first failure warn and let it be from then on."""
        with survive_store(runs.run_name(self._header), self._header.key) as attempt:
            yield
        if attempt.error:
            self._client = None


@contextlib.contextmanager
def live_run(header: TrainingHeader, params: TrackingParams) -> Iterator[LiveRun]:
    """Show a training in MLflow while the block runs, which gets a `LiveRun` to log its epochs."""
    run = LiveRun(header, params)
    run.start()
    try:
        yield run
    except BaseException as error:
        run.fail(error)
        raise
    finally:
        run.stop()
