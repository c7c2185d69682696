"""Classifiers of texts: scikit-learn's answers, the same bits after storing, nothing seen of what they are asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.core.errors import DataError, TrainingError
from bakeoff.learning.folds import make_folds
from bakeoff.records.text import FastTextParams
from text_models import CHARACTERS, CLASSIFIERS, WORDS, made, params_of

pytestmark = pytest.mark.torch
UNEVEN = [40, 12, 7, 2, 1]


def fitted(known: Any, params: Any, *, seed: int = 0) -> Any:
    from bakeoff.text.classify import TextClassifier

    return TextClassifier.fit(known, params, seed=seed)


def asked(classifier: Any, texts: Any) -> np.ndarray:
    found = classifier.probabilities(texts)
    assert found.dtype == np.float32
    assert found.shape == (len(texts), classifier.n_classes)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (found > 0).all()
    return found


def by_hand(model: Any, known: Any, balance: str = "none") -> Any:
    """A pipeline of scikit-learn's with words and characters."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.utils.class_weight import compute_sample_weight

    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    features = make_union(TfidfVectorizer(), characters).fit(known.texts)
    weights = compute_sample_weight("balanced" if balance == "class_weights" else None, known.labels)
    return make_pipeline(features, model.fit(features.transform(known.texts), known.labels, sample_weight=weights))


@pytest.mark.parametrize("balance", ["none", "class_weights"])
@pytest.mark.parametrize("counts", [UNEVEN, [9, 30]])
def test_answers_are_those_of_a_pipeline_by_hand(counts: list[int], balance: str) -> None:
    from scipy.special import expit, softmax
    from sklearn.linear_model import SGDClassifier
    from sklearn.svm import LinearSVC

    known, others = made(counts), made([20] * len(counts), seed=1).texts
    svm = by_hand(LinearSVC(random_state=0, max_iter=5000), known, balance)
    scores = svm.decision_function(others)
    expected = softmax(scores, axis=1) if scores.ndim == 2 else np.stack([expit(-scores), expit(scores)], axis=1)
    found = asked(fitted(known, params_of("linear_svc", characters=CHARACTERS, balance=balance)), others)
    assert found.argmax(axis=1).tolist() == svm.predict(others).tolist()
    assert found == pytest.approx(expected, abs=1e-6)
    sgd = by_hand(SGDClassifier(loss="log_loss", random_state=0), known, balance)
    found = asked(fitted(known, params_of("sgd_logistic", characters=CHARACTERS, balance=balance)), others)
    assert found == pytest.approx(sgd.predict_proba(others), abs=1e-5)


def test_a_forests_answers_are_scikit_learns() -> None:
    from sklearn.ensemble import RandomForestClassifier

    known, others = made(UNEVEN), made([20] * 5, seed=1).texts
    classifier = fitted(known, params_of("random_forest", max_depth=6))
    # from the same features: a last digit of theirs makes other trees
    forest = RandomForestClassifier(10, max_depth=6, random_state=0)
    forest.fit(classifier.features(known.texts), known.labels, known.weights)
    assert asked(classifier, others) == pytest.approx(forest.predict_proba(classifier.features(others)), abs=1e-5)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_stored_classifier_answers_with_the_same_bits(name: str, tmp_path: Path) -> None:
    from bakeoff.text.classify import TextClassifier

    known, others = made(UNEVEN, n_classes=6), [*made([20] * 5, seed=1).texts, "", "wo300rd __label__2 </s> wo1rd"]
    params = params_of(name, characters=CHARACTERS)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:  # fitted again: deterministic, too
        folder.mkdir()
        classifier = fitted(known, params)
        classifier.save(folder)
    expected, stored = asked(classifier, others), TextClassifier.load(folders[0])
    assert np.array_equal(asked(stored, others), expected)
    assert stored.params == params
    assert expected[:, 5].max() < 2e-6  # no text was of the last class
    files = sorted(path.name for path in folders[0].iterdir())
    assert files == ["classifier.json", "classifier.npz", *["model.bin"] * (name == "fasttext")]
    for file in files:
        assert (folders[0] / file).read_bytes() == (folders[1] / file).read_bytes()
    with np.load(folders[0] / "classifier.npz", allow_pickle=False) as arrays:
        assert all(array.dtype != object for array in arrays.values())
    seeds = [asked(fitted(known, params, seed=seed), others) for seed in (0, 1)]
    assert np.array_equal(seeds[0], expected)
    assert not np.array_equal(*seeds)


