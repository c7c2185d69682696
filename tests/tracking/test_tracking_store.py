from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff.tracking import store
from bakeoff.tracking.store import Store, ensure_store, experiment_id, in_words, open_client, resolve_store

SOURCE = Path(__file__).parents[2] / "src"
OPEN = "from bakeoff.tracking.store import open_client; print(len(open_client()[0].search_experiments()))"


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("NewConnectionError('x: Connection refused')", "its server does not answer"),
        ("ConnectTimeoutError(<x>, 'Connection to x timed out.')", "its server does not answer"),
        ("SSLError(1, 'certificate verify failed')", "SSLError(1, 'certificate verify failed')"),
        ("NameResolutionError(\"Failed to resolve 'x'\")", "NameResolutionError(\"Failed to resolve 'x'\")"),
    ],
)
def test_a_server_out_of_reach_is_told_with_its_cause(cause, words):
    error = ConnectionError(
        f"HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: / (Caused by {cause})"
    )
    assert in_words(error) == words


@pytest.mark.slow
def test_the_local_store_lies_in_mlruns(bare_project):
    assert resolve_store() == Store(
        f"sqlite:///{bare_project}/mlruns/mlflow.db", f"file://{bare_project}/mlruns/artifacts"
    )
    ensure_store()
    assert (bare_project / "mlruns" / "mlflow.db").is_file()


def test_the_variable_names_another_store_and_nothing_is_made_here(bare_project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert ensure_store() == Store("http://127.0.0.1:9", None)
    assert not (bare_project / "mlruns").exists()


def test_a_named_sqlite_store_keeps_its_artifacts_beside_it(project, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/other/mlflow.db")
    assert resolve_store() == Store(f"sqlite:///{tmp_path}/other/mlflow.db", f"file://{tmp_path}/other/artifacts")


@pytest.mark.slow
def test_two_processes_make_one_store_at_once(bare_project):
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    assert [out for out, _ in answers] == [b"1\n", b"1\n"]


@pytest.mark.slow
def test_a_half_made_database_is_finished(bare_project):
    (bare_project / "mlruns").mkdir()
    with sqlite3.connect(bare_project / "mlruns" / "mlflow.db") as connection:
        connection.execute("create table other (id integer)")
    connection.close()
    client, _ = open_client()
    assert [found.name for found in client.search_experiments()] == ["Default"]


def test_a_second_opening_creates_nothing(project, monkeypatch):
    """Creating takes MLflow seconds, and 45 stages open the store."""
    ensure_store()
    monkeypatch.setattr(store, "FileLock", lambda *_, **__: pytest.fail("the store was created again"))
    ensure_store()


def test_experiments_keep_their_artifacts_under_mlruns(project):
    client, store = open_client()
    made = experiment_id(client, store, "bakeoff")
    assert experiment_id(client, store, "bakeoff") == made
    assert client.get_experiment(made).artifact_location == f"file://{project}/mlruns/artifacts/bakeoff"


def test_an_experiment_in_the_trash_is_restored(project):
    client, store = open_client()
    made = experiment_id(client, store, "bakeoff")
    client.delete_experiment(made)
    assert experiment_id(client, store, "bakeoff") == made
    assert client.get_experiment(made).lifecycle_stage == "active"


@pytest.mark.slow
def test_odd_folder_names_do_not_break_the_store(tmp_path, monkeypatch):
    folder = tmp_path / "a bé"
    folder.mkdir()
    monkeypatch.setenv("BAKEOFF_ROOT", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client, store = open_client()
    run = client.create_run(experiment_id(client, store, "bakeoff"))
    client.log_text(run.info.run_id, "x", "a.txt")
    assert [item.path for item in client.list_artifacts(run.info.run_id)] == ["a.txt"]
