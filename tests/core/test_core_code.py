"""The code behind a result: what is imported, down to the last file, and a digest that follows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.core import code

PACKAGE = code.PACKAGE


def names(files) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path in files}


def test_every_way_of_importing_counts(tmp_path):
    (tmp_path / "a.py").write_text(
        "import os.path\nfrom bakeoff.core import errors\n"
        "def f():\n    from bakeoff.data.table import Catalogue\n    import numpy as np\n"
        "    return importlib.import_module('bakeoff.scan.cpu'), importlib.import_module(name)\n"
    )
    assert code.imports_of(tmp_path / "a.py") == {
        "os.path",
        "bakeoff.core",
        "bakeoff.core.errors",
        "bakeoff.data.table",
        "bakeoff.data.table.Catalogue",
        "numpy",
        "bakeoff.scan.cpu",
    }


def test_only_this_packages_modules_have_files():
    assert code.module_file("bakeoff") == PACKAGE / "__init__.py"
    assert code.module_file("bakeoff.core") == PACKAGE / "core" / "__init__.py"
    assert code.module_file("bakeoff.core.code") == PACKAGE / "core" / "code.py"
    for name in ("bakeoff.core.code.PACKAGE", "bakeoff.no_such_module", "bakeoffice", "numpy"):
        assert code.module_file(name) is None


def test_the_closure_of_a_module_by_hand():
    found = names(code.code_of(PACKAGE / "core" / "files.py"))
    assert found == {"core/files.py"}
    found = names(code.code_of(PACKAGE / "core" / "failures.py"))
    assert found == {"__init__.py", "core/__init__.py", "core/failures.py", "core/files.py", "core/names.py"}


def test_a_script_outside_the_package_is_no_part_of_it_and_what_is_skipped_takes_its_own_along(tmp_path):
    (tmp_path / "stage.py").write_text("from bakeoff.core.failures import drawing\n")
    whole = {"__init__.py", "core/__init__.py", "core/failures.py", "core/files.py", "core/names.py"}
    assert names(code.code_of(tmp_path / "stage.py")) == whole
    left = code.code_of(tmp_path / "stage.py", skip=lambda name, path: path.name == "failures.py")
    assert names(left) == {"__init__.py", "core/__init__.py"}


def test_rooms_are_the_folders_of_the_package():
    assert code.room_of(PACKAGE / "speed" / "variants" / "build.py") == "speed"
    assert code.room_of(PACKAGE / "core" / "code.py") == "core"
    assert code.room_of(PACKAGE / "__init__.py") is None


def test_features_follow_all_that_makes_them_and_nothing_that_judges_them():
    found = names(code.code_of(PACKAGE / "training" / "features.py"))
    assert {"data/transforms.py", "data/store.py", "training/data.py", "training/module.py"} <= found
    assert {"backbones/classifier.py", "backbones/mamba.py", "scan/dispatch.py", "scan/cpu.py"} <= found
    rooms = {name.split("/")[0] for name in found}
    assert not rooms & {"evaluation", "decision", "report", "interpret", "tracking", "deploy", "language", "study"}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of four modules: a imports b, b imports c in a function, d stands alone; one native source."""
    package = tmp_path / "bakeoff"
    (package / "native").mkdir(parents=True)
    for name, text in {
        "__init__": "",
        "a": "import bakeoff.b\n",
        "b": "def f():\n    from bakeoff import c\n",
        "c": "x = 1\n",
        "d": "x = 1\n",
    }.items():
        (package / f"{name}.py").write_text(text)
    (package / "native" / "kernel.cpp").write_text("int x = 1;")
    monkeypatch.setattr(code, "PACKAGE", package)
    return package


def test_the_digest_follows_the_closure_and_native_sources_alone(package):
    digest = code.code_digest.__wrapped__
    first = digest(package / "a.py")
    assert len(first) == 16
    assert digest(package / "a.py") == first
    (package / "d.py").write_text("x = 2\n")
    assert digest(package / "a.py") == first
    seen = {first}
    for name, text in (("c.py", "x = 2\n"), ("native/kernel.cpp", "int x = 2;"), ("a.py", "import bakeoff.b  # why\n")):
        (package / name).write_text(text)
        seen.add(digest(package / "a.py"))
    assert len(seen) == 4


ROOMS = (
    *("core", "statistics", "scan", "records", "data", "catalogue", "learning", "backbones", "weights", "training"),
    *("examination", "tuning"),
    *("baseline_tf", "predictors", "text", "fusion", "evaluation", "speed", "interpret", "faithfulness"),
    *("decision", "report", "aggregation", "advice"),
    *("explore", "deploy", "data_curve", "tracking", "study", "cli"),
)
"""Each room imports only those before it."""


def test_no_room_imports_one_after_it():
    files = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE]
    assert {path.relative_to(PACKAGE).parts[0] for path in files} == set(ROOMS)
    upward = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in files
        for name in code.imports_of(path)
        if name.startswith("bakeoff.") and name.split(".")[1] in ROOMS
        if ROOMS.index(name.split(".")[1]) > ROOMS.index(path.relative_to(PACKAGE).parts[0])
    ]
    assert upward == []
