from __future__ import annotations

import json
import re
import time

import pytest
from tracking_files import (
    epoch_row,
    header,
    write_candidate,
    write_evaluation,
    write_json,
    write_picture,
    write_reports,
)

from bakeoff.core.errors import TrackingError
from bakeoff.tracking.experiments import log_comparison, log_monitoring
from bakeoff.tracking.live import live_run
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.rebuild import sync
from bakeoff.tracking.store import open_client
from records_made import choice_record


@pytest.fixture
def runs_dir(project):
    write_candidate(project / "runs" / "tiny-frozen" / "seed_0")
    write_candidate(project / "runs" / "other-frozen" / "seed_0", candidate="other-frozen", key="2" * 16)
    return project / "runs"


def snapshot(experiment="bakeoff"):
    """Everything that counts about the runs, without ids and clocks."""
    client, _ = open_client()
    runs = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    own = {"mlflow.loggedArtifacts", "mlflow.runName"}
    return sorted(
        (
            run.info.run_name,
            run.info.status,
            sorted(run.data.metrics.items()),
            sorted(run.data.params.items()),
            sorted(item for item in run.data.tags.items() if item[0].startswith("bakeoff.") or item[0] in own),
        )
        for run in runs
    )


@pytest.mark.slow
def test_sync_rebuilds_what_the_stages_logged(runs_dir, project, tracking_params, monkeypatch):
    (runs_dir / "other-frozen" / "seed_0" / "evaluation" / "metrics.json").rename(project / "later.json")
    with live_run(header(), tracking_params):
        pass
    for folder in ("tiny-frozen", "other-frozen"):
        replay(runs_dir / folder / "seed_0", params=tracking_params)
    (project / "later.json").rename(runs_dir / "other-frozen" / "seed_0" / "evaluation" / "metrics.json")
    replay(runs_dir / "other-frozen" / "seed_0", params=tracking_params)
    log_comparison(write_reports(project / "reports"), project / "runs", tracking_params)
    original, compared = snapshot(), snapshot("bakeoff-comparison")
    (project / "clone").mkdir()
    monkeypatch.setenv("BAKEOFF_ROOT", str(project / "clone"))
    report = sync(runs_dir, project / "reports", tracking_params)
    assert (report.runs, report.comparison) == ({"created": 2}, True)
    assert snapshot() == original
    assert snapshot("bakeoff-comparison") == compared


@pytest.mark.slow
def test_syncing_again_changes_nothing(runs_dir, project, tracking_params):
    sync(runs_dir, write_reports(project / "reports"), tracking_params)
    before = snapshot()
    report = sync(runs_dir, project / "reports", tracking_params)
    assert report.runs == {"unchanged": 2}
    assert snapshot() == before
    assert "0 runs made, 0 updated, 2 already there; the comparison is in it" in str(report)


def test_nothing_to_sync(project, tracking_params):
    report = sync(project / "runs", project / "reports", tracking_params)
    assert "0 runs made" in str(report)
    assert "no comparison is in it" in str(report)


@pytest.mark.parametrize("name", ["training/training.json", "evaluation/metrics.json", "interpretation/parts.json"])
def test_a_broken_record_is_left_out_and_named(name, runs_dir, project, tracking_params):
    (runs_dir / "other-frozen" / "seed_0" / name).write_text("{", encoding="utf-8")
    report = sync(runs_dir, project / "reports", tracking_params)
    assert report.runs["created"] == 1
    assert "left out: " in str(report)
    assert f"{name} is not valid JSON" in report.problems[0]


@pytest.mark.parametrize(
    ("text", "problem"), [("{", "is not valid JSON"), ('{"format": 3, "best": {}}', "lacks language")]
)
def test_a_broken_choice_is_named_and_leaves_no_run(runs_dir, project, tracking_params, text, problem):
    (write_reports(project / "reports") / "choice.json").write_text(text, encoding="utf-8")
    report = sync(runs_dir, project / "reports", tracking_params)
    assert [problem in one for one in report.problems] == [True]
    client, _ = open_client()
    comparison = client.get_experiment_by_name("bakeoff-comparison")
    assert client.search_runs([comparison.experiment_id]) == []


