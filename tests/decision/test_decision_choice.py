from __future__ import annotations

import json
import math

import pytest

from bakeoff.decision import choice as choices
from bakeoff.decision.choice_record import flat_metrics
from bakeoff.decision.measures import MEASURES
from bakeoff.decision.params import Limits
from bakeoff.decision.rules import Rule, rank_eligible
from decision.fake_study import ENGLISH, FRENCH, NO_LIMITS, summary
from records_made import choice_record


def rule(**changes):
    return NO_LIMITS.model_copy(update=changes)


def limits(**bounds):
    return rule(subject_to=Limits(**bounds))


def choose(items, params=NO_LIMITS, *, t=ENGLISH, **changes):
    return choices.choose(items, params, t=t, **changes)


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
    # c is one product behind b, but two behind a: it is not a candidate for the first place, though it is the fastest
    a, b = summary("a", accuracy=100 / 105, latency_ms=30), summary("b", accuracy=99 / 105, latency_ms=20)
    c = summary("c", accuracy=98 / 105, latency_ms=10)
    assert [item.candidate for item in rank_eligible([c, b, a], Rule.of(NO_LIMITS))] == ["b", "a", "c"]


def test_full_ties_go_by_accuracy_then_name():
    same = [summary("b", latency_ms=9), summary("a", latency_ms=9), summary("c", latency_ms=9, accuracy=0.901)]
    assert [item.candidate for item in rank_eligible(same, Rule.of(NO_LIMITS))] == ["c", "a", "b"]


def test_a_time_of_another_device_never_breaks_a_tie():
    elsewhere = summary("a", accuracy=0.9, latency_ms=1, time_comparable=False)
    assert chosen([elsewhere, summary("b", accuracy=0.9, latency_ms=50)])[0] == "b"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"latency_p50_ms": 30.0}, "its latency of 40.0 is above compare.subject_to.latency_p50_ms = 30"),
        (
            {"latency_p99_ms": 30.0},
            "its 99th-percentile latency of 52.0 is above compare.subject_to.latency_p99_ms = 30",
        ),
        ({"images_per_s": 30.0}, "its throughput of 25.0 is below compare.subject_to.images_per_s = 30"),
        ({"size_mib": 100.0}, "its size of 120 is above compare.subject_to.size_mib = 100"),
        (
            {"predict_memory_mib": 512.0},
            "its memory while predicting of 2,000 is above compare.subject_to.predict_memory_mib = 512",
        ),
        ({"train_time_s": 60.0}, "its training time of 90 is above compare.subject_to.train_time_s = 60"),
        ({"licence": "commercial"}, "its licence forbids commercial use (NC)"),
    ],
)
def test_limits_refuse_with_the_number(given, reason):
    items = [
        summary(
            "big",
            accuracy=0.95,
            latency_ms=40,
            size_mib=120.0,
            predict_memory_mib=2000.0,
            train_time_s=90.0,
            commercial_use=False,
            licence="NC",
        ),
        summary("small", accuracy=0.8, latency_ms=20),
    ]
    choice = choose(items, limits(**given))
    assert choice["best"]["candidate"] == "small"
    assert choice["refused"] == [{"candidate": "big", "accuracy": 0.95, "reasons": [reason]}]


def test_a_value_at_the_limit_is_allowed():
    item = summary("a", latency_ms=20, size_mib=15.0)
    assert chosen([item], limits(latency_p50_ms=20.0, images_per_s=50.0, size_mib=15.0))[0] == "a"


def test_a_time_limit_cannot_be_checked_on_another_device():
    items = [summary("a", accuracy=0.95, time_comparable=False, device="cuda: H200"), summary("b")]
    choice = choose(items, limits(latency_p50_ms=1000.0))
    assert choice["best"]["candidate"] == "b"
    assert "another device (cuda: H200)" in choice["refused"][0]["reasons"][0]


