"""A planted weak slice is found, chance is not; p-values by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.slices import COLUMNS, find_slices, read_attributes


def outcomes_of(right: np.ndarray, groups: np.ndarray | None = None) -> Outcomes:
    """One candidate by whether each training is right on each product, (N,) or (S, N)."""
    right = np.atleast_2d(right)
    return Outcomes(np.zeros(right.shape[1], dtype=np.int64), 2, {"a": 1 - right.astype(np.int64)}, {}, groups=groups)


def test_a_slice_by_hand():
    right = np.array([1] * 60 + [0] * 20)
    make = ["x"] * 30 + ["y"] * 40 + ["z"] * 9 + [None]
    found = find_slices(outcomes_of(right), pd.DataFrame({"make": make, "same": "all"}))
    assert found.columns.tolist() == list(COLUMNS)
    assert found["slice"].tolist() == ["y", "x"]  # z is too small, `same` is everything
    weak = found.iloc[0]
    assert (weak["n"], weak["accuracy"], weak["overall"]) == (40, 0.75, 0.75)
    for _, row in found.iterrows():
        n_right = round(row["n"] * row["accuracy"])
        table = [[n_right, row["n"] - n_right], [60 - n_right, 20 - (row["n"] - n_right)]]
        assert row["p_value"] == pytest.approx(fisher_exact(table, alternative="less").pvalue)
    assert found["p_value"].tolist() == pytest.approx([0.6016215, 1])
    assert found["p_holm"].tolist() == [1, 1]


def planted(seed: int, drop: float) -> pd.DataFrame:
    """30 slices of 10 attributes over 600 products; in one of 60 products the accuracy is lower by `drop`."""
    rng = np.random.default_rng(seed)
    attributes = pd.DataFrame({f"a{i}": rng.integers(3, size=600).astype(str) for i in range(10)})
    attributes["year"] = np.where(np.arange(600) < 60, "1999", "2007")
    right = rng.random(600) < np.where(np.arange(600) < 60, 0.85 - drop, 0.85)
    return find_slices(outcomes_of(right), attributes)


def test_a_planted_weak_slice_is_found_and_few_without_one():
    first = planted(0, 0.35).iloc[0]
    assert (first["attribute"], first["slice"]) == ("year", "1999")
    assert first["p_holm"] < 0.01
    assert first["high"] < first["overall"]
    assert sum(planted(seed, 0.0)["p_holm"].min() <= 0.05 for seed in range(40)) <= 5  # 2 expected


def test_copies_count_once_and_trainings_by_their_mean():
    right = np.array([1] * 30 + [0] * 10)
    attributes = pd.DataFrame({"make": ["x"] * 20 + ["y"] * 20})
    alone = find_slices(outcomes_of(right), attributes)
    twice = outcomes_of(np.repeat(right, 2), np.repeat(np.arange(40), 2))
    doubled = find_slices(twice, attributes.loc[np.repeat(np.arange(40), 2)].reset_index(drop=True))
    assert doubled["p_value"].tolist() == pytest.approx(alone["p_value"].tolist())
    assert doubled["low"].tolist() == pytest.approx(alone["low"].tolist())
    pd.testing.assert_frame_equal(find_slices(outcomes_of(np.stack([right, right])), attributes), alone)


def test_products_are_sliced_by_quarters_format_and_the_source_s_columns(tmp_path):
    ids = [f"p{i}" for i in range(8)]
    table = pd.DataFrame({"product_id": ids, "label": "a", "format": "JPEG", "mode": "RGB", "year": range(1990, 1998)})
    table.to_parquet(tmp_path / "products.parquet")
    measures = pd.DataFrame({"product_id": ids, "sharpness": np.arange(8) / 10, "border": 0.0})
    measures.to_parquet(tmp_path / "measures.parquet")
    found = read_attributes(tmp_path / "products.parquet", ids[::-1])
    assert found.columns.tolist() == ["format", "mode", "year", "sharpness", "border"]
    assert found["sharpness"].tolist() == ["0.6–0.7"] * 2 + ["0.4–0.5"] * 2 + ["0.2–0.3"] * 2 + ["0–0.1"] * 2
    assert found["year"].tolist()[0] == "1997"
    assert set(found["border"]) == {"0–0"}
    assert read_attributes(tmp_path / "products.parquet", ["p0", "new"])["year"].tolist() == ["1990", pd.NA]
    empty = find_slices(outcomes_of(np.ones(8)), read_attributes(None, ids))
    assert empty.empty
    assert empty.columns.tolist() == list(COLUMNS)


def test_every_candidate_has_its_own_correction():
    both = dataclasses.replace(outcomes_of(np.array([1] * 30 + [0] * 10)))
    predicted = {**both.predicted, "b": 1 - both.predicted["a"]}
    found = find_slices(dataclasses.replace(both, predicted=predicted), pd.DataFrame({"m": ["x"] * 20 + ["y"] * 20}))
    assert found["candidate"].tolist() == ["a", "a", "b", "b"]
    assert found["slice"].tolist() == ["y", "x", "x", "y"]
