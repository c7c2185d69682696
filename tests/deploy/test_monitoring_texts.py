"""`bakeoff monitor` of a candidate of texts and of a pair: what is measured of texts, drift found, own products."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bakeoff.core.errors import DataError
from bakeoff.core.section import load_section
from bakeoff.deploy.monitoring.run import MonitorOptions, monitor
from bakeoff.deploy.monitoring.texts import StudyTexts
from bakeoff.fusion.params import FuseParams
from bakeoff.fusion.run import fuse
from bakeoff.records.candidate import Candidate
from bakeoff.text.train import train_text
from deploy.small_study import LABELS, photo_bytes, read_catalogue, write_evaluation
from text_study import ONE_CORE, WORDS, plan_of

pytestmark = [pytest.mark.torch, pytest.mark.slow]
TEXT, PHOTO = "tfidf_svm-original", "tiny-frozen"
PAIR = f"{PHOTO}+{TEXT}-mean"
FRENCH = "Une très belle chaise en bois pour le salon ou la salle à manger, livrée avec ses quatre pieds démontables"


def title_of(label: str, rng: np.random.Generator) -> str:
    return "the " + " and the ".join(rng.choice(WORDS[label].split(), 2))


@pytest.fixture(scope="module")
def project(study, tmp_path_factory):
    """The tiny study with titles, a text candidate and a pair."""
    root = tmp_path_factory.mktemp("texts") / "study"
    shutil.copytree(study, root, ignore=shutil.ignore_patterns("monitoring"))
    catalogue, rng = read_catalogue(root), np.random.default_rng(0)
    titles = [title_of(label, rng) for label in catalogue.products["label"]]
    table = pd.DataFrame({"product_id": catalogue.products["product_id"], "title": titles, "description": None})
    table.astype("string").to_parquet(root / "data" / "catalogue" / "texts.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_ROOT", str(root))
        folder = Candidate(TEXT).folder(root / "runs")
        training = train_text(plan_of(root / "data" / "catalogue", catalogue, root=root), folder / "training")
        write_evaluation(folder / "evaluation", training)
        pair = fuse(
            Candidate(PAIR),
            catalogue,
            root / "runs",
            params=load_section(root / "params.yaml", FuseParams),
            compute=ONE_CORE,
        )
        write_evaluation(Candidate(PAIR).folder(root / "runs") / "evaluation", pair)
    return root


@pytest.fixture(autouse=True)
def in_project(project, monkeypatch):
    monkeypatch.setenv("BAKEOFF_ROOT", str(project))
    monkeypatch.chdir(project)


def new_products(folder: Path, **columns: object) -> Path:
    """Thirty products with photos, titles like the study's, and classes."""
    rng, labels = np.random.default_rng(5), [LABELS[number % 3] for number in range(30)]
    for number, label in enumerate(labels):
        (folder / f"{number}.png").write_bytes(photo_bytes(label, rng))
    titles = [title_of(label, rng) for label in labels]
    table = pd.DataFrame({"image": [f"{n}.png" for n in range(30)], "title": titles, "label": labels}).assign(**columns)
    table.to_csv(folder / "new.csv", index=False)
    return folder / "new.csv"


def results_of(report) -> dict[str, dict]:
    return {test["name"]: test for test in report["tests"]}


def test_products_like_the_studys_are_calm_and_texts_are_measured(project, tmp_path):
    source = new_products(tmp_path)
    table = pd.concat([pd.read_csv(source), pd.DataFrame({"title": [None, " "]})])
    table.to_csv(source, index=False)
    report, folder = monitor(project, source, MonitorOptions(TEXT, name="calm"))
    assert report["verdict"] == "calm"
    assert (report["n_new"], report["n_refused"], report["refused"]) == (30, 2, {"no_text": 2})
    found = results_of(report)
    names = ["text_length", "unknown_words", "languages", "no_text", "features", "class_shares", "confidence"]
    assert [*found] == [*names, "accuracy", "calibration"]
    assert (found["no_text"]["reference"], found["no_text"]["new"]) == (0, 2 / 32)
    titles = table["title"].head(30)
    assert found["text_length"]["new"] == pytest.approx(titles.str.len().mean())
    assert found["unknown_words"]["reference"] == found["unknown_words"]["new"] == 0
    assert report["performance"]["accuracy"]["value"] == 1
    assert any("2 products could not be read" in sentence for sentence in report["sentences"])
    assert json.loads((folder / "monitoring.json").read_text())["tests"] == report["tests"]


def test_other_texts_are_found_and_drawn(project, tmp_path):
    source = new_products(tmp_path, description=FRENCH)
    report, folder = monitor(project, source, MonitorOptions(TEXT, name="changed", unlabelled=True))
    assert report["verdict"] == "changed"
    found = results_of(report)
    assert {"text_length", "unknown_words", "languages"} <= {name for name, test in found.items() if test["differs"]}
    assert found["unknown_words"]["new"] > 0.5
    assert found["languages"]["shares"]["fr"]["new"] > 0.9
    assert not found["no_text"]["differs"]
    assert (folder / "monitor.png").stat().st_size > 10_000


def test_the_studys_own_products_are_left_out(project, tmp_path):
    own = pd.read_parquet(project / "data" / "catalogue" / "texts.parquet")
    new = pd.read_csv(new_products(tmp_path)).assign(product_id="new")
    pd.concat([own, new]).to_parquet(tmp_path / "all.parquet")
    report, _ = monitor(project, tmp_path / "all.parquet", MonitorOptions(TEXT, name="own", unlabelled=True))
    assert report["own_photos"] == {"train": 18, "validation": 6, "test": 6}
    assert report["n_new"] == 30


def test_a_pair_is_asked_for_both(project, tmp_path):
    source = new_products(tmp_path)
    report, folder = monitor(project, source, MonitorOptions(PAIR, name="pair"))
    assert report["n_new"] == report["performance"]["accuracy"]["n"] == 30
    assert {"text_length", "languages", "no_text"} <= {*results_of(report)}
    assert (folder / "monitor.png").stat().st_size > 10_000
    report, _ = monitor(project, new_products(tmp_path, title=None), MonitorOptions(PAIR, name="no-titles"))
    assert (report["n_new"], report["n_refused"]) == (30, 0)
    assert results_of(report)["no_text"]["differs"]


def test_a_folder_has_no_texts(project, tmp_path):
    (tmp_path / "red").mkdir()
    with pytest.raises(DataError, match="tfidf_svm-original reads texts; give a table of them"):
        monitor(project, tmp_path, MonitorOptions(TEXT, name="x"))


def test_the_measures_by_hand():
    study = StudyTexts(["title"], [], {}, frozenset({"chair", "oak"}), needs_text=True)
    found = study.measure(["Oak <b>chair</b>, oak table", "12 cm", ""])
    assert found.values[:, 0].tolist() == [27, 5, 0]
    assert found.values[:, 1].tolist() == pytest.approx([1 / 3, 1, 0])
    assert found.is_empty.tolist() == [False, False, True]
    assert StudyTexts([], [], {}, frozenset(), needs_text=False).measure(["", ""]).values.shape == (2, 0)
