"""`bakeoff run` with the smallest network on other people's catalogues, for real and to the end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from bakeoff.core.failures import FILE, read_failures
from stages.other_catalogues import write_flipkart, write_folders
from stages.project import TINY, Project
from test_random_studies import check_intervals

pytestmark = [pytest.mark.torch, pytest.mark.slow]
MODEL = "test_resnet.r160_in1k"
SMALL = [choice for choice in TINY if not choice.startswith("dataset")]


def run(project: Project, *choices: str) -> str:
    """Run a study and return everything that `bakeoff run` printed."""
    return project.bakeoff("run", *SMALL, f"models=[{MODEL}]", *choices)


def check(project: Project, said: str, *, n_candidates: int, n_products: int) -> None:
    root = project.folder
    assert "Traceback" not in said
    assert "Warning" not in said
    assert re.findall(r"WARNING(?!.*DID NOT LEARN).*|warning:.*", said) == []
    assert [failure for path in root.rglob(FILE) for failure in read_failures(path.parent)] == []
    board = pd.read_csv(root / "reports" / "leaderboard.csv")
    assert (len(board), set(board["status"])) == (n_candidates, {"ok"})
    assert json.loads((root / "data" / "catalogue" / "audit.json").read_text())["n_accepted"] == n_products
    assert check_intervals(root / "runs") >= 20 * n_candidates


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def test_a_shops_table_of_seven_unequal_classes_and_faulty_products(project):
    n = write_flipkart(project.folder / "data" / "raw" / "flipkart")
    said = run(project, "dataset=flipkart")
    check(project, said, n_candidates=3, n_products=n)
    rejected = pd.read_csv(project.folder / "data" / "catalogue" / "rejected.csv")["reason"].tolist()
    assert len(rejected) == 7
    assert "Took " in said


def test_forty_classes_of_six_photos_with_two_seeds_in_french(project):
    n = write_folders(project.folder / "data" / "raw" / "folder", {f"Catégorie n° {i}": 6 for i in range(40)})
    said = run(project, "dataset=folder", "modes=[frozen]", "seeds=[0,7]", "language=fr")
    check(project, said, n_candidates=4, n_products=n)
    assert "candidats, profil quick : environ" in said
    assert "Durée : " in said
    assert "Took" not in said


def test_two_classes_of_ninety_five_and_five_photos_of_forty_px(project):
    counts = {"shoes": 95, "bags": 5}
    n = write_folders(project.folder / "data" / "raw" / "folder", counts, side_px=40)
    said = run(project, "dataset=folder", "modes=[frozen]")
    check(project, said, n_candidates=2, n_products=n)


def test_two_classes_of_which_one_has_two_photos_is_refused_in_a_sentence(project):
    """38 to 2: three splits need three photos of a class, and one class alone is nothing to classify."""
    write_folders(project.folder / "data" / "raw" / "folder", {"shoes": 38, "bags": 2}, side_px=40)
    said = project.bakeoff("run", *SMALL, f"models=[{MODEL}]", "dataset=folder", ok=False)
    assert "at least two are needed" in said
    assert "'bags': class_too_small, 2 different photos, 3 needed" in said
    assert not (project.folder / "data" / "catalogue").exists()
    assert "Traceback" not in said
