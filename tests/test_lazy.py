"""Lazy packages: each name comes from the module that its block names, and nothing loads before it is asked for."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from bakeoff import lazy
from bakeoff.params import SECTIONS
from bakeoff.params.section import section_name

SRC = Path(lazy.__file__).parents[1]


@pytest.mark.parametrize("package", ["bakeoff.params", "bakeoff.scan", "bakeoff.tracking"])
def test_a_package_offers_what_its_modules_have(package):
    module = import_module(package)
    modules = lazy.exported(Path(module.__file__))
    assert sorted(modules) == sorted(module.__all__)
    for name in modules:
        assert not (Path(module.__file__).parent / f"{name}.py").exists()  # it would take the name's place
    with pytest.raises(AttributeError, match=f"'{package}' has no attribute 'nothing'; it exports {min(modules)}"):
        _ = module.nothing


def test_names_of_the_block_are_read(tmp_path):
    (tmp_path / "__init__.py").write_text(
        "from typing import TYPE_CHECKING\nfrom os import path\nif TYPE_CHECKING:\n    from json import dumps, loads\n"
    )
    assert lazy.exported(tmp_path / "__init__.py") == {"dumps": "json", "loads": "json"}
    load = lazy.lazy_names("mine", str(tmp_path / "__init__.py"))
    assert load("dumps")([1]) == "[1]"


def test_one_section_loads_no_other():
    code = (
        "import sys; from bakeoff.params import SplitParams; "
        "print(*sorted(name for name in sys.modules if name.startswith('bakeoff.params.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SRC)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["bakeoff.params.catalogue", "bakeoff.params.section"]


def test_a_section_is_named_as_its_model():
    assert {section_name(model): model for model in SECTIONS.values()} == SECTIONS
