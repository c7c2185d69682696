"""Every package of the design card is pinned exactly and imported where the product uses it."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CARD = {  # package: (distribution, the parts of the product that must import it)
    "torch": ("torch", "training"),
    "timm": ("timm", "backbones"),
    "transformers": ("transformers", "backbones"),
    "mambavision": ("mambavision", "backbones"),
    "tensorflow": ("tensorflow-cpu", "baseline_tf"),
    "mlflow": ("mlflow", "tracking"),
    "dvc": ("dvc", "study"),
    "sklearn": ("scikit-learn", "evaluation"),
    "pandas": ("pandas", "data"),
    "captum": ("captum", "interpret"),
    "matplotlib": ("matplotlib", "data"),
}
LATER = ("text", "training", "predictors", "speed", "interpret", "faithfulness")
LATER += ("deploy", "tracking", "study", "data_curve", "tuning")


def pins() -> dict[str, str]:
    found = {}
    for path in ROOT.glob("requirements*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            match = re.match(r"^([A-Za-z0-9_.-]+)(?:\[[\w,-]+\])?==([\w.]+)$", line.strip())
            if match:
                found[match[1].lower()] = match[2]
    return found


def imported(path: Path) -> set[str]:
    files = [path] if path.is_file() else path.rglob("*.py")
    return set().union(*(imported_by(file) for file in files))


@cache
def imported_by(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
            names |= {arg.value.split(".")[0] for arg in node.args if isinstance(arg, ast.Constant)}
    return names


@pytest.mark.parametrize("package", CARD)
def test_pinned_and_used(package):
    distribution, place = CARD[package]
    assert distribution in pins()
    assert package in imported(ROOT / "src" / "bakeoff" / place)


def test_every_requirement_is_pinned_exactly():
    for path in ROOT.glob("requirements*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith(("#", "-r ")):
                assert re.match(r"^[A-Za-z0-9_.-]+(\[[\w,-]+\])?==[\w.]+$", line), f"{path.name}: {line}"


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("mlflow", ("tracking",)),
        ("tensorflow", ("baseline_tf",)),
        ("keras", ("baseline_tf",)),
        ("torch", ("core", "data", "scan", "backbones", "weights", *LATER)),  # data: where it is there, it resizes
    ],
)
def test_frameworks_stay_in_their_rooms(package, allowed):
    source = ROOT / "src" / "bakeoff"
    for file in source.rglob("*.py"):
        if package in imported(file):
            assert file.relative_to(source).parts[0] in allowed, f"{file} imports {package}"


@pytest.mark.slow
def test_importing_what_both_environments_share_loads_no_framework():
    modules = ("core.seeding", "evaluation.run", "predictors.protocol", "interpret.run")
    modules += ("deploy.prediction.run", "deploy.monitoring.run")
    heavy = ("torch", "tensorflow", "keras", "mlflow", "captum", "matplotlib.pyplot")
    code = f"import sys, {', '.join(f'bakeoff.{name}' for name in modules)}; "
    code += f"print([name for name in {heavy} if name in sys.modules])"
    command, environment = [sys.executable, "-c", code], {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
