"""dvc.yaml tells the truth: code dependencies are the imports, params are what the scripts read, scripts are short."""

import ast
import re
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
SCRIPTS = sorted((ROOT / "stages").glob("*.py"))
SPEED = ROOT / "src" / "bakeoff" / "speed"
_UNTRACKED = {"tracking"}  # decides where results are shown, never what they are: docs/decisions.md
sys.path.insert(0, str(ROOT / "tools"))


def params_read(script: Path) -> set[str]:
    """Return the sections that a script loads by their class, and the keys at the top that it loads by theirs."""
    from bakeoff.backbones.params import StudyBackbones
    from bakeoff.core.section import Section
    from bakeoff.records.study import ImageLists, StudyLists, TextModels
    from bakeoff.study.params import Params
    from bakeoff.text.params import StudyTexts

    kinds = {name: field.annotation for name, field in Params.model_fields.items()}
    by_class = {
        kind.__name__: {name} for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Section)
    }
    tops = (StudyBackbones, StudyTexts, StudyLists, ImageLists, TextModels)
    by_class |= {kind.__name__: {*kind.model_fields} for kind in tops}
    source = script.read_text(encoding="utf-8")
    if "choices_made(" in source:
        return {*Params.model_fields} - _UNTRACKED
    if "measure_study(" in source:  # its processes read params.yaml themselves
        source = "".join((SPEED / name).read_text(encoding="utf-8") for name in ("command.py", "worker.py"))
    plain = set(re.findall(r"read_yaml\(args\.params\)\.get\(\"(\w+)\"\)", source))
    return plain.union(*(by_class[name] for name in re.findall(r"load_(?:section|top)\([^,]+, (\w+)\)", source)))


@pytest.mark.parametrize("name", STAGES)
def test_code_dependencies_are_the_imports(name):
    from stage_deps import expected_deps

    listed = [dep for dep in STAGES[name]["deps"] if dep.startswith("src/")]
    assert sorted(listed) == expected_deps(STAGES[name]), "run `make deps`"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_params_are_what_the_script_reads(script):
    """Two stages may share a script with a flag between them (weights.py --baseline): together they declare it all."""
    from stage_deps import stage_parts

    declared = [set(s.get("params", ())) for s in STAGES.values() if stage_parts(s)[1] == f"stages/{script.name}"]
    read = params_read(script) - _UNTRACKED
    assert set().union(*declared) == read
    assert all(one == read for one in declared) or script.stem == "weights"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_stage_script_is_short_and_shadows_nothing(script):
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 60
    assert script.stem not in sys.stdlib_module_names
    assert ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))), "open with command, wall time and result"


def test_every_script_is_a_stage_and_every_stage_a_script():
    from stage_deps import stage_parts

    assert {stage_parts(stage)[1] for stage in STAGES.values()} == {f"stages/{path.name}" for path in SCRIPTS}


def test_a_foreign_framework_is_no_dependency():
    from stage_deps import rooms_of

    assert "baseline_tf" not in rooms_of(ROOT / "stages" / "interpret.py", "torch")
    tf_side = rooms_of(ROOT / "stages" / "interpret.py", "tf")
    assert "baseline_tf" in tf_side
    assert not {"backbones", "scan"} & set(tf_side)


def test_the_rooms_of_an_environment_are_those_of_its_stages():
    """What `make test` repeats in .venv-tf."""
    from stage_deps import rooms_in

    assert {"baseline_tf", "core", "data", "records"} <= rooms_in("tf")
    assert not {"training", "report", "decision", "cli"} & rooms_in("tf")
    assert {"backbones", "training", "report"} <= rooms_in("torch")


def test_the_evaluation_and_the_speed_load_what_they_need():
    """Metrics are of the predictions alone; one session measures the networks of both environments."""
    rooms = {name: {dep.removeprefix("src/bakeoff/") for dep in stage["deps"]} for name, stage in STAGES.items()}
    frameworks = {"backbones", "baseline_tf", "training", "learning", "predictors", "weights", "scan", "speed"}
    assert not rooms["evaluate"] & frameworks
    assert {"backbones", "baseline_tf", "speed", "weights"} <= rooms["throughput"]
    assert not rooms["throughput"] & {"evaluation", "decision", "statistics"}
    files = [dep for dep in STAGES["throughput"]["deps"] if dep.startswith(("runs", "weights"))]
    assert files == ["weights/baseline_tf"]


def test_trainers_depend_on_no_later_room():
    for name in ("train_torch", "baseline_tf"):
        rooms = {dep.removeprefix("src/bakeoff/") for dep in STAGES[name]["deps"] if dep.startswith("src/")}
        assert not rooms & {
            "evaluation",
            "speed",
            "interpret",
            "decision",
            "report",
            "deploy",
            "tracking",
            "study",
            "cli",
        }
