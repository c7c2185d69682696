"""torchvision, timm and transformers import in a fresh interpreter, warnings as errors; the two stages run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("torch")
pytestmark = pytest.mark.torch
ROOT = Path(__file__).resolve().parents[2]


def python(*arguments, cwd=ROOT, **environment):
    import os

    given = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=given, text=True, capture_output=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["import_timm", "import_torchvision", "import_transformers"])
def test_a_fresh_interpreter(first):
    code = f"from bakeoff.backbones import compat as c; c.{first}(); c.import_timm(); import torchvision.transforms.v2"
    done = python("-W", "error::UserWarning", "-c", code)
    assert done.returncode == 0, done.stderr


def test_a_second_call_returns_the_same_module():
    from bakeoff.backbones.compat import import_timm, import_torchvision

    assert import_torchvision() is import_torchvision()
    assert import_timm().__name__ == "timm"


def test_another_failure_of_torchvision_is_not_swallowed(monkeypatch):
    from bakeoff.backbones import compat

    def broken(name):
        raise RuntimeError("something else")

    monkeypatch.setattr(compat.importlib, "import_module", broken)
    with pytest.raises(RuntimeError, match="something else"):
        compat.import_torchvision()


def test_half_imported_modules_are_dropped(monkeypatch):
    from bakeoff.backbones import compat

    for name in ("halfway", "halfway.ops", "halfwayhouse"):
        monkeypatch.setitem(sys.modules, name, object())
    compat._drop_half_imported("halfway")
    assert "halfway" not in sys.modules
    assert "halfway.ops" not in sys.modules
    assert "halfwayhouse" in sys.modules


@pytest.mark.slow
def test_the_stages_from_params_to_weights(tmp_path):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params.update(models=["resnet18", "tf_efficientnet_lite0"])
    params["weights"].update(sources=["folder", "package"], policy="prefer")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    done = python(
        str(ROOT / "stages/candidates.py"),
        "--out",
        "candidates",
        "--recipes",
        "recipes",
        "--runs",
        "runs",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    for model, source in (("resnet18", "random"), ("tf_efficientnet_lite0", "package")):
        flags = ("--candidate", f"candidates/{model}.json", "--out", f"weights/{model}")
        done = python(str(ROOT / "stages/weights.py"), *flags, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads((tmp_path / "weights" / model / "record.json").read_text())["source"] == source
    done = python(str(ROOT / "stages/weights.py"), "--baseline", "--out", "weights/baseline_tf", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = python(str(ROOT / "stages/weights.py"), "--candidate", "none.json", "--out", "x", cwd=tmp_path)
    assert (done.returncode, done.stderr.startswith("bakeoff: none.json is missing")) == (1, True)
