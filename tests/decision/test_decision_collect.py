from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from bakeoff.core.errors import EvaluationError, ParamsError
from bakeoff.core.section import validate_section
from bakeoff.data.predictions import Predictions, read_predictions, write_predictions
from bakeoff.decision.collect import collect, value_at
from bakeoff.decision.outcomes import outcomes_of, read_test_outcomes
from bakeoff.records.candidate import Candidate
from bakeoff.records.study import StudyLists
from decision.fake_study import collected, make_study, write_candidate, write_study
from records_made import network_speed, throughput_record

ONE = make_study(["m"])


@pytest.fixture
def runs(tmp_path):
    write_candidate(tmp_path / "runs", "baseline_tf", correct=90, latency_ms=30)
    write_candidate(tmp_path / "runs", "m-frozen", correct=95, latency_ms=20)
    return tmp_path / "runs"


def edit(path, change) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def test_the_study_is_the_product_of_its_lists_and_the_baseline_per_seed():
    candidates = make_study(["a", "b.c"], ["frozen", "finetune"], [0, 3]).lists.candidates()
    assert len(candidates) == 2 * 2 * 2 + 2
    assert candidates[0] == Candidate("baseline_tf", 0)
    assert [one.title for one in candidates[-2:]] == ["b.c-finetune (seed 0)", "b.c-finetune (seed 3)"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": "mamba_b"}, "models = 'mamba_b': Input should be a valid list"),
        ({"seeds": ["0"]}, r"seeds\.0 = '0': Input should be a valid integer"),
        ({"seeds": []}, "seeds: needs at least one value and no repeats, got "),
        ({"modes": ["thawed"]}, r"modes\.0: unknown mode 'thawed'; legal modes: frozen, finetune"),
    ],
)
def test_a_study_that_params_cannot_name(change, message):
    values = {"models": ["a"], "modes": ["frozen"], "seeds": [0]} | change
    with pytest.raises(ParamsError, match=message):
        validate_section(StudyLists, values, where="params.yaml")


def test_records_come_in_the_study_s_order_and_never_by_globbing(runs):
    write_candidate(runs, "stray-frozen", correct=99, latency_ms=1)
    found = collect(runs, ONE)
    assert [one.candidate.name for one in found.done] == ["baseline_tf", "m-frozen"]
    assert not found.failed
    assert all(one.n_test == 105 for one in found.done)


def test_a_missing_candidate_is_an_error_that_names_it_and_the_others(runs):
    shutil.rmtree(runs / "m-frozen" / "seed_0" / "evaluation")
    study = make_study(["m"], ["frozen", "finetune"])
    with pytest.raises(
        EvaluationError, match=r"m-frozen \(seed 0\) has no usable result: .*metrics.json is missing"
    ) as e:
        collect(runs, study)
    assert "The same goes for m-finetune (seed 0)." in str(e.value)
    assert "bakeoff compare --partial" in str(e.value)


def test_partial_lists_the_missing_as_failed(runs):
    (runs / "m-frozen" / "seed_0" / "training" / "training.json").unlink()
    (failed,) = collect(runs, ONE, partial=True).failed
    assert failed.candidate.name == "m-frozen"
    assert "training.json is missing" in failed.problem


def test_partial_with_nothing_left_is_still_an_error(tmp_path):
    with pytest.raises(EvaluationError, match="nothing to compare, all 2 candidates failed"):
        collect(tmp_path, ONE, partial=True)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("training/training.json", lambda v: v.pop("weights"), "training.json lacks weights"),
        ("training/training.json", lambda v: v.update(n_parameters="x"), "does not hold what it should: n_parameters"),
        (
            "training/cost.json",
            lambda v: v.update(format=7),
            r"another version of bakeoff \(format 7, this one reads 1",
        ),
        ("evaluation/metrics.json", lambda v: v.pop("splits"), "metrics.json lacks splits"),
        (
            "evaluation/metrics.json",
            lambda v: v["splits"]["test"].update(n=float("nan")),
            r"should: splits\.test\.n",
        ),
        (
            "evaluation/metrics.json",
            lambda v: v["splits"]["test"].update(accuracy="x"),
            r"should: splits\.test\.accuracy",
        ),
        ("evaluation/metrics.json", lambda v: v["splits"]["test"].update(accuracy=0.5), "metrics of other predictions"),
        ("evaluation/metrics.json", lambda v: v.update(training_key="old"), "belongs to another training"),
    ],
)
def test_a_broken_record_is_named(runs, file, change, message):
    edit(runs / "m-frozen" / "seed_0" / file, change)
    with pytest.raises(EvaluationError, match=message):
        collect(runs, ONE)


