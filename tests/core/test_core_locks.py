"""A lock that another process holds is waited for, with a word; one whose holder died is free."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from bakeoff.core.locks import measuring_lock, waiting_lock

HOLD = """
import sys, time, filelock
lock = filelock.FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
sys.stdin.readline()
time.sleep(0.3)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a.lock until it is told, and a little longer."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "a.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_free_lock_is_taken_in_silence_and_given_back(tmp_path, capsys):
    path = tmp_path / "folder" / "a.lock"
    for _ in range(2):
        with waiting_lock(path, what="a thing"):
            assert not _can_be_had(path)
        assert _can_be_had(path)
    assert capsys.readouterr().err == ""


def _can_be_had(path) -> bool:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except TimeoutError:
        return False
    lock.release()
    return True


def test_a_held_lock_is_waited_for_and_named(holder, tmp_path, capsys):
    path, start = tmp_path / "a.lock", time.monotonic()
    holder.stdin.write("go\n")
    holder.stdin.flush()
    with waiting_lock(path, what="features 0123"):
        assert time.monotonic() - start >= 0.3
    assert capsys.readouterr().err == f"bakeoff: another process holds features 0123 ({path}); waiting for it.\n"


def test_an_error_frees_it(tmp_path):
    with pytest.raises(KeyboardInterrupt), waiting_lock(tmp_path / "a.lock", what="a thing"):
        raise KeyboardInterrupt
    assert _can_be_had(tmp_path / "a.lock")


def test_a_process_that_was_killed_holds_nothing(holder, tmp_path, capsys):
    assert not _can_be_had(tmp_path / "a.lock")
    holder.kill()
    holder.wait()
    with waiting_lock(tmp_path / "a.lock", what="a thing"):
        pass
    assert capsys.readouterr().err == ""


def test_all_measurements_of_a_machine_share_one_lock(tmp_path, monkeypatch):
    first = measuring_lock()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    assert measuring_lock() == first
