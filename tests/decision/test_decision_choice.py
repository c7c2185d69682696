from __future__ import annotations

import json

import pytest

from bakeoff.decision.choice import choose
from bakeoff.decision.metrics_file import flat_metrics
from bakeoff.decision.rules import rank_eligible
from decision.fake_study import NO_LIMITS, summary


def limits(**changes):
    return NO_LIMITS.model_copy(update=changes)


def chosen(items, given=NO_LIMITS) -> tuple[str | None, str | None]:
    choice = choose(items, given)
    return tuple(choice[key]["candidate"] if choice[key] else None for key in ("best", "best_commercial"))


def test_the_most_accurate_wins_without_limits():
    items = [summary("a-frozen", accuracy=90 / 105), summary("b-frozen", accuracy=99 / 105, latency_ms=400)]
    assert chosen(items) == ("b-frozen", "b-frozen")


@pytest.mark.parametrize(("correct", "winner"), [(99, "fast-frozen"), (98, "slow-frozen")])
def test_within_one_product_the_faster_wins(correct, winner):
    # 100 against 99 of 105 is one product: the faster. 100 against 98 is two: the more accurate.
    items = [
        summary("slow-frozen", accuracy=100 / 105, latency_ms=100),
        summary("fast-frozen", accuracy=correct / 105, latency_ms=10),
    ]
    assert chosen(items)[0] == winner


def test_the_tie_reaches_one_product_from_the_best_and_does_not_chain():
    # c is one product behind b, but two behind a: it is no candidate for the first place, though it is the fastest
    a, b = summary("a", accuracy=100 / 105, latency_ms=30), summary("b", accuracy=99 / 105, latency_ms=20)
    c = summary("c", accuracy=98 / 105, latency_ms=10)
    assert [item.candidate for item in rank_eligible([c, b, a])] == ["b", "a", "c"]


def test_full_ties_go_by_accuracy_then_name():
    same = [summary("b", latency_ms=9), summary("a", latency_ms=9), summary("c", latency_ms=9, accuracy=0.901)]
    assert [item.candidate for item in rank_eligible(same)] == ["c", "a", "b"]


def test_a_time_of_another_device_never_breaks_a_tie():
    elsewhere = summary("a", accuracy=0.9, latency_ms=1, time_comparable=False)
    assert chosen([elsewhere, summary("b", accuracy=0.9, latency_ms=50)])[0] == "b"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"max_latency_ms": 30.0}, "its latency 40.0 ms exceeds compare.max_latency_ms = 30"),
        ({"min_images_per_s": 30.0}, "its 25.0 images/s are below compare.min_images_per_s = 30"),
        ({"max_size_mib": 100.0}, "its size 120.0 MiB exceeds compare.max_size_mib = 100"),
    ],
)
def test_limits_refuse_with_the_number(given, reason):
    items = [
        summary("big", accuracy=0.95, latency_ms=40, size_mib=120.0),
        summary("small", accuracy=0.8, latency_ms=20),
    ]
    choice = choose(items, limits(**given))
    assert choice["best"]["candidate"] == "small"
    assert choice["refused"] == [{"candidate": "big", "accuracy": 0.95, "reasons": [reason]}]


def test_a_value_at_the_limit_is_allowed():
    item = summary("a", latency_ms=20, size_mib=15.0)
    assert chosen([item], limits(max_latency_ms=20.0, min_images_per_s=50.0, max_size_mib=15.0))[0] == "a"


def test_a_time_limit_cannot_be_checked_on_another_device():
    items = [summary("a", accuracy=0.95, time_comparable=False, device="cuda: H200"), summary("b")]
    choice = choose(items, limits(max_latency_ms=1000.0))
    assert choice["best"]["candidate"] == "b"
    assert "another device (cuda: H200)" in choice["refused"][0]["reasons"][0]


def test_random_starts_are_listed_and_not_chosen_beside_a_pretrained_one():
    random = [summary(name, accuracy=0.99, pretrained=False) for name in ("r-frozen", "r-finetune", "s-frozen")]
    choice = choose([*random, summary("p-frozen", accuracy=0.6)], NO_LIMITS)
    assert choice["best"]["candidate"] == "p-frozen"
    assert choice["reason"].startswith(
        "This is no comparison of backbones, only of what could be had here: 3 of 4 candidates started from random "
        "weights (r, s); they are listed and not chosen."
    )
    assert [row["candidate"] for row in choice["refused"]] == ["r-frozen", "r-finetune", "s-frozen"]
    assert (choice["n_random"], choice["compares_backbones"]) == (3, False)


def test_random_starts_may_be_chosen_where_there_is_nothing_else_or_by_params():
    random, real = summary("r-frozen", accuracy=0.99, pretrained=False), summary("p-frozen", accuracy=0.6)
    alone = choose([random], NO_LIMITS)
    assert alone["best"]["candidate"] == "r-frozen"
    assert alone["reason"].startswith("This is no comparison of backbones")
    assert "1 of 1 candidates started from random weights (r)." in alone["reason"]
    allowed = choose([random, real], limits(allow_random_weights=True))
    assert allowed["best"]["candidate"] == "r-frozen"
    assert allowed["reason"].startswith("This is no comparison of backbones")
    assert "not chosen" not in allowed["opening"]


def test_a_pretrained_candidate_that_is_too_slow_still_bars_random_starts():
    items = [summary("r", accuracy=0.99, pretrained=False), summary("p", latency_ms=100)]
    choice = choose(items, limits(max_latency_ms=50.0))
    assert choice["best"] is None
    assert choice["best_reason"] == (
        "No candidate is eligible, so none is chosen (latency ≤ 50 ms): 1 × random start beside pretrained candidates; "
        "1 × too slow. Relax the limits in section `compare` of conf/config.yaml."
    )
    assert choice["best_commercial"] is None