@pytest.mark.parametrize(("text", "message"), [("{", "is not valid JSON"), ("[1]", "does not hold what it should")])
def test_a_file_that_is_no_record(runs, text, message):
    (runs / "m-frozen" / "seed_0" / "evaluation" / "metrics.json").write_text(text, encoding="utf-8")
    with pytest.raises(EvaluationError, match=message):
        collect(runs, ONE)


def test_accuracies_on_other_products_are_not_compared(tmp_path):
    study, runs = make_study(["m", "n"]), tmp_path / "runs"
    for name in ("baseline_tf", "m-frozen"):
        write_candidate(runs, name, correct=90, latency_ms=30)
    write_candidate(runs, "n-frozen", correct=42, latency_ms=30, n_test=42)
    with pytest.raises(
        EvaluationError, match=r"another data set or split \(42 test products, the other candidates 105; it lacks"
    ):
        collect(runs, study)
    assert [one.candidate.name for one in collect(runs, study, partial=True).failed] == ["n-frozen"]


def test_another_digest_is_another_data_set(runs):
    def change(values):
        values["dataset"]["digest"] = "d2"

    edit(runs / "m-frozen" / "seed_0" / "training" / "training.json", change)
    with pytest.raises(EvaluationError, match="another data set or split"):
        collect(runs, ONE)


def test_value_at_stops_where_the_record_does():
    assert value_at(SimpleNamespace(a={"b": 1}), "a.b") == 1
    assert value_at(SimpleNamespace(a=1), "a.b") is None
    assert value_at(SimpleNamespace(a=None), "a.b") is None


@pytest.mark.slow
def test_the_whole_default_study(tmp_path):
    found = collected(tmp_path / "runs", write_study(tmp_path / "runs", evidence=False))
    assert (len(found.done), found.failed) == (15, [])
    assert {one.candidate.model: one.speed.latency_ms_p50 for one in found.done}["mamba_b"] == 398


def test_every_candidate_of_a_network_has_its_network_s_speed(runs):
    """Whatever its mode and its seed: speed has neither."""
    write_candidate(runs, "m-finetune", correct=90, latency_ms=20)
    found = collected(runs, make_study(["m"], ["frozen", "finetune"]))
    assert [one.speed.latency_ms_p50 for one in found.done] == [30, 20, 20]


def test_a_network_that_was_not_measured_has_no_speed_and_is_no_failure(runs):
    assert [one.speed for one in collect(runs, ONE).done] == [None, None]
    speed = throughput_record({"baseline_tf": network_speed()}, failed={"m": "out of memory"})
    found = collect(runs, ONE, speed=speed)
    assert not found.failed
    assert [one.speed is not None for one in found.done] == [True, False]


def test_a_record_knows_its_training_and_what_it_cost(runs):
    one = collect(runs, ONE).done[1]
    assert (one.training.key, one.cost.train_time_s) == ("key-of-m-frozen", 42.0)
    assert one.cost.git_commit.startswith("0123456789")


def test_what_an_unfinished_candidate_left_does_not_count(runs):
    study = make_study(["m"], unfinished=frozenset({"m-frozen"}))
    with pytest.raises(EvaluationError, match=r"m-frozen \(seed 0\) .* what runs/ holds of it is older"):
        collect(runs, study)


