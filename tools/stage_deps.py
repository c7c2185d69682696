"""Derive every stage's code dependencies, by room, from its imports; `--write` puts them into dvc.yaml, else compare.

A module that only the other environment can import (torch in .venv-tf, tensorflow in .venv-torch) is none there.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from bakeoff.core.code import PACKAGE, code_of, imports_of, room_of  # noqa: E402

FOREIGN = {
    "torch": {"bakeoff.baseline_tf"},
    "tf": {"torch", "timm", "captum", "transformers", "mambavision"},
}
# What reads the catalogues of messages, which no import shows.
TRANSLATOR = PACKAGE / "core" / "translation.py"
# No output depends on where runs are shown: a change there must not retrain a model.
MIRROR = "bakeoff.tracking"


def rooms_of(script: Path, environment: str) -> list[str]:
    """Return the rooms that a stage script needs in one environment, sorted."""

    def skip(name: str, path: Path) -> bool:
        if name.startswith((MIRROR, *FOREIGN[environment])):
            return True
        return any(imported.split(".")[0] in FOREIGN[environment] for imported in imports_of(path))

    files = code_of(script, skip=skip)
    rooms = {room for path in files if (room := room_of(path))}
    return sorted(rooms | ({"locale"} if TRANSLATOR in files else set()))


def rooms_in(environment: str) -> set[str]:
    """Return the rooms that the stages of one environment need."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    scripts = {stage_parts(stage)[1] for stage in stages if environment in environments_of(stage)}
    return {room for script in scripts for room in rooms_of(ROOT / script, environment)}


def environments_of(stage: dict) -> list[str]:
    """Return the environments whose code a stage runs: its command's, or those that its `meta` lists."""
    return (stage.get("meta") or {}).get("environments", [stage_parts(stage)[0]])


def stage_parts(stage: dict) -> tuple[str, str]:
    """Return (environment, script) of a stage's command."""
    match = re.search(r"in_env\.sh (\w+) (\S+\.py)", stage["cmd"])
    if not match:
        raise SystemExit(f"no environment and script in: {stage['cmd']}")
    return match.group(1), match.group(2)


def expected_deps(stage: dict) -> list[str]:
    """Return the code dependencies a stage of dvc.yaml should list."""
    script = ROOT / stage_parts(stage)[1]
    rooms = {room for name in environments_of(stage) for room in rooms_of(script, name)}
    return [f"src/bakeoff/{room}" for room in sorted(rooms)]


def with_rooms(text: str) -> str:
    """Return dvc.yaml with the rooms of each stage, which stand below its files, as the imports have them."""
    for name, stage in yaml.safe_load(text)["stages"].items():
        listed, lines = ", ".join(expected_deps(stage)), r"((?:\n(?!  \w).*)*?stages/\w+\.py,\n)(?:      src/.*\n)+"
        rooms = textwrap.fill(f"{listed}]", 120, initial_indent=" " * 6, subsequent_indent=" " * 6)
        text = re.sub(rf"(\n  {name}:){lines}", lambda found, rooms=rooms: f"{found[1]}{found[2]}{rooms}\n", text)
    return text


def main() -> None:
    """Compare, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    path = ROOT / "dvc.yaml"
    text = path.read_text(encoding="utf-8")
    new = with_rooms(text)
    for name, stage in yaml.safe_load(new)["stages"].items():
        if [one for one in stage["deps"] if one.startswith("src/")] != expected_deps(stage):
            sys.exit(f"dvc.yaml: {name} lists rooms elsewhere than below its script, the last of its files")
    if args.write:
        path.write_text(new, encoding="utf-8")
    elif new != text:
        sys.exit("dvc.yaml: code dependencies differ from the imports; run `make deps`")


if __name__ == "__main__":
    main()
