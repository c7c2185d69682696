"""The ranking without probable label errors, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bakeoff.decision.label_errors import read_label_errors, recount
from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.rules import Rule, rank
from bakeoff.records.examination import EXAMINED
from decision.fake_study import ENGLISH, NO_LIMITS, summary

RIGHT = {"first": [1, 1, 1, 1, 1, 1, 0, 0, 0, 0], "second": [0, 0, 1, 1, 1, 1, 1, 0, 0, 0]}


def recounted(errors: list[int], *, eligible: bool = True, **changes):
    said = {name: 1 - np.array([right]) for name, right in RIGHT.items()}
    outcomes = Outcomes(np.zeros(10, dtype=np.int64), 2, said, {})
    items = [summary(name, accuracy=np.mean(right), n_test=10, pretrained=eligible) for name, right in RIGHT.items()]
    params = NO_LIMITS.model_copy(update=changes)
    is_error = np.isin(np.arange(10), errors)
    return recount(items, rank(items, Rule.of(params), t=ENGLISH), outcomes, is_error, t=ENGLISH)


def test_the_ranking_without_errors_by_hand():
    found = recounted([0, 1])
    assert found.n_errors == 2
    assert found.rows.to_numpy().tolist() == [["first", 0.6, 0.5, 2], ["second", 0.5, 5 / 8, 1]]
    assert found.changes_choice
    assert "second would be chosen, not first" in found.sentence


def test_a_choice_that_stays_is_said_and_is_no_change():
    found = recounted([9])
    assert found.rows["rank_without"].tolist() == [1, 2]
    assert not found.changes_choice
    assert "first would be chosen as well" in found.sentence


def test_what_a_throughput_chose_stays():
    assert not recounted([0, 1], maximise="images_per_s").changes_choice


def test_where_there_is_nothing_to_tell():
    assert recounted([]) is None
    assert recounted(list(range(10))) is None
    assert recounted([0], eligible=False).sentence == ""


def test_errors_are_read_in_the_order_of_the_products(tmp_path):
    table = pd.DataFrame({"product_id": ["b", "a", "c"], "is_label_error": [True, False, True]})
    table.to_parquet(tmp_path / EXAMINED)
    assert read_label_errors(tmp_path, ["a", "b", "new"]).tolist() == [False, True, False]
    assert read_label_errors(tmp_path / "none", ["a"]).tolist() == [False]
    assert read_label_errors(None, ["a"]).tolist() == [False]
