from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from half_told import FUSE, N_CLASSES, accuracy, applied, half_told, predictions, with_labels, with_probabilities
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.core.errors import EvaluationError
from bakeoff.fusion.fit import Fusion, Inputs, fit_fusion, fused_probabilities, learning_rows
from bakeoff.fusion.methods import METHODS

pytestmark = pytest.mark.torch
ALL = [name for name, method in METHODS.items() if not method.is_early]
LEARN = [name for name in ALL if METHODS[name].learn]
STACKERS = ["stacking_logistic", "stacking_svm", "stacking_boosting"]


@pytest.fixture(scope="module")
def pair():
    return half_told(range(10)), half_told(range(10, 20))


@pytest.fixture(scope="module")
def pair_in_sample():
    return half_told(range(10), out_of_fold=False), half_told(range(10, 20), out_of_fold=False)


@pytest.fixture(scope="module")
def fusions(pair):
    return {method: fit(method, *pair) for method in ALL}


def fit(method, first, second, **given):
    return fit_fusion(method, first, second, FUSE.settings(method), seed=0, **given)


def same(one, other):
    assert one.learnt.keys() == other.learnt.keys()
    return all(np.array_equal(one.learnt[name], other.learnt[name]) for name in one.learnt)


def in_split(given, *names):
    return given.products["split"].isin(names).to_numpy()


@pytest.mark.parametrize("method", STACKERS)
def test_stacking_finds_what_each_side_tells_alone(pair, fusions, method):
    first, second = pair
    assert in_split(first, "test").sum() >= 1000
    assert accuracy(first, first.probabilities) <= 0.6
    assert accuracy(second, second.probabilities) <= 0.6
    assert accuracy(first, applied(fusions[method], first, second)) >= 0.95


@pytest.mark.parametrize("method", LEARN)
def test_shuffled_labels_give_chance(pair, method):
    label_ids = np.random.default_rng(0).permutation(pair[0].products["label_id"].to_numpy())
    first, second = (with_labels(one, label_ids) for one in pair)
    chance = 1 / N_CLASSES
    assert accuracy(first, applied(fit(method, first, second), first, second)) == pytest.approx(chance, abs=0.03)
    assert accuracy(first, fused_of(method, first, second), "validation") == pytest.approx(chance, abs=0.07)


def fused_of(method, first, second, inputs=None):
    fusion = fit(method, first, second, inputs=inputs)
    return fused_probabilities(fusion, first, second, FUSE.settings(method), seed=0, inputs=inputs)


@pytest.mark.parametrize("method", LEARN)
def test_test_labels_change_no_fitted_number(pair, fusions, method):
    changed = pair[0].products["label_id"].to_numpy().copy()
    test = in_split(pair[0], "test")
    changed[test] = (changed[test] + 7) % N_CLASSES
    assert same(fit(method, *(with_labels(one, changed) for one in pair)), fusions[method])
    changed[~test] = (changed[~test] + 7) % N_CLASSES
    assert not same(fit(method, *(with_labels(one, changed) for one in pair)), fusions[method])


@pytest.mark.parametrize("method", LEARN)
def test_answers_on_a_sides_own_training_products_change_nothing(pair, pair_in_sample, method):
    first, second = pair[0], pair_in_sample[1]  # one with out-of-fold answers, one without
    train = in_split(first, "train")
    given = fit(method, first, second)
    assert given.n_learnt == in_split(first, "validation").sum()
    labels = first.products["label_id"].to_numpy().copy()
    labels[train] = (labels[train] + 1) % N_CLASSES
    turned = [
        with_probabilities(one, np.where(train[:, None], one.probabilities[:, ::-1], one.probabilities))
        for one in (first, second)
    ]
    assert same(fit(method, *(with_labels(one, labels) for one in turned)), given)


@pytest.mark.parametrize("method", ["weighted_mean", "stacking_logistic"])
def test_out_of_fold_answers_are_learnt_from(pair, fusions, method):
    assert fusions[method].n_learnt == in_split(pair[0], "train", "validation").sum()
    train = in_split(pair[0], "train")[:, None]
    turned = with_probabilities(pair[0], np.where(train, pair[0].probabilities[:, ::-1], pair[0].probabilities))
    assert not same(fit(method, turned, pair[1]), fusions[method])


