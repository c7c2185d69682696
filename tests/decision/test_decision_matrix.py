"""The weighted decision matrix: the method's own totals, its own scores, and scales that no other candidate moves."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bakeoff.decision.matrix import CRITERIA, weighted_total, with_matrix
from bakeoff.decision.params import MatrixParams, MatrixWeights
from decision.fake_study import ENGLISH, FRENCH, summary

WEIGHTS = {"accuracy": 25, "cpu_time": 25, "memory": 20, "feature_size": 15, "support": 15}
RESNET50 = dict(zip(WEIGHTS, (8, 6, 6, 7, 9), strict=True))
EFFICIENTNET_B0 = dict(zip(WEIGHTS, (9, 8, 9, 8, 8), strict=True))


def row(candidate="a-frozen", **changes):
    return summary(candidate, **{"images_per_cpu_s": 14.0, "size_mib": 20.2, "n_features": 1280} | changes)


def decision_matrix(rows, support, *, t=ENGLISH):
    params = MatrixParams(weights=MatrixWeights(**WEIGHTS), support=support)
    scored, matrix = with_matrix(rows, 5, params, t=t)
    totals = {item["candidate"]: item["total"] for item in matrix["rows"]}
    assert [item.candidate for item in scored] == [item.candidate for item in rows]
    told = {item.candidate: None if math.isnan(item.matrix_total) else item.matrix_total for item in scored}
    assert told == totals
    return matrix


def test_totals_that_were_worked_out_by_hand():
    assert weighted_total(RESNET50, WEIGHTS) == pytest.approx(7.10, abs=1e-12)
    assert weighted_total(EFFICIENTNET_B0, WEIGHTS) == pytest.approx(8.45, abs=1e-12)


def test_the_scales_give_the_scores_that_people_gave_by_hand():
    rows = [
        row("resnet50-frozen", images_per_cpu_s=5.3, size_mib=97.5, n_features=2048),
        row("efficientnet_b0-frozen", images_per_cpu_s=14.0, size_mib=20.2, n_features=1280),
    ]
    matrix = decision_matrix(rows, {"resnet50": 9, "efficientnet_b0": 8})
    scores = {item["candidate"]: item["scores"] for item in matrix["rows"]}
    for name, by_hand in (("resnet50-frozen", RESNET50), ("efficientnet_b0-frozen", EFFICIENTNET_B0)):
        for criterion in ("cpu_time", "memory", "feature_size", "support"):
            assert round(scores[name][criterion]) == by_hand[criterion], (name, criterion)


def test_accuracy_counts_from_chance():
    scores = [decision_matrix([row(accuracy=a)], {})["rows"][0]["scores"]["accuracy"] for a in (0.1, 0.2, 0.6, 1)]
    assert scores == pytest.approx([0, 0, 5, 10])


@given(
    accuracy=st.floats(0, 1),
    rate=st.floats(0.01, 1e5),
    size=st.floats(0.01, 1e5),
    others=st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 1e4)), max_size=4),
)
def test_scores_stay_in_range_and_no_other_candidate_moves_them(accuracy, rate, size, others):
    mine = row("mine-frozen", accuracy=accuracy, images_per_cpu_s=rate, size_mib=size)
    rest = [row(f"o{i}-frozen", accuracy=a, images_per_cpu_s=r) for i, (a, r) in enumerate(others)]
    alone = decision_matrix([mine], {})["rows"][0]
    together = decision_matrix([*rest, mine], {})
    assert alone in together["rows"]
    assert all(0 <= score <= 10 for score in alone["scores"].values())
    totals = [item["total"] for item in together["rows"]]
    assert totals == sorted(totals, reverse=True)


def test_what_is_not_known_is_said_and_not_invented():
    rows = [row("a-frozen", n_features=float("nan")), row("b-frozen", images_per_cpu_s=float("nan")), row("c-frozen")]
    matrix = decision_matrix(rows, {"a": 6, "b": 7})
    first, *rest = matrix["rows"]
    assert (first["candidate"], first["support_assumed"], first["scores"]["support"]) == ("c-frozen", True, 5.0)
    assert [(item["total"], item["missing"]) for item in rest] == [(None, ["feature_size"]), (None, ["cpu_time"])]
    assert "support of c-frozen: 5 of 10 is assumed" in matrix["note"]
    assert "No total for a-frozen and b-frozen" in matrix["note"]


def test_criteria_carry_weight_and_measure_in_both_languages():
    matrix = decision_matrix([row()], {}, t=FRENCH)
    assert [(item["name"], item["weight"]) for item in matrix["criteria"]] == list(WEIGHTS.items())
    assert "vecteur de descripteurs" in matrix["criteria"][3]["measure"]
    assert list(CRITERIA) == list(WEIGHTS)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (dict.fromkeys(WEIGHTS, 0), "all weights are 0"),
        ({"support": -1}, "greater than or equal to 0"),
        ({"beauty": 1}, "Extra inputs are not permitted"),
    ],
)
def test_refuses_other_criteria_and_weights_of_nothing(changes, problem):
    with pytest.raises(ValidationError, match=problem):
        MatrixWeights(**WEIGHTS | changes)
