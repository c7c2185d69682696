"""Derive every stage's code dependencies from its imports; `--write` puts them into dvc.yaml, else print what differs.

A module that only the other environment can import (torch in .venv-tf, tensorflow in .venv-torch) is none there.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
sys.path.insert(0, str(SRC))

from bakeoff.lazy import exported  # noqa: E402

FOREIGN = {
    "torch": {"bakeoff.baseline_tf"},
    "tf": {"torch", "timm", "captum", "transformers", "mambavision"},
}
# No output depends on where runs are shown: a change there must not retrain a model.
MIRROR = ("bakeoff.tracking", "bakeoff.params.tracking")


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Return the dotted names a file imports anywhere when it runs, functions included.

    `from a import b` gives a and a.b, and the module b comes from where a is a lazy package (bakeoff.lazy).
    """
    names: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not _for_type_checkers_only(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
            lazy = lazy_modules(node.module)
            names.update(lazy[alias.name] for alias in node.names if alias.name in lazy)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module" and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                names.add(first.value)
    return frozenset(names)


def _for_type_checkers_only(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@cache
def lazy_modules(name: str) -> dict[str, str]:
    """Return which module each name of a lazy package of bakeoff comes from; empty for anything else."""
    file = module_file(name) if name.startswith("bakeoff.") else None
    if file is None or file.name != "__init__.py" or "bakeoff.lazy" not in imports_of(file):
        return {}
    return exported(file)


def module_file(name: str) -> Path | None:
    """Return the file of a bakeoff module, or None for a name that is none."""
    base = SRC / name.replace(".", "/")
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def parents(name: str) -> list[str]:
    """Return a module's packages, outermost first, and itself."""
    parts = name.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def code_of(script: Path, environment: str) -> list[str]:
    """Return the package files that a stage script needs in one environment, relative to the root, sorted."""
    found: set[Path] = set()
    todo = [script]
    while todo:
        for name in imports_of(todo.pop()):
            if name.split(".")[0] != "bakeoff":
                continue
            files = [path for path in map(module_file, parents(name)) if path]
            if name.startswith((*MIRROR, *FOREIGN[environment])) or any(
                _is_foreign(path, environment) for path in files
            ):
                continue
            todo.extend(path for path in files if path not in found)
            found.update(files)
    patterns = ("*.html", "*.css", "*.js", "sections/*.html", "native/*.cpp", "native/*.h")
    resources = [resource for path in found for pattern in patterns for resource in path.parent.glob(pattern)]
    return sorted(path.relative_to(ROOT).as_posix() for path in {*found, *resources} if path.stat().st_size)


def _is_foreign(path: Path, environment: str) -> bool:
    return any(name.split(".")[0] in FOREIGN[environment] for name in imports_of(path))


def stage_parts(stage: dict) -> tuple[str, str]:
    """Return (environment, script) of a stage's command."""
    match = re.search(r"in_env\.sh (\w+) (\S+\.py)", stage["cmd"])
    if not match:
        raise SystemExit(f"no environment and script in: {stage['cmd']}")
    return match.group(1), match.group(2)


def expected_deps(stage: dict) -> list[str]:
    """Return the code dependencies a stage of dvc.yaml should list."""
    environment, script = stage_parts(stage)
    return code_of(ROOT / script, environment)


def main() -> None:
    """Compare, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    path = ROOT / "dvc.yaml"
    text = path.read_text(encoding="utf-8")
    stages = yaml.safe_load(text)["stages"]
    lines = [line for line in text.splitlines() if not line.startswith("      - src/bakeoff/")]
    output, current = [], None
    for line in lines:
        output.append(line)
        if re.match(r"^  (\w+):$", line):
            current = line.strip()[:-1]
        elif re.match(r"^      - stages/\w+\.py$", line) and current:
            output.extend(f"      - {name}" for name in expected_deps(stages[current]))
    new = "\n".join(output) + "\n"
    if args.write:
        path.write_text(new, encoding="utf-8")
    elif new != text:
        sys.exit("dvc.yaml: code dependencies differ from the imports; run `make deps`")


if __name__ == "__main__":
    main()