def test_what_may_be_learnt_from():
    splits = ["train", "train", "train", "train", "validation", "validation", "test", "test"]
    origins = ["out_of_fold", "out_of_fold", "in_sample", "held_out", "held_out", "in_sample", "held_out", "held_out"]
    first = predictions(np.full((8, 2), 0.5), [0] * 8, splits, origins)
    second = predictions(np.full((8, 2), 0.5), [0] * 8, splits, [*["out_of_fold", "in_sample"] * 2, *["held_out"] * 4])
    assert learning_rows(first, first).tolist() == [True, True, False, True, True, False, False, False]
    assert learning_rows(first, second).tolist() == [True, False, False, False, True, False, False, False]
    every = np.ones(8, dtype=bool)
    inputs = Inputs(every, np.arange(8) > 0, np.arange(8))
    assert learning_rows(first, first, inputs).tolist() == [False, True, False, True, True, False, False, False]


def test_products_without_an_input_teach_nothing(pair, fusions):
    absent = np.zeros(len(pair[0].products), dtype=bool)
    absent[::7] = True
    inputs = Inputs(~absent, ~absent, np.arange(len(absent)))
    first = with_probabilities(pair[0], np.where(absent[:, None], 1 / N_CLASSES, pair[0].probabilities))
    assert same(fit("stacking_logistic", *pair, inputs=inputs), fit("stacking_logistic", first, pair[1], inputs=inputs))
    assert not same(fit("stacking_logistic", *pair, inputs=inputs), fusions["stacking_logistic"])


def test_few_products_to_learn_from_are_told(pair, pair_in_sample, fusions):
    assert fusions["stacking_logistic"].notes == []
    told = fit("stacking_logistic", pair[0], pair_in_sample[1]).notes
    assert told == [
        "Learnt from 160 validation products alone, as train has no out-of-fold predictions of both candidates; with "
        "fewer than 200, mean, max or product may be as good."
    ]
    assert fit("mean", pair[0], pair_in_sample[1]).notes == []


def test_classes_without_a_product_to_learn_from_are_told(pair):
    kept = ~in_split(pair[0], "train", "validation") | (pair[0].products["label_id"] > 1).to_numpy()
    first, second = (
        replace(one, products=one.products[kept].reset_index(drop=True), probabilities=one.probabilities[kept])
        for one in pair
    )
    fusion = fit("stacking_logistic", first, second)
    assert fusion.notes == ["2 of 20 classes have no product to learn the fusion from."]
    assert accuracy(first, applied(fusion, first, second)) > 0.8


def test_nothing_to_learn_from(pair_in_sample):
    kept = ~in_split(pair_in_sample[0], "validation")
    first, second = (
        replace(one, products=one.products[kept].reset_index(drop=True), probabilities=one.probabilities[kept])
        for one in pair_in_sample
    )
    with pytest.raises(EvaluationError, match="weighted_mean has nothing to learn from: train has no out-of-fold"):
        fit("weighted_mean", first, second)
    assert fit("product", first, second).n_learnt == 0


@pytest.mark.parametrize("method", ALL)
def test_where_one_side_has_no_input_the_others_answer_stands(pair, fusions, method):
    first, second = (one.probabilities for one in pair)
    cases = np.arange(len(first)) % 4
    has_first, has_second = cases > 1, cases % 2 == 1
    found = fusions[method].apply(first, second, has_first, has_second)
    np.testing.assert_array_equal(found[cases == 2], first[cases == 2])
    np.testing.assert_array_equal(found[cases == 1], second[cases == 1])
    np.testing.assert_allclose(found[cases == 0], (first + second)[cases == 0] / 2, atol=1e-7)
    np.testing.assert_allclose(found[cases == 3], applied(fusions[method], *pair)[cases == 3], atol=1e-6)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(ALL))
def test_answers_are_probabilities_whatever_the_sides_say(fusions, seed, method):
    generator = np.random.default_rng(seed)
    # Rows of zeros and ones, of one class above all and of equal shares.
    sharp = generator.choice([0.0, 1.0, 50.0, 5000.0], size=(2, 30, 1))
    logits = sharp * generator.normal(size=(2, 30, N_CLASSES))
    sides = np.exp(logits - logits.max(axis=2, keepdims=True))
    sides = (sides / sides.sum(axis=2, keepdims=True)).astype(np.float32)
    has = generator.random((2, 30)) < 0.7
    found = fusions[method].apply(*sides, *has)
    assert found.dtype == np.float32
    assert found.shape == (30, N_CLASSES)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_sides_that_rule_out_each_others_classes_have_an_answer():
    fusion = Fusion("weighted_mean", ["a", "b"], 9, [], {"weights": np.array([0.0, 1.0])})
    yes = np.array([True])
    found = fusion.apply(np.array([[1, 0]], np.float32), np.array([[0, 1]], np.float32), yes, yes)
    np.testing.assert_array_equal(found, [[0.5, 0.5]])


