"""Stage `interpret_text` on trained text candidates: planted words on top, the same products for all, MLflow's key."""

from __future__ import annotations

import pandas as pd
import pytest

from bakeoff.core.errors import EvaluationError
from bakeoff.core.section import load_section
from bakeoff.data.predictions import read_predictions
from bakeoff.interpret.params import InterpretTextParams
from bakeoff.interpret.run import read_candidate
from bakeoff.interpret.texts import interpret_texts
from bakeoff.records.candidate import Candidate
from bakeoff.records.explained_texts import TEXTS_FILE, TextsRecord
from bakeoff.text.train import train_text
from bakeoff.tracking.records import read_results
from text_study import CONF, ONE_CORE, WORDS, catalogue_of, plan_of, settings

pytestmark = pytest.mark.torch
NAMES = ["tfidf_svm-original", "tfidf_forest-original", "fasttext-original"]
PARAMS = load_section(CONF.parent / "params.yaml", InterpretTextParams)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The root of three explained candidates, and their catalogue; one text is hostile, one is of signs alone."""
    root = tmp_path_factory.mktemp("study")
    catalogue = catalogue_of(root)
    texts = pd.read_parquet(root / "texts.parquet")
    test = catalogue.products.loc[catalogue.products["split"] == "test", "product_id"].tolist()
    texts.loc[texts["product_id"] == test[0], "title"] = "sky\n<b>ocean</b> \u202e\x00"
    texts.loc[texts["product_id"] == test[1], "title"] = "?!"
    texts.to_parquet(root / "texts.parquet", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bakeoff.text.train.state_dir", lambda name: root / ".bakeoff" / name)
        for name in NAMES:
            one = Candidate(name)
            folder = one.folder(root / "runs")
            train_text(plan_of(root, catalogue, settings=settings(one.model)), folder / "training")
            candidate = read_candidate(folder / "training", catalogue)
            params = PARAMS.model_copy(update={"max_shared": None, "n_shared": 100})
            interpret_texts(candidate, root, folder / "interpretation", params=params, compute=ONE_CORE)
    return root, catalogue, test


def folder_of(root, name):
    return Candidate(name).folder(root / "runs")


def read(root, name):
    return TextsRecord.read(folder_of(root, name) / "interpretation" / TEXTS_FILE)


@pytest.mark.parametrize("name", ["tfidf_svm-original", "fasttext-original"])
def test_the_words_of_a_class_are_its_top_terms(study, name):
    terms = read(study[0], name).terms
    for label, words in WORDS.items():
        assert {term for term, _ in terms[label][:3]} == set(words.split())


def test_every_candidate_explains_what_it_said_of_the_same_products(study):
    root, catalogue, test = study
    for name in NAMES:
        record = read(root, name)
        assert {one.product_id for one in record.texts} == set(test)
        assert {one.kind for one in record.texts} == {"shared"}
        found = read_predictions(folder_of(root, name) / "training" / "predictions.parquet", catalogue=catalogue)
        rows = dict(zip(found.products["product_id"], found.probabilities, strict=True))
        for one in record.texts:
            shares = rows[one.product_id]
            assert one.predicted == found.labels[shares.argmax()]
            assert one.correct == (one.predicted == one.true)
            assert one.probabilities[one.predicted] == pytest.approx(shares.max())
        hostile, empty = (next(one for one in record.texts if one.product_id == test[place]) for place in (0, 1))
        assert hostile.title == "sky\\n<b>ocean</b> \\u202e\\x00"
        assert [word for word, _ in hostile.words] == ["sky", "ocean"]
        assert (empty.title, empty.words) == ("?!", [])


def test_a_forests_terms_are_of_all_classes_and_its_words_promise_no_sum(study):
    record = read(study[0], "tfidf_forest-original")
    assert list(record.terms) == [""]
    assert record.scored == "log_probability"
    assert {one.completeness_gap for one in record.texts} == {None}


def test_the_file_is_a_part_of_the_mlflow_run_and_of_no_later_training(study):
    root = study[0]
    part = read_results(folder_of(root, NAMES[0])).parts["interpretation"]
    assert part.key == read(root, NAMES[0]).key
    path = folder_of(root, NAMES[0]) / "interpretation" / TEXTS_FILE
    changed = read(root, NAMES[0]).model_copy(update={"scored": "log_probability"})
    before = path.read_bytes()
    changed.write(path)
    assert read_results(folder_of(root, NAMES[0])).parts["interpretation"].digest != part.digest
    changed.model_copy(update={"training_key": "other"}).write(path)
    assert "interpretation" not in read_results(folder_of(root, NAMES[0])).parts
    path.write_bytes(before)


def test_what_is_no_file_of_texts_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(EvaluationError, match=r"texts.json is missing; run `dvc repro interpret_text`"):
        TextsRecord.read(tmp_path / TEXTS_FILE)
