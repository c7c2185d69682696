"""A pair of a network of photos and one of titles, fused early: from its training to `bakeoff predict` and MLflow."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bakeoff.core.errors import DataError, EvaluationError
from bakeoff.core.section import load_section
from bakeoff.data.predictions import read_predictions
from bakeoff.deploy.prediction.run import PredictOptions, predict
from bakeoff.deploy.prediction.sources import Columns
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.evaluation.run import evaluate_candidate
from bakeoff.fusion.features import side_features
from bakeoff.fusion.fit import Fusion
from bakeoff.fusion.params import FuseParams
from bakeoff.fusion.run import FILE, fuse
from bakeoff.records.candidate import Candidate
from bakeoff.records.training import TrainingRecord
from bakeoff.text.train import train_text
from bakeoff.weights.texts import fetch_text_weights
from deploy.small_study import read_catalogue
from text_study import ONE_CORE, WEIGHTS, WORDS, plan_of, settings
from tiny_encoder import WIDTH, encoder_params, encoder_settings, save_encoder

pytestmark = pytest.mark.torch
PHOTOS, TEXTS = "tiny-frozen", "words-original"
PAIR = Candidate(f"{PHOTOS}+{TEXTS}-early_linear")


def features_file(root: Path) -> Path:
    (found,) = (root / ".bakeoff" / "features").glob("*/features.npy")
    return found


@pytest.fixture(scope="module")
def project(study, tmp_path_factory):
    """The tiny study with titles, a text candidate on a frozen encoder, TF-IDF and an early pair."""
    root = tmp_path_factory.mktemp("early") / "study"
    shutil.copytree(study, root, ignore=shutil.ignore_patterns("monitoring"))
    catalogue, rng = read_catalogue(root), np.random.default_rng(0)
    ids, labels = catalogue.products["product_id"], catalogue.products["label"]
    titles = [" ".join(rng.choice(WORDS[label].split(), 2)) for label in labels]
    table = pd.DataFrame({"product_id": ids, "title": titles, "description": None})
    table.astype("string").to_parquet(root / "data" / "catalogue" / "texts.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_ROOT", str(root))
        patch.chdir(root)
        save_encoder(root / "encoder")
        own = encoder_settings({"one": encoder_params("encoder")}, model="words")
        fetch_text_weights(own, WEIGHTS, root / "weights" / "words")
        for one in (own, settings("tfidf_svm")):
            plan = plan_of(root / "data" / "catalogue", catalogue, settings=one, root=root)
            train_text(plan, Candidate(f"{one.model}-original").folder(root / "runs") / "training")
        params = load_section(root / "params.yaml", FuseParams)
        fuse(PAIR, catalogue, root / "runs", params=params, compute=ONE_CORE)
        folder, how = PAIR.folder(root / "runs"), load_section(root / "params.yaml", EvaluateParams)
        evaluate_candidate(folder / "training", catalogue, folder / "evaluation", params=how)
    return root


@pytest.fixture(autouse=True)
def in_project(project, monkeypatch):
    monkeypatch.setenv("BAKEOFF_ROOT", str(project))
    monkeypatch.chdir(project)


def new_products(project: Path, folder: Path) -> pd.DataFrame:
    """The study's products as a table with their raw photos, and that table as new.csv."""
    texts = pd.read_parquet(project / "data" / "catalogue" / "texts.parquet").set_index("product_id")["title"]
    rows = [
        {"id": name, "image": os.path.relpath(next((project / "raw").glob(f"*/{name}")), folder), "title": title}
        for name, title in texts.items()
    ]
    table = pd.DataFrame(rows)
    table.to_csv(folder / "new.csv", index=False)
    return table


def answers(project: Path, source: Path, out: Path) -> dict[str, dict]:
    predict(project, source, PredictOptions(PAIR.name, columns=Columns(title="title"), output=out, top_k=3))
    return {one["id"]: one for one in json.loads(out.read_text())}


def test_a_pair_has_one_head_on_both_sides_features(project):
    record = TrainingRecord.read(PAIR.folder(project / "runs") / "training" / "training.json")
    sides = [TrainingRecord.read(side.folder(project / "runs") / "training/training.json") for side in PAIR.sides]
    fusion = Fusion.read(PAIR.folder(project / "runs") / "training" / FILE)
    assert fusion.widths == [sides[0].n_features, WIDTH]
    assert record.n_features == sum(fusion.widths)
    assert record.n_trainable == 3 * (record.n_features + 1)
    frozen = sum(one.n_parameters - one.n_trainable for one in sides)
    assert record.n_parameters == frozen + record.n_trainable
    assert record.settings.n_learnt == 24  # train and validation: features have seen no label
    assert record.settings.parameters["dropout"] == 1.0
    predictions = read_predictions(PAIR.folder(project / "runs") / "training" / "predictions.parquet")
    label_ids, found = predictions.split("test")
    assert (found.argmax(axis=1) == label_ids).mean() > 0.8
    assert set(predictions.products["origin"][predictions.products["split"] == "train"]) == {"in_sample"}


