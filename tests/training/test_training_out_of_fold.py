"""Answers out of fold: folds keep groups whole, each answer is a head's that has not seen the product, and nothing of
the training itself changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff.data.predictions import read_out_of_fold, read_predictions
from bakeoff.data.table import Catalogue
from bakeoff.learning.folds import make_folds
from bakeoff.records.training import CostRecord
from training.conftest import make_catalogue

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_rendering")]
Request = Callable[..., Any]


@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), min_size=1, max_size=40), seed=st.integers(0, 9))
def test_folds_ask_each_row_once_and_divide_no_group(rows: list[tuple[int, int]], seed: int) -> None:
    labels, groups = np.array(rows).T
    folds = make_folds(labels, groups, seed=seed)
    n_groups, largest = len(np.unique(groups)), np.bincount(labels).max()
    most = min(5, n_groups, largest) if min(n_groups, largest) > 1 else 0
    assert len(folds) in (0, most)
    if all(len(np.unique(labels[groups == group])) > 1 for group in groups):  # else a fold may learn from one class
        assert len(folds) == most
    for others, asked in folds:
        assert len(np.unique(labels[others])) > 1
        assert not set(groups[others]) & set(groups[asked])
        assert sorted([*others, *asked]) == list(range(len(rows)))
    if folds:
        assert sorted(np.concatenate([asked for _, asked in folds])) == list(range(len(rows)))


def test_folds_have_each_class_by_its_share_and_follow_the_seed() -> None:
    labels, groups = np.repeat([0, 1], [40, 10]), np.arange(50)
    folds = make_folds(labels, groups, seed=0)
    assert [np.bincount(labels[asked]).tolist() for _, asked in folds] == [[8, 2]] * 5
    orders = [np.concatenate([asked for _, asked in make_folds(labels, groups, seed=seed)]) for seed in (0, 0, 1)]
    assert np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])


def _trained(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, out: Path, **options: Any
) -> tuple[Any, Any]:
    """Return the plan of a training that is over, and what it has out of fold."""
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate

    plan = plan_training(make_request(**options), catalogue, weights_dir=weights_dir)
    train_candidate(plan, out)
    return plan, read_out_of_fold(out, catalogue=catalogue)


@pytest.mark.parametrize(
    "options", [{}, {"start": "head"}, {"loss": "bce", "balance": "tomek"}, {"mode": "probe_knn"}], ids=str
)
def test_an_answer_is_of_the_training_without_that_fold(
    options: dict[str, Any], weights_dir: Path, make_request: Request, tmp_path: Path
) -> None:
    """The same candidate is trained on the other four folds in a catalogue that holds nothing else of train."""
    catalogue = make_catalogue(tmp_path / "data", n_per_class=12)
    catalogue.products["group_id"] //= 6  # two of each class
    _, unseen = _trained(catalogue, weights_dir, make_request, tmp_path / "whole", **options)
    rows = catalogue.rows("train")
    groups = catalogue.products["group_id"].to_numpy()
    others, asked = make_folds(catalogue.label_ids(rows), groups[rows], seed=0)[3]
    is_other = catalogue.products.index.isin(rows[others])
    splits = catalogue.products["split"].where(is_other | (catalogue.products["split"] != "train"), "test")
    part = replace(catalogue, products=catalogue.products.assign(split=splits))
    _trained(part, weights_dir, make_request, tmp_path / "part", **options)
    found = read_predictions(tmp_path / "part" / "predictions.parquet", catalogue=part)
    np.testing.assert_allclose(unseen.probabilities[asked], found.probabilities[rows[asked]], atol=1e-6)
    np.testing.assert_allclose(unseen.products["loss"][asked], found.products["loss"][rows[asked]], atol=1e-5)
    assert unseen.products["origin"].eq("out_of_fold").all()


def test_labels_of_its_group_change_no_answer(weights_dir: Path, make_request: Request, tmp_path: Path) -> None:
    """What a product's own label or its group's is, no model that answers it out of fold has learnt."""
    from bakeoff.training.out_of_fold import refit_head
    from bakeoff.training.plan import plan_training

    catalogue = make_catalogue(tmp_path / "data", n_per_class=12)
    rows = catalogue.rows("train")
    asked, others = rows[:6], rows[6:]
    labels = catalogue.products["label_id"].to_numpy().copy()
    labels[asked] = (labels[asked] + 1) % 3
    answers = []
    for known in (catalogue, replace(catalogue, products=catalogue.products.assign(label_id=labels))):
        plan = plan_training(make_request(), known, weights_dir=weights_dir)
        answers.append(refit_head(plan, plan.model.classifier.head, others, asked, seed=0).numpy())
    np.testing.assert_array_equal(*answers)


def test_the_training_is_as_it_is_without_them(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    plan, unseen = _trained(catalogue, weights_dir, make_request, tmp_path / "with")
    assert unseen
    state = plan.model.classifier.state_dict()
    monkeypatch.setattr("bakeoff.training.run.out_of_fold", lambda plan, start: None)
    plain, none = _trained(catalogue, weights_dir, make_request, tmp_path / "without")
    assert none is None
    for name in ("training.json", "predictions.parquet", "model.safetensors"):
        assert (tmp_path / "with" / name).read_bytes() == (tmp_path / "without" / name).read_bytes()
    assert all(torch.equal(state[name], tensor) for name, tensor in plain.model.classifier.state_dict().items())


def test_they_cost_no_training_time(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    def slow(*args: Any) -> None:
        time.sleep(2)

    monkeypatch.setattr("bakeoff.training.run.out_of_fold", slow)
    _trained(catalogue, weights_dir, make_request, tmp_path / "features")
    _trained(catalogue, weights_dir, make_request, tmp_path / "out")
    cost = CostRecord.read(tmp_path / "out" / "cost.json")
    assert cost.train_time_s - cost.feature_time_s + cost.predict_time_s < 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"mode": "partial_1"}, ""),
        ({"augment": "flip"}, ""),
        ({"augment": "flip", "cache_views": 2}, ""),
        ({"balance": "smote"}, "has no answers out of fold: balance is smote, which needs 6 train rows of a class"),
    ],
    ids=str,
)
def test_where_there_are_none_the_reader_says_so(
    options: dict[str, Any],
    reason: str,
    weights_dir: Path,
    make_request: Request,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    catalogue = make_catalogue(tmp_path / "data")
    if reason:  # six of a class, eight of another: enough for SMOTE, too few for it without a fifth
        products = catalogue.products
        products.loc[products["label_id"].eq(0) & products["split"].eq("validation"), "split"] = "train"
    _, unseen = _trained(catalogue, weights_dir, make_request, tmp_path / "out", **options)
    assert unseen is None
    told = capsys.readouterr().err
    assert (reason in told) if reason else ("out of fold" not in told)


@pytest.mark.parametrize("mode", ["frozen", "probe_logreg"])
def test_one_group_or_one_class_has_none(
    mode: str, catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path
) -> None:
    catalogue.products["group_id"] = 0
    assert _trained(catalogue, weights_dir, make_request, tmp_path / "one", mode=mode)[1] is None
    catalogue.products["group_id"] = catalogue.products["label_id"].clip(upper=1)
    products = catalogue.products[catalogue.products["label_id"] < 2].reset_index(drop=True)
    two = replace(catalogue, products=products)
    assert _trained(two, weights_dir, make_request, tmp_path / "two", mode=mode)[1] is None
