"""Puts comparisons, monitoring reports and searches for a recipe into MLflow experiments of their own, each once.

A comparison is a run with leaderboard, figures, choice and model card, a report one too, so that accuracies make a
curve; a search is a run with the best recipe, and below it one per trial.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.core.errors import BakeoffError, TrackingError
from bakeoff.core.failures import FILE
from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.decision.measures import RECORDED
from bakeoff.records import tuning
from bakeoff.records.candidate import Candidate
from bakeoff.tracking.params import TrackingParams
from bakeoff.tracking.records import as_value, finite, has_training, hash_of, read_results, read_rows
from bakeoff.tracking.registry import register_winner
from bakeoff.tracking.runs import find_run, log, mark_table, table_of_csv
from bakeoff.tracking.store import experiment_id, is_store_error, open_client, survive_store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

REPORT_FILE = "monitoring.json"
_COUNTS = ("n_new", "n_labelled", "n_refused", "n_reference")
_TABLE = "leaderboard.json"
_REPORTS = (
    *("leaderboard.csv", "choice.json", "metrics.json", "learning_curves.csv", "pareto.png", "differences.png"),
    *("index.html", "model_card.md", "note.md"),
)
_EXPLANATIONS = "explanations"
_KEYED = ("leaderboard.csv", "choice.json", "model_card.md", FILE)
_SPEED = [measure for measure in RECORDED if measure.path.startswith("speed.") and measure.path.count(".") == 1]
"""The leaderboard's columns that a candidate's run shows, under the names they have in the network's record."""
_WINNER_METRICS = ("accuracy", "macro_f1", "weighted_f1", "log_loss", "latency_ms", "images_per_s", "size_mib")


def log_comparison(reports_dir: Path, runs_dir: Path, params: TrackingParams) -> str | None:
    """Log reports/ to `<experiment>-comparison` and register the winner; a failing store costs one warning line each.

    Return the run's id, or None where there is no leaderboard or the store did not take it.
    """
    run_id = None
    with survive_store("the comparison") as attempt:
        run_id = log_reports(reports_dir, runs_dir, params)
    if run_id is not None or (attempt.error and not is_store_error(attempt.error)):  # a store that is gone is told once
        register_winner(reports_dir, params)
    return run_id


def log_reports(reports_dir: Path, runs_dir: Path, params: TrackingParams) -> str | None:
    """Do what `log_comparison` does; the store's own errors pass through."""
    leaderboard, choice = reports_dir / "leaderboard.csv", reports_dir / "choice.json"
    if not leaderboard.is_file():
        return None
    told = [*(reports_dir / name for name in _KEYED), *sorted((reports_dir / _EXPLANATIONS).glob("*.html"))]
    key = hash_of(*(path.read_bytes() if path.is_file() else b"" for path in told))
    client, store = open_client()
    _log_compared_times(client, experiment_id(client, store, params.experiment), runs_dir, leaderboard)
    client, experiment, tag, logged = _open(params, "comparison", key)
    if logged:
        return logged
    record, table, rows = ChoiceRecord.read_if_there(choice), table_of_csv(leaderboard), read_rows(leaderboard)
    answers = record.answers if record else {}
    repair = next((row["repair"] for row in rows if row.get("repair")), "none")
    tags = tag | {"bakeoff.repair": repair} | {f"bakeoff.{name}": row["candidate"] for name, row in answers.items()}
    run = client.create_run(experiment, run_name=f"comparison of {len(table['data'])}", tags=tags)
    run_id, written_ms = run.info.run_id, int(leaderboard.stat().st_mtime * 1000)
    log(client, run, "metrics", _winner_metrics(record) if record else {}, timestamp_ms=written_ms)
    client.log_dict(run_id, table, _TABLE)
    mark_table(client, run, _TABLE)
    try:
        _log_files(client, run_id, reports_dir, _REPORTS)
        if (folder := reports_dir / _EXPLANATIONS).is_dir():
            client.log_artifacts(run_id, str(folder), _EXPLANATIONS)
    except Exception:
        client.set_terminated(run_id, "FAILED")  # the next comparison or `sync` makes another one
        raise
    client.set_terminated(run_id)
    return run_id


def _log_compared_times(client: MlflowClient, experiment: str, runs_dir: Path, leaderboard: Path) -> None:
    """Make the candidates' runs show the leaderboard's times: those of trainings that were compared, by their keys."""
    for row in read_rows(leaderboard):
        times = finite({one.path.removeprefix("speed."): as_value(row.get(one.name) or "") for one in _SPEED})
        folder = Candidate(row["candidate"], int(row["seed"])).folder(runs_dir)
        if not times or not has_training(folder):
            continue
        try:
            results = read_results(folder)
        except BakeoffError:  # `sync` names it
            continue
        run = find_run(client, experiment, candidate=results.training.candidate, keys=results.keys)
        if run is not None and results.training.key == row.get("key"):
            log(client, run, "metrics", times, timestamp_ms=int(time.time() * 1000))