@pytest.mark.parametrize("name", ["linear_svc", "sgd_logistic", "random_forest"])
def test_an_answer_does_not_depend_on_what_else_is_asked(name: str) -> None:
    classifier, others = fitted(made(UNEVEN), params_of(name, characters=CHARACTERS)), made([8] * 5, seed=1).texts
    together = asked(classifier, others)
    assert np.array_equal(np.concatenate([asked(classifier, [text]) for text in others]), together)
    assert classifier.probabilities([]).shape == (0, 5)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    from bakeoff.text.classify import TextClassifier

    with pytest.raises(DataError, match=r"classifier\.json is missing; run `dvc repro train_text`"):
        TextClassifier.load(tmp_path)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_hard_texts_get_an_answer(name: str) -> None:
    known = replace(made([20, 20]), texts=[*made([20, 20]).texts[:-3], "", "\x00\x07", "🙂 مرحبا"])
    classifier = fitted(known, params_of(name))
    hard = ["", "unheard of", "wo1rd " * 3000, "line\nline\r\n\x00", "__label__7", "</s> wo200rd", "\u202eabc", "🙂"]
    found = asked(classifier, hard)
    if name != "fasttext":
        assert np.array_equal(found[0], found[1])  # both are without a feature
    if name != "random_forest":
        assert asked(classifier, ["wo200rd"]).argmax() == 0


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_one_class_alone_is_certain(name: str) -> None:
    balances = ["none"] if name == "fasttext" else ["none", "class_weights", "smote"]
    for balance in balances:
        known = replace(made([0, 4]), n_classes=3)
        found = asked(fitted(known, params_of(name, balance=balance)), ["wo1rd", ""])
        assert found == pytest.approx(np.array([[1e-6, 1, 1e-6]] * 2), rel=1e-4)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_without_texts_or_terms_a_sentence_says_so(name: str) -> None:
    known = made([4, 4])
    with pytest.raises(TrainingError, match="a text model needs training texts, got none; check the split"):
        fitted(known.at(np.arange(0)), params_of(name))
    if name != "fasttext":
        with pytest.raises(TrainingError, match="none of the 8 training texts has a term that counts"):
            fitted(replace(known, texts=[""] * 8), params_of(name))


def test_fasttext_that_diverges_says_so() -> None:
    params = params_of("fasttext")
    rates = FastTextParams.model_validate(params.classifier.model_dump() | {"learning_rate": 1e8})
    with pytest.raises(TrainingError, match=r"fastText's loss became NaN at learning_rate 1e\+08; set a smaller one"):
        fitted(made([9, 9]), params.model_copy(update={"classifier": rates}))


@pytest.mark.parametrize("name", ["linear_svc", "sgd_logistic", "random_forest"])
def test_a_text_of_weight_zero_teaches_nothing(name: str) -> None:
    known = made([12, 12])
    wrong = replace(known, labels=np.concatenate([known.labels[:12], [0] * 12]))
    both = {
        "texts": [*known.texts, *wrong.texts[12:] * 3],
        "labels": np.concatenate([known.labels, *[wrong.labels[12:]] * 3]),
    }
    weights = np.ones(60, np.float32)
    heavy = replace(known, **both, weights=weights)
    light = replace(heavy, weights=np.where(np.arange(60) < 24, weights, 0))
    params = params_of(name)
    assert asked(fitted(light, params), known.texts[12:]).argmax(axis=1).tolist() == [1] * 12
    assert asked(fitted(heavy, params), known.texts[12:]).argmax(axis=1).mean() < 0.2


