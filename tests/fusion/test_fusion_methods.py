from __future__ import annotations

import sys

import numpy as np
import pytest
from half_told import BOOSTING, FUSE, LINEAR
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from bakeoff.core.errors import ParamsError, SetupError
from bakeoff.core.section import validate_section
from bakeoff.fusion.methods import METHODS
from bakeoff.fusion.params import FuseParams, WeightedMeanParams

pytestmark = pytest.mark.torch
SIDES = np.array([[[0.6, 0.3, 0.1]], [[0.2, 0.7, 0.1]]])


def draw_sides(n, n_classes, seed=0, sharpness=2.0):
    """Two sides that know something of the classes (n,), each its own."""
    generator = np.random.default_rng(seed)
    label_ids = generator.integers(0, n_classes, n)
    logits = sharpness * generator.normal(size=(2, n, n_classes))
    logits[:, np.arange(n), label_ids] += 2
    return softmax(logits, axis=2), label_ids


def log_loss(weights, sides, label_ids):
    mixed = sides[1] + weights * (sides[0] - sides[1])
    return -np.log(mixed[np.arange(len(label_ids)), label_ids] / mixed.sum(axis=1)).mean()


@pytest.mark.parametrize(
    ("method", "expected"),
    [("max", [0.6, 0.7, 0.1]), ("mean", [0.4, 0.5, 0.1]), ("product", [0.12 / 0.34, 0.21 / 0.34, 0.01 / 0.34])],
)
def test_rules_by_hand(method, expected):
    np.testing.assert_allclose(METHODS[method].combine({}, SIDES), [expected])
    np.testing.assert_allclose(METHODS[method].combine({}, SIDES[::-1]), [expected])
    assert METHODS[method].learn is None


def test_a_class_that_one_side_rules_out_loses_by_product_and_not_by_mean():
    sides = np.array([[[1.0, 0.0, 0.0]], [[0.0, 0.6, 0.4]]])
    np.testing.assert_allclose(METHODS["mean"].combine({}, sides), [[0.5, 0.3, 0.2]])
    assert np.isfinite(METHODS["product"].combine({}, sides)).all()
    sides = np.array([[[0.5, 0.5, 0.0]], [[0.1, 0.2, 0.7]]])
    np.testing.assert_allclose(METHODS["product"].combine({}, sides), [[1 / 3, 2 / 3, 0]], atol=1e-12)


def test_the_weight_of_least_log_loss_by_hand():
    # One side says (0.9, 0.1), the other a half each: their mean of weight w says 0.5 + 0.4 w, which 8 of 10 products
    # want to be 0.8.
    sides = np.stack([np.tile([0.9, 0.1], (10, 1)), np.full((10, 2), 0.5)])
    label_ids = np.array([0] * 8 + [1] * 2)
    learn = METHODS["weighted_mean"].learn
    found = learn(sides, label_ids, WeightedMeanParams(best_for="log_loss"), 0)["weights"]
    assert found == pytest.approx([0.75], abs=1e-3)
    exchanged = learn(sides[::-1], label_ids, WeightedMeanParams(best_for="log_loss"), 0)["weights"]
    assert exchanged == pytest.approx([0.25], abs=1e-3)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_no_other_weight_has_less_log_loss_and_classes_with_their_own_have_no_more(seed, n_classes):
    sides, label_ids = draw_sides(60, n_classes, seed)
    learn = METHODS["weighted_mean"].learn
    best = learn(sides, label_ids, WeightedMeanParams(best_for="log_loss"), 0)["weights"]
    least = min(log_loss(share, sides, label_ids) for share in np.linspace(0, 1, 201))
    assert log_loss(best, sides, label_ids) <= least + 1e-5
    each = learn(sides, label_ids, WeightedMeanParams(best_for="log_loss_per_class"), 0)["weights"]
    assert each.shape == (n_classes,)
    assert log_loss(each, sides, label_ids) <= log_loss(best, sides, label_ids) + 1e-6