def _winner_metrics(choice: ChoiceRecord) -> dict[str, float]:
    found = {}
    for name, row in choice.answers.items():
        found |= {f"{name}_{metric}": row.get(metric) for metric in _WINNER_METRICS}
        corrected = choice.corrected.get(row["candidate"])
        found[f"{name}_accuracy_corrected"] = corrected.accuracy.estimate if corrected else None
    return finite(found)


def log_monitoring(folder: Path, params: TrackingParams) -> str | None:
    """Log monitoring/<name>/ to `<experiment>-monitoring` and return the run's id; a failing store costs a warning."""
    with survive_store(f"the monitoring {folder.name}"):
        return log_report(folder, params)
    return None


def log_report(folder: Path, params: TrackingParams) -> str:
    """Log one report, once, and return the run's id; the store's own errors pass through."""
    file = folder / REPORT_FILE
    try:
        report = json.loads(file.read_bytes())
    except ValueError as error:
        raise TrackingError(f"{file} is not valid JSON ({error}); rerun the stage that wrote it.") from None
    if not isinstance(report, dict):
        raise TrackingError(f"{file} must hold a JSON object, got {type(report).__name__}; rerun its stage.")
    client, experiment, tag, logged = _open(params, "monitoring", hash_of(file.read_bytes()))
    if logged:
        return logged
    tags = {
        **tag,
        "bakeoff.monitoring": str(report["name"]),
        **{f"bakeoff.{name}": str(report[name]) for name in ("candidate", "training_key", "verdict")},
        "mlflow.note.content": "\n\n".join(report["sentences"]),
    }
    monitored_ms = int(datetime.fromisoformat(report["monitored_at"]).timestamp() * 1000)
    run = client.create_run(experiment, start_time=monitored_ms, run_name=str(report["name"]), tags=tags)
    log(client, run, "metrics", finite(dict(_monitoring_metrics(report))), timestamp_ms=monitored_ms)
    _log_files(client, run.info.run_id, folder, (REPORT_FILE, "monitor.png"))
    client.set_terminated(run.info.run_id)
    return run.info.run_id


def _monitoring_metrics(report: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
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


def log_tuning(record: tuning.TuningRecord, folder: Path, params: TrackingParams) -> str | None:
    """Log tuning/<candidate>/ to `<experiment>-tuning`, once, and return the run's id; a lost store costs a warning."""
    with survive_store(f"the tuning of {record.candidate}"):
        key = hash_of((folder / tuning.FILE).read_bytes())
        client, experiment, tag, logged = _open(params, "tuning", key)
        if logged:
            return logged
        now_ms = int(time.time() * 1000)
        tags = tag | {"bakeoff.candidate": record.candidate}
        parent = client.create_run(experiment, run_name=record.candidate, tags=tags)
        parts: list[tuple[Run, dict[str, Any], float | None]] = [(parent, record.values, record.best)]
        for trial in record.trials:
            nested = {"mlflow.parentRunId": parent.info.run_id, "bakeoff.state": trial.state}
            run = client.create_run(experiment, run_name=f"trial {trial.number}", tags=nested)
            parts.append((run, trial.values, trial.value))
        for run, values, value in reversed(parts):
            log(client, run, "params", {path: str(one) for path, one in values.items()})
            log(client, run, "metrics", finite({f"validation_{record.measure}": value}), timestamp_ms=now_ms)
            if run is parent:
                client.log_artifacts(run.info.run_id, str(folder))
            client.set_terminated(run.info.run_id)
        return parent.info.run_id
    return None


def _open(params: TrackingParams, kind: str, key: str) -> tuple[MlflowClient, str, dict[str, str], str | None]:
    """Return a client, the experiment of a kind of results, the tag that tells these, and the run that has them."""
    client, store = open_client()
    experiment, tag = experiment_id(client, store, f"{params.experiment}-{kind}"), f"bakeoff.{kind}_key"
    found = client.search_runs([experiment], f"tags.`{tag}` = '{key}' and attributes.status = 'FINISHED'")
    return client, experiment, {tag: key}, found[0].info.run_id if found else None


def _log_files(client: MlflowClient, run_id: str, folder: Path, names: Sequence[str]) -> None:
    for name in names:
        if (folder / name).is_file():
            client.log_artifact(run_id, str(folder / name))