def test_smote_gives_every_class_the_mean_number_of_rows() -> None:
    from scipy import sparse

    from bakeoff.text.classify import _balanced

    known = replace(made([30, 8, 3, 0, 1]), weights=np.full(42, 0.5, np.float32))  # 42 rows of four classes: 10 or 11
    features = sparse.csr_array(np.random.default_rng(0).random((42, 4)) + known.labels[:, None])
    found, labels, weights = _balanced(features, known, "smote", seed=0)
    assert np.bincount(labels).tolist() == [10, 10, 10, 0, 10]
    assert found.shape == (40, 4)
    rows, dense = found.toarray(), features.toarray()
    is_old = (rows[:, None] == dense).all(axis=2).any(axis=1)
    assert np.bincount(labels[is_old]).tolist() == [10, 8, 10, 0, 10]  # fewer, more, repeated, repeated
    assert weights.tolist() == np.where(is_old, 0.5, 1).tolist()
    new = rows[labels == 1]
    assert ((new >= dense[known.labels == 1].min(axis=0)) & (new <= dense[known.labels == 1].max(axis=0))).all()
    again = _balanced(features, known, "smote", seed=0)
    assert np.array_equal(again[0].toarray(), rows)
    assert not np.array_equal(_balanced(features, known, "smote", seed=1)[0].toarray(), rows)


def test_smote_helps_the_small_classes() -> None:
    known, others = made([200, 12, 12]), made([0, 40, 40], seed=1)
    recalls = [
        (
            asked(fitted(known, params_of("linear_svc", balance=name)), others.texts).argmax(axis=1) == others.labels
        ).mean()
        for name in ("none", "smote", "class_weights")
    ]
    assert recalls[1] > recalls[0] + 0.05
    assert recalls[2] > recalls[0] + 0.05


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_out_of_fold_answers_know_nothing_of_their_group(name: str) -> None:
    from bakeoff.text.classify import LabelledTexts, out_of_fold

    # Each group of two texts has two words of its own: whoever saw the group knows it, whoever did not sees no term.
    rng = np.random.default_rng(0)
    groups, labels = np.repeat(np.arange(30), 2), np.repeat(rng.permutation([0] * 15 + [1] * 15), 2)
    texts = [f"group{group}a group{group}b" for group in groups]
    known = LabelledTexts(texts, labels, np.ones(60, np.float32), 2)
    # fastText gives pairs of unknown words random vectors
    params = params_of(name, **({"word_ngrams": 1} if name == "fasttext" else {}))
    assert (asked(fitted(known, params), texts).argmax(axis=1) == labels).mean() == 1
    found = out_of_fold(known, groups, params, seed=0)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert len(np.unique(found, axis=0)) <= 5  # what each fold's model answers where it sees no term
    assert (found.argmax(axis=1) == labels).mean() == pytest.approx(0.5, abs=0.2)
    assert np.array_equal(out_of_fold(known, groups, params, seed=0), found)


def test_out_of_fold_answers_are_those_of_models_by_hand() -> None:
    from bakeoff.text.classify import out_of_fold

    known = made([30, 30, 30])
    groups = np.arange(90) // 3
    params = params_of("linear_svc", characters=CHARACTERS)
    found = out_of_fold(known, groups, params, seed=0, n_folds=2)
    for half in _halves(groups, known.labels):
        others, rows = np.flatnonzero(~np.isin(groups, half)), np.flatnonzero(np.isin(groups, half))
        assert len(rows) == 45
        assert np.array_equal(asked(fitted(known.at(others), params), known.at(rows).texts), found[rows])


def _halves(groups: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    from sklearn.model_selection import StratifiedGroupKFold

    from bakeoff.core.seeding import derive_seed

    folds = StratifiedGroupKFold(2, shuffle=True, random_state=derive_seed(0, "folds") % 2**32)
    return [np.unique(groups[rows]) for _, rows in folds.split(groups, labels, groups)]


@given(data=st.data())
@settings(max_examples=15)
def test_every_row_of_any_groups_is_answered_once(data: st.DataObject) -> None:
    from bakeoff.text.classify import out_of_fold

    n = data.draw(st.integers(4, 16))
    groups = np.array(data.draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)))
    labels = np.sort(np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))))
    known = made(np.bincount(labels, minlength=4).tolist())
    params = params_of("linear_svc", words=WORDS, balance="smote")
    found, folds = out_of_fold(known, groups, params, seed=0), make_folds(known.labels, groups, seed=0)
    assert (found is None) == (not folds)
    if found is None:
        return
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-6)
