"""The doctor compares both environments with their pins, and the user's weights files with what was stored."""

import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from bakeoff.study import doctor

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project whose two environments are the interpreter that runs this test."""
    for name in ("TORCH", "TF"):
        monkeypatch.setenv(f"BAKEOFF_PYTHON_{name}", sys.executable)
    numpy = version("numpy")
    (tmp_path / "requirements-torch.txt").write_text(f"# exact\nnumpy=={numpy}\nPy_Arrow==0.1\nno.such-package==1.0\n")
    (tmp_path / "requirements-torch-nodeps.txt").write_text("pandas==0.2\n")
    (tmp_path / "requirements-tf.txt").write_text("-r common.txt\nno_such_package[extra]==3.0\n")
    (tmp_path / "common.txt").write_text(f"numpy=={numpy}\npydantic==0.3\n")
    return tmp_path


def test_every_difference_of_both_environments_is_named(root):
    torch, tf = (doctor._pins(root, name) for name in ("torch", "tf"))
    assert (torch.name, torch.level, torch.remedy) == ("pins .venv-torch", "fix", "make setup")
    assert torch.found == (
        f"py-arrow missing instead of 0.1; no-such-package missing instead of 1.0; pandas {version('pandas')} instead "
        "of 0.2"
    )
    assert tf.name == "pins .venv-tf"
    assert tf.found == f"pydantic {version('pydantic')} instead of 0.3; no-such-package missing instead of 3.0"


def test_the_pinned_ones_are_fine_whatever_their_local_version(root, monkeypatch):
    (root / "common.txt").write_text(f"NumPy=={version('numpy')}\n")
    (root / "requirements-tf.txt").write_text("-r common.txt\ntensorflow-cpu==2.0\n")
    monkeypatch.setattr(doctor, "_installed_in", lambda python: {"numpy": version("numpy"), "tensorflow-cpu": "2.0+x"})
    assert doctor._pins(root, "tf").level == "ok"


def test_tensorflow_for_gpus_has_a_file_of_its_own():
    assert doctor._requirements("tf", {"tensorflow": "2"}) == ["requirements-tf-gpu.txt"]
    assert doctor._requirements("tf", {"tensorflow": "2", "tensorflow-cpu": "2"}) == ["requirements-tf.txt"]
    assert doctor._pinned(ROOT, ["requirements-tf-gpu.txt"])["tensorflow"]


def test_an_environment_or_a_list_that_is_not_there(root, monkeypatch):
    (root / "common.txt").unlink()
    assert "common.txt is missing" in doctor._pins(root, "tf").found
    monkeypatch.setenv("BAKEOFF_PYTHON_TF", str(root / "gone"))
    assert "gone cannot be asked for its packages" in doctor._pins(root, "tf").found


def test_a_changed_users_file_is_reported(tmp_path, monkeypatch):
    from bakeoff.study.params import load_params
    from bakeoff.weights.baseline import fetch_baseline_weights

    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    text = (ROOT / "params.yaml").read_text()
    assert "  weights_file: null" in text
    (tmp_path / "params.yaml").write_text(text.replace("  weights_file: null", "  weights_file: shop.keras"))
    (tmp_path / "shop.keras").write_bytes(b"1")
    params = load_params(tmp_path / "params.yaml")
    fetch_baseline_weights(params.weights, params.baseline, tmp_path / "weights" / "baseline_tf")
    assert doctor._user_files(tmp_path).level == "ok"
    (tmp_path / "shop.keras").write_bytes(b"2")
    found = doctor._user_files(tmp_path)
    assert (found.level, found.remedy) == ("note", "bakeoff weights --retry (or make run)")
    assert found.found == f"{tmp_path / 'shop.keras'} changed since it was stored in weights/baseline_tf"
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "weights" / "baseline_tf" / "record.json").write_text("{}")
    assert doctor._user_files(tmp_path).level == "fix"


def test_the_scan_is_compiled_or_the_reason_told(monkeypatch):
    monkeypatch.setattr("bakeoff.scan.compiler.why_unavailable", lambda: None)
    assert doctor._scan() == doctor.Finding("selective scan", "ok", "compiled for this processor")
    monkeypatch.setattr("bakeoff.scan.compiler.why_unavailable", lambda: "no C++ compiler found")
    found = doctor._scan()
    assert (found.level, found.found) == ("note", "plain PyTorch on a CPU: no C++ compiler found")
    assert "g++" in found.remedy