@pytest.mark.parametrize("method", ALL)
def test_a_file_gives_identical_answers_and_equal_bytes(pair, fusions, method, tmp_path):
    fusion = fusions[method]
    fusion.write(tmp_path / "one.npz")
    again = Fusion.read(tmp_path / "one.npz")
    np.testing.assert_array_equal(applied(again, *pair), applied(fusion, *pair))
    assert (again.method, again.labels, again.n_learnt, again.notes) == (
        fusion.method,
        fusion.labels,
        fusion.n_learnt,
        fusion.notes,
    )
    fit(method, *pair).write(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_missing_or_broken_file(fusions, tmp_path):
    with pytest.raises(EvaluationError, match=r"fusion.npz is missing; run `dvc repro fuse`"):
        Fusion.read(tmp_path / "fusion.npz")
    fusions["stacking_logistic"].write(tmp_path / "whole.npz")
    whole = (tmp_path / "whole.npz").read_bytes()
    np.savez(tmp_path / "other.npz", values=np.arange(3))
    np.save(tmp_path / "one.npy", np.arange(3))
    other, one = (tmp_path / "other.npz").read_bytes(), (tmp_path / "one.npy").read_bytes()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 40]) + whole[middle + 40 :]
    replace(fusions["mean"], method="median").write(tmp_path / "unknown.npz")
    unknown = (tmp_path / "unknown.npz").read_bytes()
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, header=np.array([{"method": "mean"}], dtype=object))
    for content in (
        b"",
        b"hello, this is text",
        whole[: len(whole) // 2],
        whole[:-30],
        other,
        one,
        changed,
        unknown,
        pickled.read_bytes(),
    ):
        (tmp_path / "fusion.npz").write_bytes(content)
        with pytest.raises(EvaluationError, match=r"fusion.npz does not hold a fusion; run `dvc repro -f fuse`"):
            Fusion.read(tmp_path / "fusion.npz")


def test_candidates_of_other_labels_products_or_splits_are_refused(pair):
    first, second = pair
    with pytest.raises(EvaluationError, match="the label sets differ: the first candidate has 20 labels"):
        fit("mean", first, replace(second, labels=[*second.labels[:-1], "another"]))
    turned = {"product_id": "product_id", "split": "split", "label_id": "label_id"}
    for name in turned:
        products = second.products.assign(**{name: second.products[name].to_numpy()[::-1]})
        with pytest.raises(EvaluationError, match=rf"predictions differ in {name} \(2000 and 2000 products\) cannot"):
            fit("mean", first, replace(second, products=products))


def test_other_shapes_are_refused(fusions):
    yes, sides = np.ones(3, dtype=bool), np.full((3, N_CLASSES), 1 / N_CLASSES, dtype=np.float32)
    with pytest.raises(EvaluationError, match=r"expected two sides of 3 products x 20 labels to fuse, got \(3, 20\)"):
        fusions["mean"].apply(sides, sides[:, :5], yes, yes)
    with pytest.raises(EvaluationError, match="take the predictions of the two candidates that it was made of"):
        fusions["mean"].apply(sides[:2], sides[:2], yes, yes)


@pytest.mark.parametrize("of", ["pair", "pair_in_sample"])
def test_validation_is_answered_by_fusions_that_have_not_seen_it(of, request):
    first, second = request.getfixturevalue(of)
    validation = np.flatnonzero(in_split(first, "validation"))
    groups = np.arange(len(first.products))
    groups[validation[1]] = groups[validation[0]]
    every = np.ones(len(groups), dtype=bool)
    inputs = Inputs(every, every, groups)
    given = fused_of("stacking_logistic", first, second, inputs)
    labels = first.products["label_id"].to_numpy().copy()
    labels[validation[0]] = (labels[validation[0]] + 10) % N_CLASSES
    changed = fused_of("stacking_logistic", with_labels(first, labels), with_labels(second, labels), inputs)
    np.testing.assert_array_equal(given[validation[:2]], changed[validation[:2]])  # they belong together
    test = in_split(first, "test")
    assert (given[test] != changed[test]).any()
    np.testing.assert_array_equal(given[test], applied(fit("stacking_logistic", first, second), first, second)[test])


@pytest.mark.parametrize("method", ["mean", "stacking_logistic"])
def test_a_single_group_of_validation_is_answered_as_it_can_be(pair_in_sample, method):
    first, second = pair_in_sample
    every = np.ones(len(first.products), dtype=bool)
    inputs = Inputs(every, every, np.zeros(len(every), dtype=np.int64))
    fusion = fit(method, first, second, inputs=inputs)
    np.testing.assert_array_equal(fused_of(method, first, second, inputs), applied(fusion, first, second))
