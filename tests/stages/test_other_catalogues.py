"""`bakeoff run` with the smallest network on other people's catalogues, for real and to the end.

A shop's table is what tests/stages/test_pipeline.py runs on, and two very unequal classes test_measurements.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.other_catalogues import check, write_folders
from stages.project import SMALL, Project

pytestmark = [pytest.mark.torch, pytest.mark.slow]
MODEL = "test_resnet.r160_in1k"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def test_forty_classes_of_six_photos_with_two_seeds_in_french(project):
    n = write_folders(project.folder / "data" / "raw" / "folder", {f"Catégorie n° {i}": 6 for i in range(40)})
    choices = ["dataset=folder", "modes=[frozen]", "seeds=[0,7]", "language=fr"]
    project.said = project.bakeoff("run", *SMALL, f"models=[{MODEL}]", *choices)
    check(project, n_candidates=4, n_products=n)
    said = " ".join(project.said.split())  # French sets a no-break space before a colon, the console breaks lines
    assert "candidats, profil quick : environ" in said
    assert "Durée : " in said
    assert "Took" not in project.said


def test_two_classes_of_which_one_has_two_photos_is_refused_in_a_sentence(project):
    """38 to 2: three splits need three photos of a class, and one class alone is nothing to classify."""
    write_folders(project.folder / "data" / "raw" / "folder", {"shoes": 38, "bags": 2}, side_px=40)
    said = project.bakeoff("run", *SMALL, f"models=[{MODEL}]", "dataset=folder", ok=False)
    assert "at least two are needed" in said
    assert "'bags': class_too_small, 2 different photos, 3 needed" in said
    assert not (project.folder / "data" / "catalogue").exists()
    assert "Traceback" not in said
