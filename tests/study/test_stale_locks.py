"""Locks of processes that are gone are cleared and named; those of living ones stay."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bakeoff.study.dvc_locks import clear_stale_locks

pytestmark = pytest.mark.torch  # DVC is in .venv-torch
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def processes():
    """Three processes: DVC's, another program that has a dead one's number, and a dead one that nobody waited for."""
    living, other, dead = (subprocess.Popen([*SLEEP, *rest]) for rest in (["dvc", "repro"], ["editor"], ["dvc"]))
    dead.kill()
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    yield living, other, dead
    for process in (living, other, dead):
        process.kill()
        process.wait()


def entry(process: subprocess.Popen, command: str = "/a/dvc/__main__.py repro --keep-going") -> dict:
    return {"pid": process.pid, "cmd": command}


def write(root: Path, held: dict, name: str = "rwlock") -> Path:
    path = root / ".dvc" / "tmp" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(held))
    return path


def test_entries_of_the_dead_go_and_those_of_the_living_stay(tmp_path, processes):
    living, other, dead = processes
    held = {"write": {"runs/a": entry(dead), "runs/b": entry(living)}}
    held["read"] = {"data": [entry(living), entry(other), entry(dead)], "conf": [entry(other)]}
    path = write(tmp_path, held)
    write(tmp_path, {"read": {"workspace": [entry(dead)]}}, "exps/rwlock")
    found = clear_stale_locks(tmp_path)
    assert sorted(found) == sorted(f"PID {each.pid} (dvc repro --keep-going)" for each in (dead, other))
    assert json.loads(path.read_text()) == {"write": {"runs/b": entry(living)}, "read": {"data": [entry(living)]}}
    assert clear_stale_locks(tmp_path) == []


@pytest.mark.parametrize("text", ["", '{"write": {"a": {"pid"', "[]", '{"write": {"a": 7}}'])
def test_a_file_cut_short_goes(tmp_path, text):
    path = write(tmp_path, {})
    path.write_text(text)
    assert clear_stale_locks(tmp_path) == [""]
    assert not path.exists()


def test_nothing_is_there_to_clear(tmp_path):
    assert clear_stale_locks(tmp_path) == []
    path = write(tmp_path, {"write": {}, "read": {}})
    assert clear_stale_locks(tmp_path) == []
    assert path.exists()


@pytest.mark.slow
def test_dvc_goes_on_after_it_was_killed_outright(tmp_path):
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  wait:\n    cmd: touch started; test -f go || sleep 60; echo done > out\n    outs: [out]\n"
    )

    def dvc(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "dvc", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert dvc("init", "--no-scm").returncode == 0
    running = subprocess.Popen([sys.executable, "-m", "dvc", "repro"], cwd=tmp_path, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)  # it stays a zombie until somebody waits, as in a container without init
    (tmp_path / "go").touch()
    try:
        stopped = dvc("repro")
        assert stopped.returncode != 0
        assert "is busy" in stopped.stderr
        assert clear_stale_locks(tmp_path) == [f"PID {running.pid} (dvc repro)"]
        assert dvc("repro").returncode == 0
        assert (tmp_path / "out").read_text() == "done\n"
    finally:
        running.wait()