def test_what_did_not_learn_is_never_chosen_even_with_random_weights_allowed():
    items = [summary("a", accuracy=0.99, learned=False), summary("b", accuracy=0.5)]
    assert chosen(items, limits(allow_random_weights=True))[0] == "b"
    choice = choose(items[:1], NO_LIMITS)
    assert choice["best"] is None
    assert "1 × did not learn. Get pretrained weights" in choice["reason"]


def test_no_result_at_all():
    choice = choose([], NO_LIMITS, failed=[{"candidate": "a", "seed": 0, "problem": "x"}])
    assert choice["reason"] == "No candidate has a result, so there is nothing to choose from."
    assert (choice["n_candidates"], choice["n_failed"], choice["noise"]) == (1, 1, None)


def test_two_answers_where_the_best_is_not_free():
    items = [
        summary("mamba_b-frozen", accuracy=100 / 105, commercial_use=False, licence="NC"),
        summary("apple-frozen", accuracy=98 / 105, commercial_use=None, licence="Apple"),
        summary("swin_t-frozen", accuracy=94 / 105),
        summary("mobilenetv2-frozen", accuracy=90 / 105),
    ]
    choice = choose(items, NO_LIMITS)
    assert (choice["best"]["candidate"], choice["best_commercial"]["candidate"]) == ("mamba_b-frozen", "swin_t-frozen")
    assert (
        "the most accurate of 2 eligible candidates that may be used commercially" in choice["best_commercial_reason"]
    )
    assert "It gives up 5.7 points of accuracy." in choice["reason"]  # 6 of 105
    reasons = {row["candidate"]: row["reasons"][0] for row in choice["refused_commercially"]}
    assert reasons["mamba_b-frozen"] == "its licence forbids commercial use (NC)"
    assert reasons["apple-frozen"].startswith("commercial use is not proven (Apple): check the licence")


def test_nobody_is_free():
    choice = choose([summary("a", commercial_use=None, licence="Apple")], NO_LIMITS)
    assert choice["best_commercial"] is None
    assert (
        "No eligible candidate is proven to be usable commercially (a: commercial use is not proven" in choice["reason"]
    )


def test_a_best_that_is_free_is_both_answers():
    # the rule alone would prefer c among the free ones; the best stays the answer to both
    a = summary("a", accuracy=100 / 105, latency_ms=90, commercial_use=False)
    b, c = summary("b", accuracy=99 / 105, latency_ms=50), summary("c", accuracy=98 / 105, latency_ms=10)
    assert chosen([a, b, c]) == ("b", "b")
    assert "b may also be used commercially (Apache-2.0)." in choose([a, b, c], NO_LIMITS)["reason"]


def test_a_free_one_that_is_slower_but_not_worse():
    items = [
        summary("nc", accuracy=0.9, latency_ms=5, commercial_use=False),
        summary("free", accuracy=0.9, latency_ms=9),
    ]
    assert "It gives up speed, not accuracy." in choose(items, NO_LIMITS)["best_commercial_reason"]


def test_the_reason_tells_the_tie_and_the_noise():
    items = [summary("slow", accuracy=95 / 105, latency_ms=90), summary("fast", accuracy=94 / 105, latency_ms=10)]
    choice = choose(items, NO_LIMITS)
    # Wilson for 94/105: 0.8221 to 0.9405, so half of it is 5.9 points
    assert choice["best_reason"] == (
        "Best: fast, test accuracy 0.895 (95 % interval 0.822 to 0.940), 10.0 ms per photo: within one test product of "
        "slow (0.905) and faster, of 2 eligible candidates. The difference to the runner-up slow (0.905, -1.0 points) "
        "is within the noise (105 test products: ±6 points)."
    )
    assert choice["noise"]["within_noise"] is True
    assert choice["noise"]["half_width_points"] == pytest.approx(5.9, abs=0.05)


def test_a_difference_larger_than_the_noise_is_said():
    choice = choose([summary("a", accuracy=100 / 105), summary("b", accuracy=60 / 105)], NO_LIMITS)
    assert "is larger than the noise (105 test products: ±4 points)" in choice["reason"]
    assert choice["noise"]["within_noise"] is False


def test_the_only_one_within_the_limits():
    reason = choose([summary("a")], limits(max_latency_ms=30.0, max_size_mib=100.0))["best_reason"]
    assert reason.endswith("the only one of the eligible candidates (latency ≤ 30 ms, size ≤ 100 MiB).")


def test_the_choice_is_json_without_nan():
    choice = choose([summary("a", train_time_s=float("nan"))], NO_LIMITS)
    assert json.loads(json.dumps(choice, allow_nan=False))["best"]["train_time_s"] is None


def test_metrics_are_flat_and_hold_the_best_and_everyone():
    items = [
        summary("a-frozen", accuracy=0.9, latency_ms=20),
        summary("b-frozen", accuracy=0.8, latency_ms=float("nan")),
    ]
    choice = choose(items, NO_LIMITS, failed=[{"candidate": "c-frozen", "seed": 0, "problem": "x"}])
    metrics = flat_metrics(choice, items)
    assert (metrics["n_candidates"], metrics["n_failed"], metrics["best"]) == (3, 1, "a-frozen")
    assert (metrics["accuracy"], metrics["latency_ms"], metrics["images_per_s"]) == (0.9, 20, 50)
    assert metrics["a-frozen"] == {"accuracy": 0.9, "latency_ms": 20, "images_per_s": 50}
    assert "latency_ms" not in metrics["b-frozen"]


def test_metrics_without_a_choice_leave_the_best_out():
    items = [summary("a", learned=False)]
    assert set(flat_metrics(choose(items, NO_LIMITS), items)) == {"n_candidates", "n_failed", "a"}