def rewrite(folder, change) -> None:
    """Change a candidate's predictions.parquet; its metrics.json keeps the accuracy."""
    path = folder / "training" / "predictions.parquet"
    old = read_predictions(path)
    products, probabilities, labels = change(old.products.copy(), old.probabilities.copy(), list(old.labels))
    write_predictions(Predictions(products, probabilities, labels), path)


def spoil(probabilities, value):
    probabilities[-1, 0] = value
    return probabilities


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, p, n: (t, spoil(p, np.nan), n), "1 of 231 rows hold NaN or infinity, first product 'test-00104'"),
        (lambda t, p, n: (t, spoil(p, 0.9), n), "1 of 231 rows are not probabilities"),
        (lambda t, p, n: (t, p, [*n[:-1], "boats"]), r"has other labels \(7: animals, .*train it on this catalogue"),
        (lambda t, p, n: (t[t["split"] != "test"], p[:126], n), "holds no test product"),
        (
            lambda t, p, n: (t.assign(product_id=t["product_id"].replace("test-00001", "test-00000")), p, n),
            "rows repeat a product, first product 'test-00000'; train the candidate again",
        ),
        (
            lambda t, p, n: (t.assign(product_id=t["product_id"].replace("test-00001", "new")), p, n),
            "another data set or split .* it lacks test-00001",
        ),
        (
            lambda t, p, n: (t.assign(label_id=np.where(t["product_id"] == "test-00104", 3, t["label_id"])), p, n),
            "has other true classes for the same test products",
        ),
    ],
)
def test_predictions_that_cannot_be_paired_are_refused_by_name(tmp_path, change, message):
    for name in ("baseline_tf", "m-frozen", "n-frozen"):
        right = np.arange(105) < 104  # the last product is a wrong one, so that changing it keeps the accuracy
        folder = write_candidate(tmp_path / "runs", name, right=right)
    rewrite(folder, change)
    with pytest.raises(EvaluationError, match=message):
        collect(tmp_path / "runs", make_study(["m", "n"]))
    partial = collect(tmp_path / "runs", make_study(["m", "n"]), partial=True)
    assert [one.candidate.name for one in partial.failed] == ["n-frozen"]


def test_products_are_paired_by_their_id_whatever_their_order(runs):
    before = collect(runs, ONE).done
    rewrite(runs / "m-frozen" / "seed_0", lambda t, p, n: (t[::-1].reset_index(drop=True), p[::-1], n))
    after = collect(runs, ONE).done
    assert len(after) == 2
    assert (outcomes_of(after).correct("m-frozen") == outcomes_of(before).correct("m-frozen")).all()


def test_predictions_that_are_missing_are_named(runs):
    (runs / "m-frozen" / "seed_0" / "training" / "predictions.parquet").unlink()
    with pytest.raises(EvaluationError, match=r"predictions.parquet is missing"):
        collect(runs, ONE)
    with pytest.raises(EvaluationError, match=r"predictions.parquet is missing"):
        read_test_outcomes(runs / "predictions.parquet")


def test_outcomes_hold_every_seed(tmp_path):
    for seed in (0, 1):
        write_candidate(tmp_path / "runs", "baseline_tf", right=np.arange(105) < 90 + seed, seed=seed)
    done = collect(tmp_path / "runs", make_study(seeds=[0, 1])).done
    outcomes = outcomes_of(done)
    assert outcomes.n == 105
    assert outcomes.correct("baseline_tf").sum(axis=1).tolist() == [90, 91]
    assert outcomes.correct("baseline_tf").mean(axis=0)[[89, 90, 91]].tolist() == [1.0, 0.5, 0.0]
    ids = done[0].test.product_ids
    assert outcomes.groups is None
    assert outcomes_of(done, {ids[3]: 8, ids[5]: 9}).groups is None  # each alone in its group
    shared = outcomes_of(done, {ids[3]: 8, ids[5]: 8}).groups
    assert shared[3] == shared[5] == 8
    assert len(np.unique(shared)) == 104
