"""Puts monitoring reports and searches for a recipe into MLflow experiments of their own.

A report is a run, so that accuracies make a curve; a search is a run with the best recipe, and below it one per trial.
"""

import json
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.core.errors import TrackingError
from bakeoff.records.tuning import FILE, TuningRecord
from bakeoff.tracking.params import TrackingParams
from bakeoff.tracking.records import finite, hash_of
from bakeoff.tracking.runs import log_final_metrics
from bakeoff.tracking.store import experiment_id, finished_run, open_client, survive_store

if TYPE_CHECKING:
    from mlflow.entities import Run

REPORT_FILE = "monitoring.json"
_FILES = (REPORT_FILE, "monitor.png")
_MONITORING_KEY, _TUNING_KEY = "bakeoff.monitoring_key", "bakeoff.tuning_key"
_COUNTS = ("n_new", "n_labelled", "n_refused", "n_reference")


def log_monitoring(folder: Path, params: TrackingParams) -> str | None:
    """Log monitoring/<name>/ to `<experiment>-monitoring` and return the run's id; a failing store costs a warning."""
    with survive_store(f"the monitoring {folder.name}"):
        return log_report(folder, params)
    return None


def log_report(folder: Path, params: TrackingParams) -> str:
    """Log one report, once, and return the run's id; the store's own errors pass through."""
    report = _read_report(folder / REPORT_FILE)
    key = hash_of((folder / REPORT_FILE).read_bytes())
    client, store = open_client()
    experiment = experiment_id(client, store, f"{params.experiment}-monitoring")
    if run_id := finished_run(client, experiment, _MONITORING_KEY, key):
        return run_id
    tags = {
        _MONITORING_KEY: key,
        "bakeoff.monitoring": str(report["name"]),
        **{f"bakeoff.{name}": str(report[name]) for name in ("candidate", "training_key", "verdict")},
        "mlflow.note.content": "\n\n".join(report["sentences"]),
    }
    monitored_ms = int(datetime.fromisoformat(report["monitored_at"]).timestamp() * 1000)
    run = client.create_run(experiment, start_time=monitored_ms, run_name=str(report["name"]), tags=tags)
    log_final_metrics(client, run, finite(dict(_metrics(report))), timestamp_ms=monitored_ms)
    for name in _FILES:
        if (folder / name).is_file():
            client.log_artifact(run.info.run_id, str(folder / name))
    client.set_terminated(run.info.run_id)
    return run.info.run_id


def _metrics(report: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in _COUNTS:
        yield name, report[name]
    for test in report["tests"]:
        yield f"{test['name']}_statistic", test["statistic"]
        yield f"{test['name']}_p_holm", test["p_holm"]
    performance = report["performance"]
    if performance and report["verdict"] != "no_evidence":
        for name in ("accuracy", "accuracy_at_deployment"):
            for part in ("value", "low", "high"):
                yield name if part == "value" else f"{name}_{part}", performance[name][part]
        yield "ece", performance["calibration"]["ece"]
    estimate = report["estimated_accuracy"]
    yield "estimated_accuracy_confidence", estimate["average_confidence"]["value"]
    yield "estimated_accuracy_threshold", estimate["threshold_on_confidence"]["value"]


def _read_report(path: Path) -> dict[str, Any]:
    """Return monitoring.json, an object."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrackingError(f"{path} is not valid JSON ({error}); rerun the stage that wrote it.") from None
    if not isinstance(values, dict):
        raise TrackingError(f"{path} must hold a JSON object, got {type(values).__name__}; rerun its stage.")
    return values


def log_tuning(record: TuningRecord, folder: Path, params: TrackingParams) -> str | None:
    """Log tuning/<candidate>/ to `<experiment>-tuning`, once, and return the run's id; a lost store costs a warning."""
    with survive_store(f"the tuning of {record.candidate}"):
        from mlflow.entities import Param

        key = hash_of((folder / FILE).read_bytes())
        client, store = open_client()
        experiment = experiment_id(client, store, f"{params.experiment}-tuning")
        if run_id := finished_run(client, experiment, _TUNING_KEY, key):
            return run_id
        now_ms = int(time.time() * 1000)
        tags = {_TUNING_KEY: key, "bakeoff.candidate": record.candidate}
        parent = client.create_run(experiment, run_name=record.candidate, tags=tags)
        parts: list[tuple[Run, dict[str, Any], float | None]] = [(parent, record.values, record.best)]
        for trial in record.trials:
            nested = {"mlflow.parentRunId": parent.info.run_id, "bakeoff.state": trial.state}
            run = client.create_run(experiment, run_name=f"trial {trial.number}", tags=nested)
            parts.append((run, trial.values, trial.value))
        for run, values, value in reversed(parts):
            client.log_batch(run.info.run_id, params=[Param(path, str(one)) for path, one in values.items()])
            log_final_metrics(client, run, finite({f"validation_{record.measure}": value}), timestamp_ms=now_ms)
            if run is parent:
                client.log_artifacts(run.info.run_id, str(folder))
            client.set_terminated(run.info.run_id)
        return parent.info.run_id
    return None