def test_new_products_get_the_answers_that_the_same_ones_have_in_the_study(project, tmp_path):
    new_products(project, tmp_path)
    found = answers(project, tmp_path / "new.csv", tmp_path / "out.json")
    own = read_predictions(PAIR.folder(project / "runs") / "training" / "predictions.parquet")
    temperature = json.loads((PAIR.folder(project / "runs") / "evaluation" / "calibration.json").read_text())
    odds = own.probabilities.astype(np.float64) ** (1 / temperature["temperature"])
    expected = odds / odds.sum(axis=1, keepdims=True)
    for row in np.flatnonzero(own.products["split"] != "validation"):  # which other heads answered
        given = {one["label"]: one["probability"] for one in found[own.products["product_id"][row]]["top"]}
        assert [given[label] for label in own.labels] == pytest.approx(expected[row].tolist(), abs=2e-3)


def test_what_lacks_a_side_is_answered_by_the_same_head_and_what_lacks_both_is_refused(project, tmp_path):
    table = new_products(project, tmp_path)
    halves = [table.assign(title=""), table.assign(image="")]
    for lacking, half in zip(("title", "image"), halves, strict=True):
        half.to_csv(tmp_path / f"{lacking}.csv", index=False)
        found = answers(project, tmp_path / f"{lacking}.csv", tmp_path / f"{lacking}.json")
        right = [one["label"] == name.split("/")[0] for name, one in found.items()]
        assert np.mean(right) > 0.7  # chance is a third
    table.assign(title="", image="").head(2).to_csv(tmp_path / "neither.csv", index=False)
    with pytest.raises(DataError, match="none of 2 products could be read"):
        answers(project, tmp_path / "neither.csv", tmp_path / "neither.json")


def test_a_logged_model_answers_as_predict_does(project, tmp_path):
    from bakeoff.tracking.pairs import open_model

    table, folder = new_products(project, tmp_path), PAIR.folder(project / "runs")
    table.loc[[0, 2], "title"], table.loc[1, "image"] = None, None
    table.to_csv(tmp_path / "new.csv", index=False)
    expected = answers(project, tmp_path / "new.csv", tmp_path / "out.json")
    for place, side in zip(("first", "second"), PAIR.sides, strict=True):
        shutil.copytree(side.folder(project / "runs") / "training", tmp_path / "sides" / place / "training")
    model = open_model(folder / "training", weights_root=project / "weights", sides_dir=tmp_path / "sides")
    table["image"] = [None if pd.isna(path) else (tmp_path / path).read_bytes() for path in table["image"]]
    found = model.predict(table)
    assert found["label"].tolist() == [expected[name]["label"] for name in table["id"]]
    given = [expected[name]["probability"] for name in table["id"]]
    assert found["probability"].tolist() == pytest.approx(given, abs=1e-4)
    assert len({*found["label"]}) == 3
    photos, texts = table.drop(columns="title").drop(index=1), table[["title"]].drop(index=[0, 2])
    for half in (photos, texts):
        own = model.predict(half)["label"].to_numpy()
        assert (own == [name.split("/")[0] for name in table["id"][half.index]]).mean() > 0.7


def test_features_that_were_cleaned_away_are_computed_again(project):
    catalogue = read_catalogue(project)
    folders = [side.folder(project / "runs") / "training" for side in PAIR.sides]
    before = [side_features(folder, catalogue, ONE_CORE) for folder in folders]
    assert np.isfinite(before[0]).all()
    shutil.rmtree(project / ".bakeoff" / "features")
    shutil.rmtree(project / ".bakeoff" / "texts")
    again = [side_features(folder, catalogue, ONE_CORE) for folder in folders]
    for one, other in zip(before, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert features_file(project).is_file()


def test_the_same_pair_again_is_the_same_bytes(project, tmp_path):
    runs, catalogue = tmp_path / "runs", read_catalogue(project)
    for side in PAIR.sides:
        shutil.copytree(side.folder(project / "runs"), side.folder(runs))
    (tmp_path / "weights").symlink_to(project / "weights")
    (tmp_path / "dvc.yaml").touch()
    fuse(PAIR, catalogue, runs, params=load_section(project / "params.yaml", FuseParams), compute=ONE_CORE)
    for file in (FILE, "training.json", "predictions.parquet"):
        place = PAIR.folder(Path("runs")) / "training" / file
        assert (tmp_path / place).read_bytes() == (project / place).read_bytes()


@pytest.mark.parametrize("other", ["tfidf_svm-original", "tiny-finetune"])
def test_what_has_no_features_of_a_frozen_network_is_refused(project, other):
    pair = Candidate(f"{PHOTOS}+{other}-early_mlp")
    params = load_section(project / "params.yaml", FuseParams)
    with pytest.raises(EvaluationError, match=rf"^{other} cannot be fused early, only by what it answers"):
        fuse(pair, read_catalogue(project), project / "runs", params=params, compute=ONE_CORE)
    assert not pair.folder(project / "runs").exists()