def test_the_weight_of_most_right_answers_is_the_nearest_to_a_half_of_equal_ones():
    sides, label_ids = draw_sides(300, 4, seed=3)
    learn = METHODS["weighted_mean"].learn
    share = learn(sides, label_ids, WeightedMeanParams(best_for="accuracy"), 0)["weights"][0]
    right = [
        (METHODS["weighted_mean"].combine({"weights": w}, sides).argmax(1) == label_ids).sum()
        for w in np.linspace(0, 1, 101)
    ]
    assert right[round(share * 100)] == max(right)
    both_right = np.tile(np.eye(3) * 0.7 + 0.1, (2, 1, 1))
    assert learn(both_right, np.arange(3), WeightedMeanParams(best_for="accuracy"), 0)["weights"] == [0.5]
    first_alone = np.stack([np.eye(3) * 0.4 + 0.2, (1 - np.eye(3)) / 2])  # right from 5/9 on
    found = learn(first_alone, np.arange(3), WeightedMeanParams(best_for="accuracy"), 0)["weights"]
    assert found == pytest.approx([0.56])


def test_each_class_may_believe_another_side():
    labels = np.repeat([0, 1, 2, 3], 50)
    knows = np.eye(4)[labels] * 0.8 + 0.05
    # Of classes 0 and 1 the first side knows all and the second puts nothing there; of 2 and 3 the other way round.
    first, second = knows.copy(), knows.copy()
    first[labels > 1], second[labels < 2] = [0.25, 0.25, 0.25, 0.25], [0.25, 0.25, 0.25, 0.25]
    params = WeightedMeanParams(best_for="log_loss_per_class")
    found = METHODS["weighted_mean"].learn(np.stack([first, second]), labels, params, 0)["weights"]
    assert (found[:2] > 0.5).all()
    assert (found[2:] < 0.5).all()


def by_sklearn(model, sides, label_ids):
    logs = np.log(np.clip(sides, 1e-6, None))
    inputs = np.hstack([side - side.mean(axis=1, keepdims=True) for side in logs])
    return model.fit(inputs, label_ids), inputs


@pytest.mark.parametrize("n_classes", [2, 5])
def test_stacking_by_logistic_regression_is_scikit_learns(n_classes):
    sides, label_ids = draw_sides(200, n_classes)
    model, inputs = by_sklearn(
        make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=1000)), sides, label_ids
    )
    method, params = METHODS["stacking_logistic"], LINEAR.model_copy(update={"c": 0.3})
    found = method.combine(method.learn(sides, label_ids, params, 0), sides)
    np.testing.assert_allclose(found, model.predict_proba(inputs), atol=2e-3)  # rows come in another order


@pytest.mark.parametrize("n_classes", [2, 5])
def test_stacking_by_svm_decides_as_scikit_learns(n_classes):
    sides, label_ids = draw_sides(200, n_classes)
    model, inputs = by_sklearn(make_pipeline(StandardScaler(), LinearSVC(C=1.0, random_state=0)), sides, label_ids)
    method = METHODS["stacking_svm"]
    found = method.combine(method.learn(sides, label_ids, LINEAR, 0), sides)
    assert (found.argmax(axis=1) == model.predict(inputs)).mean() > 0.99


