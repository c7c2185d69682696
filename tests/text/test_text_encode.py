"""Text candidates of encoders: their features are kept, and they flow through training, answers and speed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bakeoff.core.errors import ParamsError, WeightsError
from bakeoff.core.section import validate_section
from bakeoff.data.predictions import read_predictions
from bakeoff.interpret.words import top_terms
from bakeoff.records.catalogue import LabelsRecord
from bakeoff.records.text import TextClassifierParams
from bakeoff.text.predictor import load_text_predictor, open_text_model
from bakeoff.text.train import train_text
from bakeoff.weights.texts import fetch_text_weights
from records_made import dataset
from text_study import ONE_CORE, WEIGHTS, WORDS, catalogue_of, plan_of
from tiny_encoder import WIDTH, encoder_params, encoder_settings, save_encoder

pytestmark = pytest.mark.torch


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A main checkout with the files of an encoder."""
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("")
    save_encoder(tmp_path / "encoder")
    return tmp_path


def fetched(root, encoders=None, **changes):
    """Return the settings of a text model whose encoders are in weights/tiny."""
    own = encoder_settings(encoders or {"tiny": encoder_params("encoder")}, **changes)
    fetch_text_weights(own, WEIGHTS, root / "weights" / "tiny")
    return own


def caches(root):
    return sorted(root.glob(".bakeoff/texts/*/embeddings.npz"))


def test_a_frozen_encoder_is_a_text_candidate_as_others(root):
    own, catalogue = fetched(root), catalogue_of(root)
    record = train_text(plan_of(root, catalogue, settings=own), root / "runs" / "tiny-original" / "seed_0" / "training")
    assert (record.candidate, record.weights.source, record.weights_dir) == ("tiny-original", "folder", "weights/tiny")
    assert (record.licence, record.commercial_use) == ("code Apache-2.0, weights MIT", True)
    assert (record.n_features, record.n_trainable) == (WIDTH, 3 * (WIDTH + 1))
    assert record.n_parameters > record.n_trainable
    assert {"torch", "transformers"} <= record.versions.keys()
    found = read_predictions(root / "runs/tiny-original/seed_0/training/predictions.parquet", catalogue=catalogue)
    assert set(found.products["origin"][found.products["split"] == "train"]) == {"in_sample"}
    label_ids, probabilities = found.split("test")
    assert (probabilities.argmax(axis=1) == label_ids).mean() > 0.6  # of a network of random numbers; chance is a third


def test_embeddings_are_made_once_for_seeds_and_heads_and_anew_for_other_texts(root):
    catalogue = catalogue_of(root)
    first = plan_of(root, catalogue, settings=fetched(root))
    (file,) = caches(root)
    written = file.stat().st_mtime_ns
    head = {"classifier": {"name": "linear_svc", "c": 1.0, "max_iter": 1000}}
    for own, seed in ((fetched(root), 1), (fetched(root, **head), 0)):
        plan = plan_of(root, catalogue, settings=own, seed=seed)
        assert plan.header.key != first.header.key
        assert plan.encoders
        np.testing.assert_array_equal(
            plan.encoders.transform(plan.texts),
            first.encoders.transform(first.texts),  # type: ignore[union-attr]
        )
    assert [path.stat().st_mtime_ns for path in caches(root)] == [written]
    plan_of(root, catalogue, settings=fetched(root, {"tiny": encoder_params("encoder", pooling="cls")}))
    assert len(caches(root)) == 2
    catalogue_of(root, ["sky"] * 60)
    plan_of(root, catalogue, settings=fetched(root))
    assert len(caches(root)) == 3
    save_encoder(root / "encoder", seed=1)
    plan_of(root, catalogue, settings=fetched(root))
    assert len(caches(root)) == 4


def test_several_encoders_stand_side_by_side(root):
    save_encoder(root / "second", seed=1)
    parts = {"tiny": encoder_params("encoder"), "second": encoder_params("second", pooling="cls")}
    plan = plan_of(root, catalogue_of(root), settings=fetched(root, parts))
    assert plan.encoders
    found = plan.encoders.transform(plan.texts)
    assert found.shape == (60, 2 * WIDTH)
    np.testing.assert_allclose(np.linalg.norm(found.reshape(60, 2, WIDTH), axis=2), 1, atol=1e-5)
    np.testing.assert_allclose(plan.encoders.transform(["sky", *plan.texts])[1:], found, atol=1e-5)


