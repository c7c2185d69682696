"""Puts a monitoring report into an MLflow experiment of its own, a run each, so that accuracies make a curve."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from bakeoff.params import TrackingParams
from bakeoff.tracking.records import finite, read_record
from bakeoff.tracking.runs import log_final_metrics
from bakeoff.tracking.store import experiment_id, open_client, resolve_store, store_errors

_FILES = ("monitoring.json", "monitor.png")
_COUNTS = ("n_new", "n_labelled", "n_refused", "n_reference")


def log_monitoring(folder: Path, params: TrackingParams) -> str | None:
    """Log monitoring/<name>/ to `<experiment>-monitoring`; a failing store costs one warning line.

    Returns:
        The run's id, or None where the store did not take it.
    """
    try:
        return _log_report(folder, params)
    except store_errors() as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        sys.stderr.write(
            f"bakeoff: warning: the MLflow store {resolve_store().uri} did not take the monitoring ({reason}); "
            f"{folder} holds the report.\n"
        )
    return None


def _log_report(folder: Path, params: TrackingParams) -> str:
    report = read_record(folder / "monitoring.json")
    client, store = open_client()
    experiment = experiment_id(client, store, f"{params.experiment}-monitoring")
    tags = {
        "bakeoff.candidate": str(report["candidate"]),
        "bakeoff.training_key": str(report["training_key"]),
        "bakeoff.monitoring": str(report["name"]),
        "bakeoff.verdict": str(report["verdict"]),
        "mlflow.note.content": "\n\n".join(report["sentences"]),
    }
    run = client.create_run(experiment, run_name=str(report["name"]), tags=tags)
    for name in _FILES:
        client.log_artifact(run.info.run_id, str(folder / name))
    monitored_at = datetime.fromisoformat(report["monitored_at"])
    log_final_metrics(client, run, finite(dict(_metrics(report))), timestamp_ms=int(monitored_at.timestamp() * 1000))
    client.set_terminated(run.info.run_id)
    return run.info.run_id


def _metrics(report: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in _COUNTS:
        yield name, report[name]
    for test in report["tests"]:
        yield f"{test['name']}_statistic", test["statistic"]
        yield f"{test['name']}_p_holm", test["p_holm"]
    performance = report["performance"]
    if performance:
        for name in ("accuracy", "accuracy_at_deployment"):
            for part in ("value", "low", "high"):
                yield name if part == "value" else f"{name}_{part}", performance[name][part]
        yield "ece", performance["calibration"]["ece"]
    estimate = report["estimated_accuracy"]
    yield "estimated_accuracy_confidence", estimate["average_confidence"]["value"]
    yield "estimated_accuracy_threshold", estimate["threshold_on_confidence"]["value"]
