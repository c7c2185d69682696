"""Where things are, also in DVC's copies; errors become one sentence."""

import io
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError

import pytest

from bakeoff.core.errors import DataError, exit_cleanly
from bakeoff.core.paths import environment_python, main_checkout, project_root, state_dir


@pytest.fixture(autouse=True)
def _no_overrides(monkeypatch):
    for name in ("BAKEOFF_ROOT", "BAKEOFF_PYTHON_TORCH", "BAKEOFF_PYTHON_TF", "BAKEOFF_DEBUG"):
        monkeypatch.delenv(name, raising=False)


def test_a_temp_copy_belongs_to_the_main_checkout(tmp_path):
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "standalone" / "tmpabc"
    copy.mkdir(parents=True)
    (copy / "dvc.yaml").touch()
    assert main_checkout(copy) == tmp_path
    assert project_root(copy) == copy


def test_a_subfolder_belongs_to_its_project(tmp_path):
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "docs").mkdir()
    assert project_root(tmp_path / "docs") == tmp_path
    assert main_checkout(tmp_path / "docs") == tmp_path


def test_overrides(tmp_path, monkeypatch):
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    monkeypatch.setenv("BAKEOFF_PYTHON_TF", "/opt/python")
    assert main_checkout(Path("/")) == tmp_path
    assert environment_python("tf") == Path("/opt/python")
    assert environment_python("torch") == tmp_path / ".venv-torch" / "bin" / "python"
    assert state_dir("features").is_dir()


def test_an_error_is_one_sentence_and_status_1(capsys):
    with pytest.raises(SystemExit) as stop, exit_cleanly():
        raise DataError("the table has no column 'image'; it has: a, b.")
    assert stop.value.code == 1
    assert capsys.readouterr().err == "bakeoff: the table has no column 'image'; it has: a, b.\n"


def one_sentence(capsys, error, told):
    with pytest.raises(SystemExit) as stop, exit_cleanly():
        raise error
    assert stop.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(f"bakeoff: {told}"), said
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "/d/x.arrow"), "No space left on device: /d/x.arrow; free some space"),
        (
            OSError(13, "Permission denied", b"/d/a.csv"),
            "Permission denied: /d/a.csv; make it usable for you and run again",
        ),
        (OSError(24, "Too many open files", "/d/x"), "Too many open files: /d/x; allow more with `ulimit -n 4096`"),
        (IsADirectoryError(21, "Is a directory", "/d/params.yaml"), "Is a directory: /d/params.yaml; mend that"),
        (OSError(30, "Read-only file system", "/d/a", None, "/d/b"), "Read-only file system: /d/a and /d/b; make"),
        (FileNotFoundError(2, "No such file or directory", Path("/d/x")), "No such file or directory: /d/x; mend that"),
    ],
)
def test_an_error_of_the_system_names_its_file(tmp_path, monkeypatch, capsys, error, told):
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    said = one_sentence(capsys, error, told)
    assert ("the traceback is in" in said) == (tmp_path / ".bakeoff" / "logs").exists() == ("mend that" in told)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ZeroDivisionError("division\nby zero"),
            "unexpected error: ZeroDivisionError: division by zero;",
        ),
        (
            OSError(28, "No space left on device"),
            "OSError: [Errno 28] No space left on device; free some",
        ),
        (OSError(9, "Bad file descriptor", 5), "unexpected error: OSError: [Errno 9] Bad file descriptor: 5;"),
        (
            HTTPError("https://x", 403, "Forbidden", Message(), None),
            "unexpected error: HTTPError: HTTP Error 403: Forb",
        ),
        (ModuleNotFoundError("No module named 'timm'"), "a package cannot be loaded (ModuleNotFoundError: No module"),
    ],
)
def test_what_nobody_foresaw_is_one_sentence_and_a_log(tmp_path, monkeypatch, capsys, error, told):
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    said = one_sentence(capsys, error, told)
    (log,) = (tmp_path / ".bakeoff" / "logs").iterdir()
    assert f"the traceback is in {log}" in said
    assert f"{type(error).__name__}: " in log.read_text()


def test_a_log_that_cannot_be_written_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    (tmp_path / ".bakeoff").write_text("a file")
    with pytest.raises(SystemExit), exit_cleanly():
        raise KeyError("x")
    assert "the traceback could not be kept" in capsys.readouterr().err


def test_an_interrupt_is_one_line_and_status_130(capsys):
    with pytest.raises(SystemExit) as stop, exit_cleanly():
        raise KeyboardInterrupt
    assert stop.value.code == 130
    assert capsys.readouterr().err.startswith("bakeoff: interrupted; the same command starts again")


def test_a_screen_without_the_signs_gets_others_in_their_place(monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", screen)
    with exit_cleanly():
        print("Épicerie caf\udce9")
    screen.flush()
    assert screen.buffer.getvalue() == b"?picerie caf?\n"


def test_debug_shows_the_traceback():
    with pytest.raises(DataError), exit_cleanly(debug=True):
        raise DataError("x")
