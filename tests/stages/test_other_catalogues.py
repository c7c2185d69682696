"""`bakeoff run` with the smallest network on other people's catalogues, for real and to the end.

A shop's table is what tests/stages/test_pipeline.py runs on, and two very unequal classes test_measurements.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from stages.other_catalogues import (
    check,
    write_cars,
    write_cells,
    write_folders,
    write_food101,
    write_image_folder,
    write_rakuten,
    write_shards,
)
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


SOURCES: dict[str, tuple[Callable[[Path], int], list[str], int]] = {
    "rakuten": (write_rakuten, [], 24),
    "food101": (write_food101, ["split.method=official"], 24),
    "cars": (write_cars, ["dataset.crop_to_box=0.1", "split.method=official"], 26),
    "webdataset": (write_shards, [], 24),
    "table": (write_cells, ["dataset.photos=all"], 24),  # two photos each
    "huggingface": (write_image_folder, ["dataset.table=data/raw/mine"], 24),
}
"""Kind: who writes its raw files, what is chosen besides, and how many products the study has."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Project:
    """One project, so that the network's random start is made once."""
    return Project.create(tmp_path_factory.mktemp("sources") / "project")


@pytest.mark.parametrize("kind", SOURCES)
def test_each_published_source_comes_to_a_report(shared, kind):
    write, choices, n_products = SOURCES[kind]
    n_photos = write(shared.folder / "data" / "raw" / kind)
    shared.bakeoff("params", *SMALL, f"models=[{MODEL}]", "modes=[frozen]", f"dataset={kind}", *choices)
    said = shared.dvc("repro", "audit", "evaluate", "explore") + shared.bakeoff("compare", "--partial")
    assert "Traceback" not in said
    audit = json.loads((shared.folder / "data" / "audit" / "audit.json").read_text())
    assert (audit["dataset"]["kind"], audit["n_accepted"], audit["n_rejected"]) == (kind, n_photos, 0)
    board = pd.read_csv(shared.folder / "reports" / "leaderboard.csv").set_index("candidate")
    assert board.loc[f"{MODEL}-frozen", "status"] == "ok"
    metrics = json.loads(next((shared.folder / "runs").glob("*-frozen/seed_0/evaluation/metrics.json")).read_text())
    assert sum(split["n"] for split in metrics["splits"].values()) == n_products
    data = shared.folder / "data"
    for record in (data / "examination" / "examination.json", data / "explore" / "explore.json"):
        assert json.loads(record.read_text())["n_products"] == n_products  # not photos
    assert kind in (shared.folder / "reports" / "index.html").read_text()
