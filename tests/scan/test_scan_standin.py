"""The stand-in for mamba_ssm: there inside the block, gone after it, never in the way of a real one."""

import importlib
import subprocess
import sys
from types import ModuleType

import pytest

pytest.importorskip("torch")
from bakeoff.scan.dispatch import selective_scan
from bakeoff.scan.mamba_ssm import standin

pytestmark = pytest.mark.torch
NAME = "mamba_ssm.ops.selective_scan_interface"


def test_import_works_inside_and_is_removed_after():
    with standin() as installed:
        assert installed
        assert importlib.import_module(NAME).selective_scan_fn is selective_scan
        with standin() as nested:
            assert nested
        assert NAME in sys.modules
    assert not [name for name in sys.modules if name.startswith("mamba_ssm")]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(NAME)


def test_a_loaded_mamba_ssm_is_left_alone(monkeypatch):
    real = ModuleType("mamba_ssm")
    monkeypatch.setitem(sys.modules, "mamba_ssm", real)
    with standin() as installed:
        assert not installed
        assert sys.modules["mamba_ssm"] is real
    assert sys.modules["mamba_ssm"] is real


def test_an_installed_mamba_ssm_is_left_alone(monkeypatch, tmp_path):
    folder = tmp_path / "mamba_ssm" / "ops"
    folder.mkdir(parents=True)
    for path in (folder, folder.parent):
        (path / "__init__.py").touch()
    (folder / "selective_scan_interface.py").write_text("selective_scan_fn = 'real'\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with standin() as installed:
        assert not installed
        assert importlib.import_module(NAME).selective_scan_fn == "real"
    for name in [name for name in sys.modules if name.startswith("mamba_ssm")]:
        del sys.modules[name]


def test_importing_the_package_loads_no_framework():
    code = "import sys, bakeoff.scan, bakeoff.weights; raise SystemExit('torch' in sys.modules)"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