@pytest.mark.parametrize(
    "classifier",
    [
        {"name": "logistic", "c": 10.0, "max_iter": 1000},
        {"name": "linear_svc", "c": 1.0, "max_iter": 1000},
        {"name": "random_forest", "n_trees": 10, "max_depth": None},
    ],
    ids=lambda one: one["name"],
)
def test_a_loaded_candidate_answers_as_in_training_on_any_head_and_text(root, classifier):
    texts = [None if n % 10 == 0 else WORDS[("blue", "green", "red")[n % 3]] for n in range(60)]
    texts[1], texts[2], texts[4] = "x" * 12_000, "🎉 👍", "sky " * 3000
    catalogue, own = catalogue_of(root, texts), fetched(root, classifier=classifier)
    folder = root / "runs" / "tiny-original" / "seed_0" / "training"
    train_text(plan_of(root, catalogue, settings=own), folder)
    predictor = load_text_predictor(folder)
    titles = pd.read_parquet(root / "texts.parquet").set_index("product_id")["title"].fillna("")
    found = predictor.predict([titles[name] for name in catalogue.products["product_id"]])
    expected = read_predictions(folder / "predictions.parquet")
    rows = (expected.products["origin"] == "held_out").to_numpy()
    np.testing.assert_allclose(found[rows], expected.probabilities[rows], atol=2e-4)
    assert predictor.predict([]).shape == (0, 3)
    assert top_terms(predictor.classifier, catalogue.labels, 3) == {}
    fetched(root, {"tiny": encoder_params("encoder", licence="Apache-2.0")})
    save_encoder(root / "encoder", seed=1)
    fetched(root)
    with pytest.raises(
        WeightsError, match=r"tiny-original was trained on weights .* run `dvc repro` to train it again"
    ):
        load_text_predictor(folder)


def test_two_classes_have_the_logistic_regressions_own_probabilities(root):
    from sklearn.linear_model import LogisticRegression

    from bakeoff.text.heads import fit_head

    generator = np.random.default_rng(0)
    features, labels = generator.normal(size=(40, 3)), np.arange(40) % 2
    params = encoder_settings({"tiny": encoder_params("encoder")}).classifier
    found = fit_head(features, labels, np.ones(40), params, seed=0).probabilities(features)
    expected = LogisticRegression(C=10.0, max_iter=1000).fit(features, labels).predict_proba(features)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_test_labels_change_nothing(root):
    catalogue, own = catalogue_of(root), fetched(root)
    train_text(plan_of(root, catalogue, settings=own), root / "first")
    products, is_test = catalogue.products.copy(), catalogue.products["split"] == "test"
    products.loc[is_test, "label_id"] = (products.loc[is_test, "label_id"] + 1) % 3
    train_text(plan_of(root, replace(catalogue, products=products), settings=own), root / "second")
    assert (root / "first" / "classifier.npz").read_bytes() == (root / "second" / "classifier.npz").read_bytes()


@pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "from the source"])
def test_speed_runs_the_encoder_each_time(root, is_stored):
    catalogue, own = catalogue_of(root), encoder_settings({"tiny": encoder_params("encoder")})
    if is_stored:
        own = fetched(root)
    catalogue.products.to_parquet(root / "products.parquet", index=False)
    labels = LabelsRecord(labels=list(catalogue.labels), dataset=dataset(name="flat", digest="0"))
    labels.write(root / "labels.json")
    network = open_text_model(own, root, compute=ONE_CORE, weights_dir=root / "weights" / "tiny")
    assert (network.description["runtime"], network.description["threads"]) == ("PyTorch + scikit-learn", 1)
    assert caches(root) == []  # nothing is remembered
    assert network.forward(["sky ocean"]).shape == (1, 3)


def test_encoders_that_cannot_be_are_refused():
    own = encoder_settings({"tiny": encoder_params("encoder")})
    params = own.model_dump(include={*TextClassifierParams.model_fields})
    for change, told in (
        ({"encoders": {}}, "at least 1 item"),
        ({"encoders": {"a/b": params["vectoriser"]["encoders"]["tiny"]}}, "should match pattern"),
        ({"encoders": {"tiny": params["vectoriser"]["encoders"]["tiny"] | {"pooling": "max"}}}, "'mean' or 'cls'"),
    ):
        with pytest.raises(ParamsError, match=told):
            validate_section(TextClassifierParams, params | {"vectoriser": change}, where="here")
