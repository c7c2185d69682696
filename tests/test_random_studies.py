"""Studies nobody thought of go through everything after the trainers: no exception, no NaN, no warning, no lost figure.

    BAKEOFF_RANDOM_STUDIES=5000 pytest -n 2 tests/test_random_studies.py      # what `make proofs` does; 40 by default

pytest turns warnings into errors, and tests/conftest.py fails a test in which a picture or page failed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakeoff.report.run import REPORTS, TELLING

pytestmark = pytest.mark.torch  # jinja2 lives in .venv-torch
N_STUDIES = int(os.environ.get("BAKEOFF_RANDOM_STUDIES", "40"))
FEW, EVERY = 2, 10 if N_STUDIES < 200 else 25
"""Studies of the fast suite; pictures are rendered in one of so many studies, in the others drawn only."""


def check(root: Path, seed: int) -> None:
    from random_study import read_json_strictly, run_everything, write_study

    found = write_study(root, seed)
    run_everything(found)
    assert read_json_strictly(root) > 8
    for name in (*REPORTS, *TELLING, "note.html", "note.md", "aggregate.json", "aggregate.png"):
        assert (root / "reports" / name).stat().st_size > 0, name
    assert (root / "monitoring" / "2026-12" / "monitor.png").is_file()
    n_judged = len(found.predictions)
    assert check_intervals(root) >= 20 * n_judged > 0


def check_intervals(root: Path) -> int:
    """Assert that every interval in every JSON file below a folder holds its value, and return how many there are."""
    n = 0
    for path in sorted(root.rglob("*.json")):
        for where, low, value, high in ends(json.loads(path.read_text(encoding="utf-8"))):
            assert low <= value <= high, f"{path.relative_to(root)}: {where} {low} {value} {high}"
            n += 1
    return n


def ends(record: Any, where: str = "") -> Iterator[tuple[str, float, float, float]]:
    """Yield every interval of a record with its value, whatever the three are called."""
    if isinstance(record, list):
        for number, each in enumerate(record):
            yield from ends(each, f"{where}[{number}]")
    if not isinstance(record, dict):
        return
    for key, each in record.items():
        yield from ends(each, f"{where}.{key}")
    named = [("value", "low", "high"), ("mean", "low", "high"), ("points", "low", "high")]
    named += [("difference_points", "low_points", "high_points"), ("ece_equal_width", "ece_low", "ece_high")]
    named += [("macro_f1_difference", "macro_f1_low", "macro_f1_high")]
    stems = [key.removesuffix("_low") for key in record if key.endswith("_low")]
    named += [(stem, f"{stem}_low", f"{stem}_high") for stem in stems]
    for split, intervals in record["intervals"].items() if "splits" in record and "intervals" in record else ():
        for name, each in intervals.items():  # of metrics.json, whose values lie beside them
            yield f"{where}.intervals.{split}.{name}", each["low"], record["splits"][split][name], each["high"]
    for names in named:
        values = [record.get(name) for name in names]
        if all(isinstance(value, int | float) for value in values):
            yield f"{where}.{names[0]}", values[1], values[0], values[2]


@pytest.mark.parametrize("seed", range(FEW))
def test_a_random_study_reaches_its_report(tmp_path, no_rendering, seed):
    check(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [seed for seed in range(FEW, N_STUDIES) if seed % EVERY])
def test_more_random_studies_reach_their_report(tmp_path, no_rendering, seed):
    check(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(EVERY, N_STUDIES, EVERY))
def test_random_studies_are_rendered_too(tmp_path, seed):
    check(tmp_path, seed)