def test_random_starts_are_listed_and_not_chosen_beside_a_pretrained_one():
    random = [summary(name, accuracy=0.99, pretrained=False) for name in ("r-frozen", "r-finetune", "s-frozen")]
    choice = choose([*random, summary("p-frozen", accuracy=0.6)], NO_LIMITS)
    assert choice["best"]["candidate"] == "p-frozen"
    assert choice["reason"].startswith(
        "This does not compare backbones, only what was available here: 3 of 4 candidates started from random "
        "weights (r, s). They are listed but cannot be chosen. Best: p-frozen"
    )
    assert [row["candidate"] for row in choice["refused"]] == ["r-frozen", "r-finetune", "s-frozen"]
    assert (choice["n_random"], choice["compares_backbones"]) == (3, False)


def test_one_random_start_beside_two_backbones_is_still_a_comparison():
    items = [summary("r-frozen", pretrained=False), summary("p-frozen"), summary("q-frozen")]
    choice = choose(items)
    assert choice["opening"] == (
        "1 of 3 candidates started from random weights (r): their results say nothing about these backbones. They are "
        "listed but cannot be chosen."
    )
    assert choice["compares_backbones"]
    assert choose(items, rule(allow_random_weights=True))["opening"].endswith("say nothing about these backbones.")
    assert choose(items[1:])["opening"] == ""


def test_random_starts_are_chosen_by_params_alone():
    random, real = summary("r-frozen", accuracy=0.99, pretrained=False), summary("p-frozen", accuracy=0.6)
    alone = choose([random])
    assert alone["best"] is None
    assert alone["best_reason"] == (
        "No candidate is eligible, so none is chosen (no limits): 1 × random start. Get pretrained weights (`bakeoff "
        "weights --retry`), or set compare.allow_random_weights: true."
    )
    allowed = choose([random, real], rule(allow_random_weights=True))
    assert allowed["best"]["candidate"] == "r-frozen"
    assert allowed["reason"].startswith("This does not compare backbones")
    assert "not chosen" not in allowed["opening"]
    assert allowed["apart"] == []


def test_who_is_excluded_and_why():
    items = [
        summary("r", pretrained=False),
        summary("d", learned=False),
        summary("e", time_comparable=False, device="cuda: H200"),
        summary("ok"),
    ]
    assert [(row["candidate"], row["reason_code"], row["reason"]) for row in choose(items)["apart"]] == [
        ("r", "random_weights", "it started from random weights"),
        ("d", "not_learned", "it did not learn"),
        ("e", "other_device", "its times come from another device (cuda: H200) and cannot be compared"),
    ]


def test_what_bars_most_is_said_first_with_what_to_do():
    items = [summary("r", accuracy=0.99, pretrained=False), summary("p", latency_ms=100), summary("q", latency_ms=90)]
    choice = choose(items, limits(latency_p50_ms=50.0))
    assert choice["best"] is None
    assert choice["best_reason"] == (
        "No candidate is eligible, so none is chosen (latency ≤ 50 ms): 2 × too slow, 1 × random start. "
        "Relax the limits in compare.subject_to of conf/config.yaml."
    )
    assert choice["best_commercial"] is None


def test_what_did_not_learn_is_chosen_by_params_alone():
    items = [summary("a", accuracy=0.99, learned=False), summary("b", accuracy=0.5)]
    assert chosen(items, rule(allow_random_weights=True))[0] == "b"
    assert "1 × did not learn. Train longer" in choose(items[:1])["reason"]
    assert chosen(items, rule(allow_not_learned=True))[0] == "a"


@pytest.mark.parametrize(("maximise", "winner"), [("macro_f1", "b"), ("roc_auc", "a"), ("matthews", "a")])
def test_another_measure_may_be_maximised(maximise, winner):
    a, b = summary("a", accuracy=0.9, macro_f1=0.7, latency_ms=9), summary("b", accuracy=0.8, macro_f1=0.8)
    choice = choose([a, b], rule(maximise=maximise))
    assert choice["best"]["candidate"] == winner
    assert choice["rule"]["in_words"].startswith(f"maximise {MEASURES[maximise].title}, without limits; of those")
    assert f"{MEASURES[maximise].title} 0." in choice["best_reason"]


