"""Packages whose names load on first use, so that importing one loads no framework, and a stage only what it names.

Such a package lists its names once, for type checkers and for this module, in an `if TYPE_CHECKING:` block:
`from bakeoff.params.catalogue import DatasetParams`; `__getattr__ = lazy_names(__name__, __file__)` does the rest.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def exported(init_file: Path) -> dict[str, str]:
    """Return the module that each name of an `if TYPE_CHECKING:` block at the top level of a file comes from."""
    found: dict[str, str] = {}
    for node in ast.parse(init_file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for line in node.body:
                if isinstance(line, ast.ImportFrom) and line.module:
                    found.update({alias.name: line.module for alias in line.names})
    return found


def lazy_names(package: str, init_file: str) -> Callable[[str], Any]:
    """Return a package's `__getattr__`: it imports the module that a name comes from when the name is first asked for.

    No module of the package may be named like one of its names: importing it would put the module in the name's place.
    """
    modules = exported(Path(init_file))

    def load(name: str) -> Any:
        if name not in modules:
            known = ", ".join(sorted(modules))
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it exports {known}")
        return getattr(import_module(modules[name]), name)

    return load
