"""The command line teaches, refuses clearly, and the doctor names the cure."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bakeoff.cli import app, main
from bakeoff.core.translation import Translator
from bakeoff.study.doctor import Finding, _folder, examine, print_findings

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.torch


def test_help_names_every_command():
    said = CliRunner().invoke(app, ["--help"]).output
    for command in ("run", "params", "doctor", "fetch", "weights", "compare", "sync", "show", "ui", "convert", "clean"):
        assert command in said


def test_a_bad_choice_is_one_sentence(monkeypatch, capsys, tmp_path):
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bakeoff", "params", "dataset=amazon"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert "dataset=amazon is unknown; expected one of cars, flipkart, folder, food101" in capsys.readouterr().err


def test_full_on_a_cpu_wants_yes(monkeypatch):
    import io

    from bakeoff.core.errors import ParamsError
    from bakeoff.study import run as study
    from bakeoff.study.params import load_params

    params = load_params(ROOT / "params.yaml")
    monkeypatch.setattr(study, "_has_gpu", lambda: False)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    full = params.model_copy(update={"profile": "full"})
    with pytest.raises(ParamsError, match="say so with --yes"):
        study._agree_to_full(full, yes=False)
    study._agree_to_full(full, yes=True)
    study._agree_to_full(params, yes=False)


def test_expected_time_counts_the_candidates():
    from bakeoff.study.params import load_params
    from bakeoff.study.run import expected_time

    params = load_params(ROOT / "params.yaml")
    english, french = (expected_time(params, Translator(code)) for code in ("en", "fr"))
    assert english.startswith("21 candidates, profile quick: about 34 min ")
    assert french.startswith("21 candidats, profil quick\u202f: environ 34 min ")


@pytest.mark.torch
def test_whether_a_gpu_is_here_is_asked_of_pytorch():
    torch = pytest.importorskip("torch")
    from bakeoff.study.run import _has_gpu

    assert _has_gpu() is (torch.cuda.is_available() or torch.backends.mps.is_available())


def test_missing_environments_are_named(tmp_path, monkeypatch):
    from bakeoff.core.errors import SetupError
    from bakeoff.study.run import run_study

    for name in ("BAKEOFF_PYTHON_TORCH", "BAKEOFF_PYTHON_TF"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    with pytest.raises(SetupError, match="run `make setup`"):
        run_study(tmp_path, overrides=[], yes=False)


@pytest.mark.slow
def test_doctor_on_a_bare_folder_says_what_to_do(tmp_path, monkeypatch, capsys):
    for name in ("BAKEOFF_PYTHON_TORCH", "BAKEOFF_PYTHON_TF"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    shutil.copy(ROOT / "requirements-torch.txt", tmp_path)
    findings = {item.name: item for item in examine(tmp_path)}
    assert (findings[".venv-torch"].level, findings[".venv-torch"].remedy) == ("fix", "make setup")
    assert findings["git"].level == findings["dvc"].level == findings["params.yaml"].level == "fix"
    assert findings["model hub"].level == "note"
    assert print_findings(list(findings.values())) == 1
    assert "make setup" in capsys.readouterr().out


def test_all_well_is_status_0():
    assert print_findings([Finding("disk", "ok", "20 GiB free")]) == 0


def run_launcher(tmp_path: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BAKEOFF_")} | variables
    command = ["sh", str(ROOT / "stages" / "in_env.sh"), *arguments]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


def test_launcher_finds_the_main_checkouts_environment_from_a_temp_copy(tmp_path):
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "standalone" / "tmp1"
    copy.mkdir(parents=True)
    python = tmp_path / ".venv-torch" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$PYTHONPATH $*"\n')
    python.chmod(0o755)
    said = run_launcher(copy, "torch", "stages/x.py", "--flag")
    assert said.stdout == f"{copy}/src -m bakeoff.core.start stages/x.py --flag\n"


def test_launcher_names_what_is_missing(tmp_path):
    assert f"run 'make setup' in {tmp_path}" in run_launcher(tmp_path, "tf", "x.py").stderr
    assert "expected torch or tf" in run_launcher(tmp_path, "jax", "x.py").stderr


def test_stages_that_are_not_up_to_date_name_their_candidates():
    from bakeoff.study.params import load_params
    from bakeoff.study.run import candidates_behind

    params = load_params(ROOT / "params.yaml").model_copy(update={"models": ["a.b", "c"]})
    assert candidates_behind(["weights@a.b"], params) == ["a.b-finetune", "a.b-frozen"]
    assert candidates_behind(["dvc.yaml:train_torch@c-frozen-0", "evaluate_baseline@0"], params) == [
        "baseline_tf",
        "c-frozen",
    ]
    assert candidates_behind(["compare", "interpret@c-frozen-0", "explore", "examine"], params) == []
    pair = "tf_efficientnet_lite0-frozen+minilm-original-stacking_logistic"
    assert candidates_behind(["weights_text@minilm"], params) == ["minilm-original", pair]
    assert candidates_behind([f"fuse@{pair.replace('+', '-')}-0"], params) == [pair]
    assert len(candidates_behind(["prepare"], params)) == 7


def test_a_folder_that_queued_experiments_fail_in_is_told():
    assert _folder(Path("/home/me/bakeoff")).level == "ok"
    for name in ("/home/me/c# projects", "/home/Zoé/bakeoff"):
        found = _folder(Path(name))
        assert found.level == "note"
        assert "`dvc exp run --temp` and `--queue` fail there" in found.found


def test_windows_itself_is_not_supported_and_wsl_is_named(capsys):
    from bakeoff.study.doctor import _system

    found = _system("Windows")
    assert found.level == "fix"
    assert print_findings([found]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "WSL" in said
    assert _system("Linux").level == _system("Darwin").level == "ok"