def test_among_throughputs_within_a_tenth_the_more_accurate_wins():
    fast, near = summary("fast", accuracy=0.8, latency_ms=10), summary("near", accuracy=0.9, latency_ms=11)
    far = summary("far", accuracy=0.99, latency_ms=11.2)  # 89.3 products/s of 100: more than 10 % behind
    choice = choose([fast, near, far], rule(maximise="images_per_s"))
    assert choice["best"]["candidate"] == "near"
    assert "within 10% of the throughput of fast (100.0) and more accurate, of 3 eligible" in choice["best_reason"]
    elsewhere = summary("elsewhere", latency_ms=1, time_comparable=False)
    assert choose([elsewhere, near], rule(maximise="images_per_s"))["best"]["candidate"] == "near"


def test_an_unknown_measure_bars_a_candidate():
    unknown, known = summary("a", accuracy=0.99, size_mib=float("nan")), summary("b")
    choice = choose([unknown, known], limits(size_mib=100.0))
    assert choice["best"]["candidate"] == "b"
    assert choice["refused"][0]["reasons"] == ["its size is not known"]


def test_a_percentile_that_few_calls_do_not_give_is_not_known_and_says_how_to_measure_it():
    items = [summary("a", latency_p99_ms=math.nan, n_latency=30), summary("b", latency_p99_ms=math.nan, n_latency=99)]
    choice = choose(items, rule(subject_to=Limits(latency_p99_ms=50.0), scenarios={"x": Limits(latency_p99_ms=50.0)}))
    assert choice["best"] is None
    assert choice["refused"][0]["reasons"] == [
        "its 99th-percentile latency is not known: 30 calls were timed, and 100 are needed; "
        "`bakeoff throughput --budget 60` measures longer"
    ]
    assert choice["best_reason"].endswith(". `bakeoff throughput --budget 60` times enough calls.")
    assert choice["scenarios"][0]["sentence"] == (
        "For x (99th-percentile latency ≤ 50 ms): none of 2 candidates: 2 × too few calls for a 99th percentile. "
        "`bakeoff throughput --budget 60` times enough calls."
    )


def test_scenarios_are_the_best_under_their_own_limits():
    items = [
        summary("big", accuracy=0.9, size_mib=300.0, latency_ms=100),
        summary("small", accuracy=0.85, size_mib=20.0),
    ]
    wanted = rule(
        scenarios={
            "phone": Limits(size_mib=25.0, licence="commercial"),
            "checkout_camera": Limits(latency_p99_ms=500.0),
            "my_drone": Limits(size_mib=1.0),
        }
    )
    rows = choose(items, wanted)["scenarios"]
    assert [row["candidate"] for row in rows] == ["small", "big", None]
    assert [row["sentence"] for row in rows] == [
        "On a phone (size ≤ 25 MiB, commercial use allowed): small, accuracy 0.850, 5.0 points less than big.",
        "For a camera at the checkout (99th-percentile latency ≤ 500 ms): big as well, accuracy 0.900.",
        "For my drone (size ≤ 1 MiB): none of 2 candidates: 2 × too large.",
    ]
    assert choose([], wanted)["scenarios"][0]["candidate"] is None
    french = choose(items, wanted, t=FRENCH)["scenarios"][0]["sentence"]
    assert french == (
        "Sur un téléphone (taille ≤ 25 Mio, usage commercial permis)\u202f: small, exactitude 0,850, soit 5,0 points "
        "de moins que big."
    )


def test_the_reason_in_french():
    items = [summary("slow", accuracy=95 / 105, latency_ms=90), summary("fast", accuracy=94 / 105, latency_ms=10)]
    choice = choose(items, t=FRENCH)
    assert choice["best_reason"] == (
        "Meilleur choix\u202f: fast, exactitude de test 0,895, "
        "10,0 ms par produit\u202f: à un produit de test au plus de slow (0,905) et plus rapide, "
        "parmi 2 candidats admissibles."
    )
    assert choice["limits_in_words"] == "sans limite"


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
        "the most accurate of 2 eligible candidates, among those that may be used commercially"
        in choice["best_commercial_reason"]
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
    assert "It gives up no accuracy." in choose(items, NO_LIMITS)["best_commercial_reason"]


