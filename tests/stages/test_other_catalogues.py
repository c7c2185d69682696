"""`bakeoff run` with the smallest network on other people's catalogues, for real and to the end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from bakeoff.failures import FILE
from stages.other_catalogues import write_flipkart, write_folders
from stages.project import TINY, Project
from test_random_studies import ends

pytestmark = [pytest.mark.torch, pytest.mark.slow]
MODEL = "test_resnet.r160_in1k"
SMALL = [choice for choice in TINY if not choice.startswith("dataset")]


def run(folder: Path, *choices: str) -> tuple[Project, str]:
    """Return a project whose study was run, and everything that `bakeoff run` printed."""
    project = Project(folder)
    return project, project.bakeoff("run", *SMALL, f"models=[{MODEL}]", *choices)


def check(project: Project, said: str, *, n_candidates: int, n_products: int) -> None:
    root = project.folder
    assert "Traceback" not in said
    assert "Warning" not in said
    assert re.findall(r"WARNING(?!.*DID NOT LEARN).*", said) == []
    assert not list(root.glob(f"**/{FILE}"))
    board = pd.read_csv(root / "reports" / "leaderboard.csv")
    assert (len(board), set(board["status"])) == (n_candidates, {"ok"})
    assert json.loads((root / "data" / "catalogue" / "audit.json").read_text())["n_accepted"] == n_products
    for path in (*root.glob("runs/*/seed_*/evaluation/*.json"), root / "reports" / "choice.json"):
        for where, low, value, high in ends(json.loads(path.read_text(encoding="utf-8"))):
            assert low <= value <= high, f"{path}: {where}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Project.create(tmp_path / "project").folder


def test_a_shops_table_of_seven_unequal_classes_and_troubled_products(folder):
    n = write_flipkart(folder / "data" / "raw" / "flipkart")
    project, said = run(folder, "dataset=flipkart")
    check(project, said, n_candidates=3, n_products=n)
    rejected = pd.read_csv(folder / "data" / "catalogue" / "rejected.csv")["reason"].tolist()
    assert len(rejected) == 7
    assert "Took " in said


def test_forty_classes_of_six_photos_with_two_seeds_in_french(folder):
    n = write_folders(folder / "data" / "raw" / "folder", {f"Catégorie n° {i}": 6 for i in range(40)})
    project, said = run(folder, "dataset=folder", "modes=[frozen]", "seeds=[0,7]", "language=fr")
    check(project, said, n_candidates=4, n_products=n)
    assert "candidats, profil quick : environ" in said
    assert "Durée : " in said
    assert "Took" not in said


def test_two_classes_of_ninety_five_and_five_photos_of_forty_px(folder):
    counts = {"shoes": 95, "bags": 5}
    n = write_folders(folder / "data" / "raw" / "folder", counts, side_px=40)
    project, said = run(folder, "dataset=folder", "modes=[frozen]")
    check(project, said, n_candidates=2, n_products=n)


def test_two_classes_of_which_one_has_two_photos_is_refused_in_a_sentence(folder):
    """38 to 2: three splits need three photos of a class, and one class alone is nothing to classify."""
    write_folders(folder / "data" / "raw" / "folder", {"shoes": 38, "bags": 2}, side_px=40)
    said = Project(folder).bakeoff("run", *SMALL, f"models=[{MODEL}]", "dataset=folder", ok=False)
    assert "two classes" in said
    assert "Traceback" not in said