@pytest.mark.parametrize("n_classes", [2, 5])
def test_stacking_by_boosting_is_scikit_learns(n_classes):
    sides, label_ids = draw_sides(200, n_classes)
    order = np.random.default_rng(0).permutation(200)
    used = BOOSTING.model_dump(exclude={"library", "max_rows"})
    model = HistGradientBoostingClassifier(**used, early_stopping=False, random_state=0)
    model, _ = by_sklearn(model, sides[:, order], label_ids[order])
    new, _ = draw_sides(50, n_classes, seed=1)
    _, inputs = by_sklearn(LogisticRegression(), new, np.arange(50) % 2)
    method = METHODS["stacking_boosting"]
    found = method.combine(method.learn(sides, label_ids, BOOSTING, 0), new)
    np.testing.assert_allclose(found, model.predict_proba(inputs), rtol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_stacking_by_xgboost_is_xgboosts(n_classes):
    xgboost = pytest.importorskip("xgboost")
    sides, label_ids = draw_sides(200, n_classes)
    order = np.random.default_rng(0).permutation(200)
    model = xgboost.XGBClassifier(n_estimators=8, learning_rate=0.2, max_leaves=4, reg_lambda=10.0, random_state=0)
    model, _ = by_sklearn(model, sides[:, order], label_ids[order])
    _, inputs = by_sklearn(LogisticRegression(), sides, label_ids)
    method, params = METHODS["stacking_boosting"], BOOSTING.model_copy(update={"library": "xgboost"})
    found = method.combine(method.learn(sides, label_ids, params, 0), sides)
    np.testing.assert_allclose(found, model.predict_proba(inputs), atol=1e-6)


def test_without_xgboost_a_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    params = BOOSTING.model_copy(update={"library": "xgboost"})
    with pytest.raises(SetupError, match="xgboost is not installed; install bakeoff's extra `xgboost`, or set"):
        METHODS["stacking_boosting"].learn(*draw_sides(50, 3), params, 0)


def test_voting_then_stacking_sees_nothing_but_the_vote():
    sides, label_ids = draw_sides(100, 3)
    method = METHODS["voting_stacking"]
    learnt = method.learn(sides, label_ids, LINEAR, 0)
    assert learnt["coefficients"].shape == (3, 3)
    mean = sides.mean(axis=0)
    np.testing.assert_array_equal(method.combine(learnt, sides), method.combine(learnt, np.stack([mean, mean])))


@pytest.mark.parametrize("method", ["stacking_logistic", "stacking_svm", "stacking_boosting", "voting_stacking"])
def test_a_class_that_a_stacker_has_not_seen_keeps_its_mean(method):
    sides, label_ids = draw_sides(200, 5)
    seen = label_ids != 3
    learnt = METHODS[method].learn(sides[:, seen], label_ids[seen], FUSE.settings(method), 0)
    found = METHODS[method].combine(learnt, sides)
    np.testing.assert_allclose(found[:, 3], sides.mean(axis=0)[:, 3])
    np.testing.assert_allclose(found.sum(axis=1), 1)
    alone = METHODS[method].learn(sides, np.full(200, 2), FUSE.settings(method), 0)
    np.testing.assert_array_equal(METHODS[method].combine(alone, sides), sides.mean(axis=0))


def test_a_stacker_learns_from_no_more_rows_than_it_may():
    sides, label_ids = draw_sides(100, 2)
    order = np.random.default_rng(5).permutation(100)
    few = LINEAR.model_copy(update={"max_rows": 30})
    learn = METHODS["stacking_logistic"].learn
    given = learn(sides, label_ids, few, 5)
    changed = label_ids.copy()
    changed[order[30:]] = 1 - changed[order[30:]]
    np.testing.assert_array_equal(learn(sides, changed, few, 5)["coefficients"], given["coefficients"])
    assert (learn(sides, changed, LINEAR, 5)["coefficients"] != given["coefficients"]).any()


def test_an_impossible_method_is_refused_with_the_legal_ones():
    values = FUSE.model_dump() | {"methods": ["mean", "median"]}
    with pytest.raises(
        ParamsError, match="unknown method 'median'; legal methods: max, mean, weighted_mean, product, "
    ):
        validate_section(FuseParams, values, where="params.yaml, section fuse")


def test_log_losses_of_the_tests_are_right():
    sides, label_ids = draw_sides(20, 3)
    logits = np.log(sides.mean(axis=0))
    expected = (logsumexp(logits, axis=1) - logits[np.arange(20), label_ids]).mean()
    assert log_loss(0.5, sides, label_ids) == pytest.approx(expected)
