"""Early fusion: a head on both sides' features, which answers whatever a product lacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from half_told import (
    FUSE,
    N_CLASSES,
    accuracy,
    half_told,
    half_told_features,
    with_labels,
)
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from bakeoff.core.errors import EvaluationError, ParamsError
from bakeoff.core.section import validate_section
from bakeoff.fusion.early import answer, learn_head
from bakeoff.fusion.fit import Fusion, fit_fusion, fused_probabilities
from bakeoff.fusion.methods import METHODS
from bakeoff.fusion.params import EarlyLinearParams, EarlyMlpParams

pytestmark = pytest.mark.torch
EARLY = ["early_linear", "early_mlp"]


@pytest.fixture(scope="module")
def pair():
    return half_told_features(range(10)), half_told_features(range(10, 20))


@pytest.fixture(scope="module")
def fusions(pair):
    return {method: fit(method, *pair) for method in EARLY}


def fit(method, first, second, **changes):
    params = FUSE.settings(method)
    assert params
    return fit_fusion(method, first, second, params.model_copy(update=changes), seed=0)


def asked(fusion, first, second, *, lacks: int | None = None):
    """Answers to every product, without the features of a side."""
    every = np.ones(len(first.products), dtype=bool)
    sides = [one.probabilities.copy() for one in (first, second)]
    if lacks is not None:
        sides[lacks][:] = np.nan
    return fusion.apply(*sides, every, every)


def in_split(given, *names):
    return given.products["split"].isin(names).to_numpy()


def same(one, other):
    assert one.learnt.keys() == other.learnt.keys()
    return all(np.array_equal(one.learnt[name], other.learnt[name]) for name in one.learnt)


def draw_sides(n, n_classes, *, seed=0):
    """Two sides of 3 and 5 features that tell the class."""
    generator = np.random.default_rng(seed)
    label_ids = generator.permutation(np.arange(n) % n_classes)
    means = 3 * generator.normal(size=(n_classes, 8))
    features = (means[label_ids] + generator.normal(size=(n, 8))).astype(np.float32)
    return [features[:, :3], features[:, 3:]], label_ids


@pytest.mark.parametrize("method", EARLY)
def test_early_finds_what_each_side_tells_alone_as_well_as_the_mean_of_answers_does(pair, fusions, method):
    late = [half_told(range(10)), half_told(range(10, 20))]
    every = np.ones(len(late[0].products), dtype=bool)
    mean = fit_fusion("mean", *late, None, seed=0).apply(late[0].probabilities, late[1].probabilities, every, every)
    found = accuracy(pair[0], asked(fusions[method], *pair))
    assert found >= accuracy(pair[0], mean) - 0.01  # ten products; the mean has 0.996
    assert found >= 0.98
    assert fusions[method].n_learnt == in_split(pair[0], "train", "validation").sum()
    assert fusions[method].notes == []


def test_a_network_finds_what_only_both_sides_together_tell():
    """A product is of class 1 where exactly one of the sides is high, so that neither side alone says anything."""
    generator = np.random.default_rng(0)
    bits = generator.integers(0, 2, (1200, 2))
    values = (4 * bits - 2 + generator.normal(size=bits.shape) / 2).astype(np.float32)
    sides, label_ids, train = [values[:, :1], values[:, 1:]], bits[:, 0] ^ bits[:, 1], np.arange(1200) < 800
    found = {}
    for kind, params in (
        ("linear", EarlyLinearParams(c=1.0, dropout=0.5, max_rows=None)),
        ("mlp", EarlyMlpParams(hidden=[16], alpha=0.001, max_iter=200, dropout=0.5, max_rows=None)),
    ):
        learnt = learn_head(kind, [side[train] for side in sides], label_ids[train], params, 0)
        answers = answer(learnt, [side[~train] for side in sides])
        found[kind] = (answers.argmax(axis=1) == label_ids[~train]).mean()
    assert found["linear"] < 0.85  # at most three of the four combinations
    assert found["mlp"] > 0.95


@pytest.mark.parametrize("lacks", [0, 1])
@pytest.mark.parametrize("method", EARLY)
def test_a_missing_side_leaves_about_what_the_other_has_alone(pair, fusions, method, lacks):
    features, train = pair[1 - lacks].probabilities, in_split(pair[0], "train", "validation")
    scaler = StandardScaler().fit(features[train])
    model = LogisticRegression(C=0.1, max_iter=500)
    model.fit(scaler.transform(features[train]), pair[0].products["label_id"].to_numpy()[train])
    alone = accuracy(pair[0], model.predict_proba(scaler.transform(features)))
    assert 0.5 < alone < 0.6
    without = asked(fusions[method], *pair, lacks=lacks)
    assert accuracy(pair[0], without) >= alone - 0.03
    np.testing.assert_allclose(without.sum(axis=1), 1, atol=1e-5)


def test_dropout_is_what_makes_the_missing_side_bearable():
    """Two sides that say the same: a head that always had both trusts each for half."""
    sides, label_ids = draw_sides(600, 6)
    sides = [sides[1], sides[1] + np.float32(0.1)]
    missing = [sides[0], np.full_like(sides[1], np.nan)]
    loss = {}
    for dropout in (0.0, 1.0):
        params = EarlyLinearParams(c=0.01, dropout=dropout, max_rows=None)
        found = answer(learn_head("linear", sides, label_ids, params, 0), missing)
        loss[dropout] = -np.log(found[np.arange(600), label_ids]).mean()
    assert loss[1.0] < 0.8 * loss[0.0]


def test_a_linear_head_is_scikit_learns_regression_on_standardised_features():
    sides, label_ids = draw_sides(300, 4)
    learnt = learn_head("linear", sides, label_ids, EarlyLinearParams(c=0.3, dropout=0.0, max_rows=None), 0)
    features = np.concatenate(sides, axis=1)
    inputs = StandardScaler().fit_transform(features)
    expected = LogisticRegression(C=0.3, max_iter=1000).fit(inputs, label_ids).predict_proba(inputs)
    np.testing.assert_allclose(answer(learnt, sides), expected, atol=2e-3)
    assert learnt["n_features"].tolist() == [3, 5]


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_two_classes_and_one(kind):
    params = {
        "linear": EarlyLinearParams(c=1.0, dropout=0.5, max_rows=None),
        "mlp": EarlyMlpParams(hidden=[8, 4], alpha=0.01, max_iter=200, dropout=0.5, max_rows=None),
    }[kind]
    sides, label_ids = draw_sides(300, 2)
    learnt = learn_head(kind, sides, label_ids * 3, params, 0)
    found = answer(learnt, sides)
    assert learnt["classes"].tolist() == [0, 3]
    assert found.shape == (300, 2)
    assert (found.argmax(axis=1) == label_ids).mean() > 0.95
    alone = learn_head(kind, sides, np.full(300, 2), params, 0)
    np.testing.assert_array_equal(answer(alone, sides), np.ones((300, 1)))


@pytest.mark.parametrize("method", EARLY)
def test_a_class_that_was_not_seen_gets_next_to_nothing(pair, method):
    kept = ~in_split(pair[0], "train", "validation") | (pair[0].products["label_id"] > 1).to_numpy()
    first, second = (
        replace(one, products=one.products[kept].reset_index(drop=True), probabilities=one.probabilities[kept])
        for one in pair
    )
    fusion = fit(method, first, second)
    assert fusion.notes == ["2 of 20 classes have no product to learn the fusion from."]
    found = asked(fusion, first, second)
    assert found[:, :2].max() < 1e-5
    assert (found > 0).all()


@pytest.mark.parametrize("method", EARLY)
def test_labels_of_test_change_no_number_and_shuffled_ones_give_chance(pair, fusions, method):
    changed = pair[0].products["label_id"].to_numpy().copy()
    test = in_split(pair[0], "test")
    changed[test] = (changed[test] + 7) % N_CLASSES
    assert same(fit(method, *(with_labels(one, changed) for one in pair)), fusions[method])
    shuffled = np.random.default_rng(0).permutation(changed)
    first, second = (with_labels(one, shuffled) for one in pair)
    fusion = fit(method, first, second)
    assert not same(fusion, fusions[method])
    assert accuracy(first, asked(fusion, first, second)) == pytest.approx(1 / N_CLASSES, abs=0.03)
    fused = fused_probabilities(fusion, first, second, FUSE.settings(method), seed=0)
    assert accuracy(first, fused, "validation") == pytest.approx(1 / N_CLASSES, abs=0.07)
    assert accuracy(first, asked(fusion, first, second), "validation") > 0.12  # which it has learnt by heart


@pytest.mark.parametrize("method", EARLY)
def test_a_file_gives_identical_answers_and_equal_bytes(pair, fusions, method, tmp_path):
    fusions[method].write(tmp_path / "one.npz")
    again = Fusion.read(tmp_path / "one.npz")
    np.testing.assert_array_equal(asked(again, *pair), asked(fusions[method], *pair))
    assert again.widths == [N_CLASSES, N_CLASSES]
    fit(method, *pair).write(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_no_more_products_than_asked_for(pair, fusions):
    assert not same(fit("early_linear", *pair, max_rows=300), fusions["early_linear"])
    assert same(fit("early_linear", *pair, max_rows=10**6), fusions["early_linear"])


def test_products_without_a_side_teach_too():
    """A class that has no photos at all is told by its texts."""
    sides, label_ids = draw_sides(400, 4)
    sides[0][label_ids == 3] = np.nan
    params = EarlyLinearParams(c=1.0, dropout=0.5, max_rows=None)
    found = answer(learn_head("linear", sides, label_ids, params, 0), sides)
    assert (found.argmax(axis=1) == label_ids)[label_ids == 3].mean() > 0.9
    sides[0][:] = np.nan  # no product has a photo
    found = answer(learn_head("linear", sides, label_ids, params, 0), sides)
    assert np.isfinite(found).all()
    assert (found.argmax(axis=1) == label_ids).mean() > 0.8


def test_sides_of_other_widths_are_refused(fusions):
    yes = np.ones(3, dtype=bool)
    told = r"expected two sides of 3 products x 20 features to fuse, got \(3, 7\) and \(3, 20\)"
    with pytest.raises(EvaluationError, match=told):
        fusions["early_linear"].apply(np.zeros((3, 7)), np.zeros((3, 20)), yes, yes)


def test_settings_that_cannot_be_are_refused():
    given = {"hidden": [8], "alpha": 1.0, "max_iter": 5, "dropout": 1.0, "max_rows": None}
    for change in ({"dropout": 1.5}, {"hidden": []}, {"hidden": [0]}, {"alpha": -1.0}, {"max_iter": 0}):
        with pytest.raises(ParamsError, match=next(iter(change))):
            validate_section(EarlyMlpParams, given | change, where="fuse.early_mlp")
    assert [name for name, method in METHODS.items() if method.is_early] == EARLY


def test_nothing_to_learn_from(pair):
    kept = in_split(pair[0], "test")
    first, second = (
        replace(one, products=one.products[kept].reset_index(drop=True), probabilities=one.probabilities[kept])
        for one in pair
    )
    with pytest.raises(EvaluationError, match="early_linear has nothing to learn from"):
        fit("early_linear", first, second)
