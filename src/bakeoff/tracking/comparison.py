"""Puts the leaderboard, the figures, the choice and its model card into an MLflow experiment of their own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.core.errors import BakeoffError
from bakeoff.core.failures import FILE
from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.decision.measures import RECORDED
from bakeoff.records.candidate import Candidate
from bakeoff.tracking.artifacts import mark_table, table_of_csv
from bakeoff.tracking.params import TrackingParams
from bakeoff.tracking.records import as_value, finite, has_training, hash_of, read_results, read_rows
from bakeoff.tracking.registry import register_winner
from bakeoff.tracking.runs import find_run, log_final_metrics
from bakeoff.tracking.store import experiment_id, finished_run, is_store_error, open_client, survive_store

if TYPE_CHECKING:
    from mlflow import MlflowClient

_KEY_TAG = "bakeoff.comparison_key"
_TABLE = "leaderboard.json"
_FILES = (
    *("leaderboard.csv", "choice.json", "metrics.json", "learning_curves.csv", "pareto.png", "differences.png"),
    *("index.html", "model_card.md", "note.md"),
)
_FOLDERS = ("explanations",)
_KEYED = ("leaderboard.csv", "choice.json", "model_card.md", FILE)
_SPEED = [measure for measure in RECORDED if measure.path.startswith("speed.") and measure.path.count(".") == 1]
"""The leaderboard's columns that a candidate's run shows, under the names they have in the network's record."""
_WINNER_METRICS = ("accuracy", "macro_f1", "weighted_f1", "log_loss", "latency_ms", "images_per_s", "size_mib")


def log_comparison(reports_dir: Path, runs_dir: Path, params: TrackingParams) -> str | None:
    """Log reports/ to `<experiment>-comparison` and register the winner; a failing store costs one warning line each.

    Returns:
        The run's id; None where there is not a leaderboard or the store did not take it.
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
    key = hash_of(*(path.read_bytes() if (path := reports_dir / name).is_file() else b"" for name in _KEYED))
    client, store = open_client()
    _log_compared_times(client, experiment_id(client, store, params.experiment), runs_dir, leaderboard)
    experiment = experiment_id(client, store, f"{params.experiment}-comparison")
    if run_id := finished_run(client, experiment, _KEY_TAG, key):
        return run_id
    record, table, rows = ChoiceRecord.read_if_there(choice), table_of_csv(leaderboard), read_rows(leaderboard)
    answers = record.answers if record else {}
    repair = next((row["repair"] for row in rows if row.get("repair")), "none")
    tags = {_KEY_TAG: key, "bakeoff.repair": repair}
    tags |= {f"bakeoff.{name}": row["candidate"] for name, row in answers.items()}
    run = client.create_run(experiment, run_name=f"comparison of {len(table['data'])}", tags=tags)
    run_id, written_ms = run.info.run_id, int(leaderboard.stat().st_mtime * 1000)
    log_final_metrics(client, run, _metrics(record) if record else {}, timestamp_ms=written_ms)
    client.log_dict(run_id, table, _TABLE)
    mark_table(client, run, _TABLE)
    try:
        for name in _FILES:
            if (reports_dir / name).is_file():
                client.log_artifact(run_id, str(reports_dir / name))
        for name in _FOLDERS:
            if (reports_dir / name).is_dir():
                client.log_artifacts(run_id, str(reports_dir / name), name)
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
            log_final_metrics(client, run, times, timestamp_ms=int(time.time() * 1000))


def _metrics(choice: ChoiceRecord) -> dict[str, float]:
    found = {}
    for name, row in choice.answers.items():
        found |= {f"{name}_{metric}": row.get(metric) for metric in _WINNER_METRICS}
        corrected = choice.corrected.get(row["candidate"])
        found[f"{name}_accuracy_corrected"] = corrected.accuracy.estimate if corrected else None
    return finite(found)
