"""A text candidate from texts to files: what it learns from, who answers, what determines it, and how it is asked."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bakeoff.core.errors import DataError, EvaluationError, ParamsError, TrainingError
from bakeoff.data.predictions import read_out_of_fold, read_predictions
from bakeoff.records.training import TrainingRecord
from bakeoff.text.classify import out_of_fold
from bakeoff.text.predictor import load_text_predictor, open_text_model, stored_texts
from bakeoff.text.train import train_text
from text_study import ONE_CORE, WORDS, catalogue_of, plan_of, settings

pytestmark = pytest.mark.torch


@pytest.fixture(autouse=True)
def no_cache_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("bakeoff.text.train.state_dir", lambda name: tmp_path / ".bakeoff" / name)


def test_a_text_candidate_leaves_what_every_candidate_leaves(tmp_path):
    catalogue = catalogue_of(tmp_path)
    record = train_text(plan_of(tmp_path, catalogue), tmp_path / "training")
    assert (record.candidate, record.mode, record.framework, record.environment) == (
        *("tfidf_svm-original", "original", "scikit-learn"),
        "torch",
    )
    assert (record.learned, record.modality, record.licence, record.commercial_use) == (
        True,
        "text",
        "BSD-3-Clause",
        True,
    )
    assert record.weights.source == "none"
    assert not record.weights.pretrained
    assert TrainingRecord.read(tmp_path / "training" / "training.json") == record
    predictions = read_predictions(tmp_path / "training" / "predictions.parquet", catalogue=catalogue)
    origins = predictions.products.groupby("split")["origin"].unique().map(list).to_dict()
    assert origins == {"train": ["in_sample"], "validation": ["held_out"], "test": ["held_out"]}
    unseen = read_out_of_fold(tmp_path / "training", catalogue=catalogue)
    assert unseen
    assert unseen.products["origin"].eq("out_of_fold").all()
    rows = catalogue.rows("train")
    groups = catalogue.products["group_id"].to_numpy()[rows]
    plan = plan_of(tmp_path, catalogue)
    np.testing.assert_array_equal(unseen.probabilities, out_of_fold(plan.known(rows), groups, plan.settings, seed=0))
    assert (unseen.probabilities != predictions.split("train")[1]).any()
    label_ids, probabilities = predictions.split("test")
    assert (probabilities.argmax(axis=1) == label_ids).mean() > 0.9


def test_test_labels_change_nothing_and_shuffled_labels_give_chance(tmp_path):
    catalogue = catalogue_of(tmp_path)
    first = train_text(plan_of(tmp_path, catalogue), tmp_path / "first")
    products = catalogue.products.copy()
    is_test = products["split"] == "test"
    products.loc[is_test, "label_id"] = (products.loc[is_test, "label_id"] + 1) % 3
    train_text(plan_of(tmp_path, replace(catalogue, products=products)), tmp_path / "second")
    for name in ("classifier.json", "classifier.npz"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    one, other = (read_predictions(tmp_path / name / "predictions.parquet") for name in ("first", "second"))
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    shuffled = catalogue.products.assign(label_id=np.random.default_rng(1).permutation(products["label_id"]))
    chance = train_text(plan_of(tmp_path, replace(catalogue, products=shuffled)), tmp_path / "third")
    assert first.best_validation_accuracy > 0.9
    assert chance.best_validation_accuracy < 0.75


def test_equal_texts_of_a_class_are_learnt_once_and_others_stay(tmp_path):
    texts: list[str | None] = [WORDS[("blue", "green", "red")[n % 3]] for n in range(60)]
    texts[0] = texts[1]  # of another class
    plan = plan_of(tmp_path, catalogue_of(tmp_path, texts))
    learnt = plan.known(plan.catalogue.rows("train")).once()
    assert [plan.catalogue.labels[label_id] for label_id in learnt.labels] == ["blue", "green", "red", "blue"]


def test_the_key_follows_texts_and_settings_and_no_photo(tmp_path):
    catalogue = catalogue_of(tmp_path)
    key = plan_of(tmp_path, catalogue).header.key
    moved = replace(catalogue, products=catalogue.products.assign(image=catalogue.products["image"].to_numpy()[::-1]))
    assert plan_of(tmp_path, moved).header.key == key
    assert plan_of(tmp_path, catalogue, seed=1).header.key != key
    assert plan_of(tmp_path, catalogue, settings=settings("tfidf_sgd")).header.key != key
    catalogue_of(tmp_path, ["wooden chair"] * 60)
    assert plan_of(tmp_path, catalogue).header.key != key


def test_what_cannot_be_learnt_is_told(tmp_path):
    catalogue = catalogue_of(tmp_path, [None] * 60)
    with pytest.raises(TrainingError, match="tfidf_svm: no train product has a text"):
        plan_of(tmp_path, catalogue)
    with pytest.raises(ParamsError, match="variant translated needs a translator"):
        plan_of(tmp_path, catalogue, variant="translated")
    (tmp_path / "texts.parquet").unlink()
    with pytest.raises(DataError, match=r"texts.parquet is missing; run `dvc repro prepare`"):
        plan_of(tmp_path, catalogue)


def test_a_product_without_a_text_is_answered_all_the_same(tmp_path):
    texts: list[str | None] = [None if n % 10 == 0 else WORDS[("blue", "green", "red")[n % 3]] for n in range(60)]
    catalogue = catalogue_of(tmp_path, texts)
    train_text(plan_of(tmp_path, catalogue), tmp_path / "training")
    found = read_predictions(tmp_path / "training" / "predictions.parquet", catalogue=catalogue)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("text", [None, " "])
def test_a_product_without_a_text_is_not_learnt_from_and_answered_by_the_class_shares(tmp_path, text):
    catalogue = catalogue_of(tmp_path)
    without = [int(catalogue.rows(split)[0]) for split in ("train", "test")]
    texts = pd.read_parquet(tmp_path / "texts.parquet")
    texts.loc[texts["product_id"].isin(catalogue.products["product_id"].iloc[without]), "title"] = text
    texts.to_parquet(tmp_path / "texts.parquet", index=False)
    plan = plan_of(tmp_path, catalogue)
    assert without[0] not in plan.catalogue.rows("train")
    train_text(plan, tmp_path / "out")
    found = read_predictions(tmp_path / "out" / "predictions.parquet")
    np.testing.assert_allclose(found.probabilities[without], 1 / 3, rtol=1e-6)
    assert (np.delete(found.probabilities, without, axis=0).max(axis=1) > 0.5).all()
    assert np.flatnonzero(found.products["origin"] == "without_input").tolist() == without


def test_a_split_without_texts_is_told(tmp_path):
    catalogue = catalogue_of(tmp_path)
    texts = pd.read_parquet(tmp_path / "texts.parquet")
    lacking = catalogue.products["product_id"].iloc[catalogue.rows("validation")]
    texts.loc[texts["product_id"].isin(lacking), "title"] = None
    texts.to_parquet(tmp_path / "texts.parquet", index=False)
    with pytest.raises(TrainingError, match="tfidf_svm: no validation product has a text; see section `dataset`"):
        plan_of(tmp_path, catalogue)


@pytest.mark.parametrize("name", ["tfidf_svm", "tfidf_forest", "fasttext"])
def test_a_loaded_candidate_answers_as_in_training(tmp_path, name):
    catalogue = catalogue_of(tmp_path)
    train_text(plan_of(tmp_path, catalogue, settings=settings(name)), tmp_path / "training")
    predictor = load_text_predictor(tmp_path / "training")
    assert predictor.labels == ["blue", "green", "red"]
    texts = pd.read_parquet(tmp_path / "texts.parquet").set_index("product_id")["title"]
    found = predictor.predict([texts[name] for name in catalogue.products["product_id"]])
    expected = read_predictions(tmp_path / "training" / "predictions.parquet")
    rows = (expected.products["origin"] == "held_out").to_numpy()
    np.testing.assert_array_equal(found[rows], expected.probabilities[rows])


def test_an_image_training_is_no_text_candidate(tmp_path):
    from records_made import training_record

    training_record().write(tmp_path / "training.json")
    with pytest.raises(EvaluationError, match="expected a text candidate's"):
        load_text_predictor(tmp_path)


def test_speed_is_of_a_model_fitted_to_the_catalogues_texts(tmp_path):
    from bakeoff.records.catalogue import LabelsRecord
    from bakeoff.speed.turns import Stand
    from records_made import dataset

    catalogue = catalogue_of(tmp_path)
    catalogue.products.to_parquet(tmp_path / "products.parquet", index=False)
    LabelsRecord(labels=list(catalogue.labels), dataset=dataset(name="flat", digest="0")).write(
        tmp_path / "labels.json"
    )
    network = open_text_model(settings(), tmp_path, compute=ONE_CORE, weights_dir=tmp_path / "weights")
    texts = stored_texts(tmp_path, settings(), 8)
    assert len(texts) == 8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        turn = Stand(network, texts, [4]).take_turn(0.5)
    assert turn.timings[1].seconds
    assert turn.walks.n_images
    assert network.description["file_mib"] > 0


def test_a_candidate_whose_folds_cannot_be_learnt_stands_without_their_answers(tmp_path, capfd, monkeypatch):
    def fail(*_, **__):
        raise TrainingError("no terms")

    monkeypatch.setattr("bakeoff.text.train.out_of_fold", fail)
    train_text(plan_of(tmp_path, catalogue_of(tmp_path)), tmp_path / "training")
    assert read_out_of_fold(tmp_path / "training") is None
    assert "tfidf_svm-original seed 0 has no answers out of fold: no terms" in capfd.readouterr().err


@pytest.mark.parametrize("harm", [lambda file: file.unlink(), lambda file: file.write_bytes(b"PK\3\4 half")])
@pytest.mark.parametrize(("name", "file"), [("tfidf_svm", "classifier.npz"), ("fasttext", "model.bin")])
def test_a_broken_file_is_told(tmp_path, name, file, harm):
    train_text(plan_of(tmp_path, catalogue_of(tmp_path), settings=settings(name)), tmp_path / "training")
    harm(tmp_path / "training" / file)
    with pytest.raises(DataError, match=r"holds a broken text classifier \(.*train it again"):
        load_text_predictor(tmp_path / "training")


def test_a_translated_candidate_has_the_licence_of_its_translator():
    own = settings()
    assert (own.translated().commercial_use, own.translated().licence_code) == (True, "BSD-3-Clause, translator MIT")
    unknown = own.translation.model_copy(update={"commercial_use": None})
    assert own.model_copy(update={"translation": unknown}).translated().commercial_use is None