def test_the_reason_tells_the_tie():
    items = [summary("slow", accuracy=95 / 105, latency_ms=90), summary("fast", accuracy=94 / 105, latency_ms=10)]
    choice = choose(items, NO_LIMITS)
    # Wilson for 94/105: 0.8221 to 0.9405, so half of it is 5.9 points
    assert choice["best_reason"] == (
        "Best: fast, test accuracy 0.895, 10.0 ms per product: within one test product of slow (0.905) and faster, of "
        "2 eligible candidates."
    )
    assert choice["noise"]["runner_up"] == "slow"
    assert choice["noise"]["half_width_points"] == pytest.approx(5.9, abs=0.05)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"latency_ms": 10}, "faster"),
        ({"log_loss": 0.2}, "with the better log loss"),
        ({"train_time_s": 5.0}, "cheaper to train"),
        ({"mode": "frozen"}, "frozen"),
        ({}, "first by name"),
    ],
)
def test_among_equals_the_sentence_says_what_decided(changes, why):
    same = {"accuracy": 1.0, "latency_ms": 20, "log_loss": 0.3, "train_time_s": 9.0, "mode": "finetune"}
    first, second = ("b", "a") if changes else ("a", "b")  # the name would prefer a
    choice = choose([summary(second, **same), summary(first, **same | changes)], NO_LIMITS)
    assert choice["best"]["candidate"] == first
    assert choice["best_reason"].endswith(f"the same accuracy as {second} and {why}, of 2 eligible candidates.")


def test_a_product_is_the_tolerance_of_accuracy_alone():
    items = [summary("slow", macro_f1=0.909, latency_ms=90), summary("fast", macro_f1=0.9, latency_ms=10)]
    choice = choose(items, rule(maximise="macro_f1"))
    assert "within 1/105 of slow (0.909) and faster" in choice["best_reason"]
    assert "of those within 1/n of the best (n test products), the fastest" in choice["rule"]["in_words"]


def test_the_only_one_within_the_limits():
    reason = choose([summary("a")], limits(latency_p50_ms=30.0, size_mib=100.0))["best_reason"]
    assert reason.endswith("the only eligible candidate (latency ≤ 30 ms, size ≤ 100 MiB).")


def test_the_choice_is_json_without_nan():
    choice = choose([summary("a", train_time_s=float("nan"))], NO_LIMITS)
    assert json.loads(json.dumps(choice, allow_nan=False))["best"]["train_time_s"] is None


def test_metrics_are_flat_and_hold_the_best_and_everyone():
    items = [
        summary("a-frozen", accuracy=0.9, latency_ms=20),
        summary("b-frozen", accuracy=0.8, latency_ms=float("nan")),
    ]
    choice = choose(items, NO_LIMITS, failed=[{"candidate": "c-frozen", "seed": 0, "problem": "x"}])
    metrics = flat_metrics(choice_record(**choice), items)
    assert (metrics["n_candidates"], metrics["n_failed"], metrics["best"]) == (3, 1, "a-frozen")
    assert (metrics["accuracy"], metrics["latency_ms"], metrics["images_per_s"]) == (0.9, 20, 50)
    assert metrics["a-frozen"] == {"accuracy": 0.9, "latency_ms": 20, "images_per_s": 50}
    assert "latency_ms" not in metrics["b-frozen"]


def test_metrics_without_a_choice_leave_the_best_out():
    items = [summary("a", learned=False)]
    metrics = flat_metrics(choice_record(**choose(items, NO_LIMITS)), items)
    assert set(metrics) == {"n_test", "n_candidates", "n_failed", "a"}
    assert metrics["a"]["apart"] == "not_learned"
    both = [summary("a", learned=False, pretrained=False)]
    assert flat_metrics(choice_record(**choose(both, NO_LIMITS)), both)["a"]["apart"] == "random_weights"