def test_sync_without_a_server_stops_with_a_sentence(runs_dir, project, tracking_params, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(TrackingError, match=r"cannot be written .* start its server, or unset"):
        sync(runs_dir, project / "reports", tracking_params)


STORES = [
    (
        "postgresql://u:p@127.0.0.1:9/x",
        r"postgresql://127\.0\.0\.1:9/x .*driver is missing: `pip install 'psycopg\[binary\]'`",
    ),
    ("mysql://u:p@127.0.0.1/x", r"driver is missing: `pip install 'mysqlclient'`"),
    ("file:///nowhere/mlruns", r"file:///nowhere/mlruns .*MLflow 3 writes no plain folder: name a database"),
    ("plain", "MLflow 3 writes no plain folder: name a database, sqlite:////full/path"),
    ("databricks", "Databricks' credentials are missing: set DATABRICKS_HOST"),
    ("http://127.0.0.1:9", r"http://127\.0\.0\.1:9 .*its server does not answer"),
    ("sqlite+pysqlite:////proc/nowhere/x.db", "unable to open database file"),
    ("gopher://x", "unsupported URI"),
]


@pytest.mark.survives
@pytest.mark.parametrize(("uri", "words"), STORES)
def test_a_store_that_cannot_be_used_costs_a_training_one_line_and_sync_says_why(
    uri, words, runs_dir, project, tracking_params, monkeypatch, capfd
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    started_s = time.monotonic()
    with live_run(header(), tracking_params) as run:
        run.log_epoch(epoch_row(1))
    assert replay(runs_dir / "tiny-frozen" / "seed_0", params=tracking_params) is None
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert re.search(rf"^bakeoff: warning: the MLflow store .*{words}.*`bakeoff sync` repairs the store", lines[0])
    assert "u:p" not in lines[0]
    with pytest.raises(TrackingError, match=rf"{words}.* unset MLFLOW_TRACKING_URI to use the local store") as told:
        sync(runs_dir, project / "reports", tracking_params)
    assert "u:p" not in str(told.value)
    assert time.monotonic() - started_s < 20  # MLflow itself tries ten times at a database, for 200 s


def test_a_run_and_an_experiment_of_the_environment_have_no_effect(runs_dir, project, tracking_params, monkeypatch):
    """A notebook's or an MLflow project's, which such a shell has set."""
    monkeypatch.setenv("MLFLOW_RUN_ID", "0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "77")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    with live_run(header(), tracking_params) as run:
        run.log_epoch(epoch_row(1))
    assert replay(runs_dir / "tiny-frozen" / "seed_0", params=tracking_params) == run.run_id
    client, _ = open_client()
    assert client.get_experiment(client.get_run(run.run_id).info.experiment_id).name == "bakeoff"
    assert sorted(one.name for one in client.search_experiments()) == ["Default", "bakeoff"]


def test_the_comparison_is_one_run_of_its_own_experiment(project, tracking_params):
    reports = write_reports(project / "reports")
    run_id = log_comparison(reports, reports.parent / "runs", tracking_params)
    assert log_comparison(reports, reports.parent / "runs", tracking_params) == run_id
    client, _ = open_client()
    run = client.get_run(run_id)
    assert run.data.tags["bakeoff.best"] == "tiny-frozen"
    assert run.data.metrics == {"best_accuracy": 0.75, "best_latency_ms": 60.0}
    paths = {item.path for item in client.list_artifacts(run_id)}
    assert paths == {"leaderboard.csv", "leaderboard.json", "choice.json", "pareto.png", "index.html", "explanations"}
    assert [item.path for item in client.list_artifacts(run_id, "explanations")] == ["explanations/food.html"]
    path = client.download_artifacts(run_id, "leaderboard.json", str(project))
    with open(path, encoding="utf-8") as file:
        table = json.load(file)
    assert table["columns"][:2] == ["rank", "candidate"]
    assert table["data"][1] == [2, "other-frozen", 0, 0.5, None]


def metrics_of(candidate, *, experiment="bakeoff"):
    client, _ = open_client()
    runs = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return next(run.data.metrics for run in runs if run.info.run_name == candidate)


@pytest.mark.slow
def test_runs_show_the_times_that_were_compared(runs_dir, project, tracking_params):
    write_evaluation(runs_dir / "other-frozen" / "seed_0", training_key="2" * 16)
    for name in ("tiny-frozen", "other-frozen"):
        replay(runs_dir / name / "seed_0", params=tracking_params)
    assert metrics_of("tiny-frozen")["latency_ms_p90"] == 70
    reports = write_reports(project / "reports")
    (reports / "leaderboard.csv").write_text(
        "rank,candidate,seed,accuracy,latency_ms,latency_p90_ms,latency_p99_ms,images_per_s,ms_per_image,"
        f"predict_memory_mib,key\n1,tiny-frozen,0,0.75,30,35,45,40,25,,{'a' * 16}\n"
        f"2,other-frozen,0,0.5,1,1,1,1,1,1,{'9' * 16}\n3,gone-frozen,0,0.5,1,1,1,1,1,1,{'3' * 16}\n"
        ",failed-frozen,0,,,,,,,,\n",
        encoding="utf-8",
    )
    for _ in range(2):  # the second one finds the comparison, and nothing to change
        log_comparison(reports, runs_dir, tracking_params)
        shown = metrics_of("tiny-frozen")
        assert [shown[f"latency_ms_p{p}"] for p in (50, 90, 99)] == [30, 35, 45]
        assert (shown["images_per_s"], shown["ms_per_image"], shown["test_accuracy"]) == (40, 25, 0.75)
        assert shown["predict_memory_mib"] == 300
    assert metrics_of("other-frozen")["images_per_s"] == 70  # trained anew since that comparison
    client, _ = open_client()
    runs = client.search_runs([client.get_experiment_by_name("bakeoff").experiment_id])
    run = next(run for run in runs if run.info.run_name == "tiny-frozen")
    assert [point.value for point in client.get_metric_history(run.info.run_id, "images_per_s")] == [20, 40]


def test_another_choice_is_another_run(project, tracking_params):
    first = log_comparison(write_reports(project / "reports"), project / "runs", tracking_params)
    choice_record().write(project / "reports" / "choice.json")
    assert log_comparison(project / "reports", project / "runs", tracking_params) != first


def test_no_leaderboard_no_run(project, tracking_params):
    assert log_comparison(project / "reports", project / "runs", tracking_params) is None


def test_sync_rebuilds_the_monitoring_runs_once(project, tracking_params):
    share = {"value": 0.8, "low": 0.6, "high": 0.9}
    report = {"name": "2026-12", "candidate": "tiny-frozen", "training_key": "a" * 16, "verdict": "calm"}
    report |= {"sentences": ["Fine."], "monitored_at": "2026-12-01T10:00:00+00:00", "tests": []}
    report |= {"n_new": 30, "n_labelled": 30, "n_refused": 0, "n_reference": 12}
    report |= {"performance": {"accuracy": share, "accuracy_at_deployment": share, "calibration": {"ece": 0.1}}}
    report |= {"estimated_accuracy": {"average_confidence": share, "threshold_on_confidence": share}}
    write_json(project / "monitoring" / "2026-12" / "monitoring.json", report)
    write_picture(project / "monitoring" / "2026-12" / "monitor.png")
    (project / "monitoring" / "broken").mkdir()
    (project / "monitoring" / "broken" / "monitoring.json").write_text("no JSON")
    for _ in range(2):
        done = sync(project / "runs", project / "reports", tracking_params, monitoring_dir=project / "monitoring")
        assert "Monitoring reports in it: 1." in str(done)
        assert "left out: " in str(done)
        assert "is not valid JSON" in str(done)
    client, _ = open_client()
    (run,) = client.search_runs([client.get_experiment_by_name("bakeoff-monitoring").experiment_id])
    assert (run.info.run_name, run.data.metrics["accuracy_low"]) == ("2026-12", 0.6)
    assert log_monitoring(project / "monitoring" / "2026-12", tracking_params) == run.info.run_id
