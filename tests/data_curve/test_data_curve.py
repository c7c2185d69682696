"""Shares are nested and keep groups whole; a known power law is found again; what cannot be told is not told."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bakeoff.core.errors import DataError, EvaluationError, TrainingError
from bakeoff.core.translation import Translator
from bakeoff.data_curve.curve import Measured, class_gains, describe, fit_power_laws, measure, nested_shares
from bakeoff.records.data_curve import DataCurveRecord, Estimate
from several_photos import N_PRODUCTS, PHOTOS_PER_CLASS, with_several_photos
from training.conftest import make_catalogue

T = Translator("en")
N = np.array([40.0, 80, 140, 200, 280, 400])
KNOWN = {"candidate": "tiny-frozen", "training_key": "key-of-tiny-frozen", "seed": 0}


def products(sizes: list[int], copies: int = 1) -> pd.DataFrame:
    """A class of each size; so many products after one another are a group."""
    label_ids = np.repeat(np.arange(len(sizes)), sizes)
    groups = np.arange(len(label_ids)) // copies
    ids = [f"p{i}" for i in range(len(label_ids))]
    return pd.DataFrame({"product_id": ids, "label_id": label_ids, "label": label_ids.astype(str), "group_id": groups})


def test_shares_are_nested_and_hold_each_class_in_proportion():
    table = products([20, 10, 3])
    found = nested_shares(table, [0.1, 0.25, 0.5, 1], seed=3)
    counts = [
        table[table["group_id"].isin(groups.tolist())]["label_id"].value_counts().sort_index().tolist()
        for groups in found
    ]
    assert counts == [[2, 1, 1], [5, 3, 1], [10, 5, 2], [20, 10, 3]]  # each class rounded up
    for smaller, larger in pairwise(found):
        assert set(smaller) < set(larger)


def test_groups_stay_whole_and_the_order_is_the_seeds_alone():
    table = products([16, 8], copies=4)
    (half,) = nested_shares(table, [0.5], seed=0)
    assert table[table["group_id"].isin(half.tolist())]["label_id"].value_counts().tolist() == [8, 4]
    shuffled = table.sample(frac=1, random_state=1)
    assert nested_shares(shuffled, [0.5], seed=0)[0].tolist() == half.tolist()
    assert {tuple(nested_shares(table, [0.5], seed=seed)[0]) for seed in range(9)} != {tuple(half)}


def test_an_exact_power_law_is_found_again():
    errors = np.stack([0.05 + 2 * N**-0.5, 0.9 * N**-0.3, np.full(6, 0.2), N / 1000])
    laws = fit_power_laws(N, errors, np.ones(6))
    assert laws.a[:2] == pytest.approx([0.05, 0], abs=0.01)
    assert laws.c[:2] == pytest.approx([0.5, 0.3], rel=0.08)
    np.testing.assert_allclose(laws.errors(N)[:3], errors[:3], atol=5e-4)
    assert laws.errors(np.array([800.0]))[:, 0] == pytest.approx([0.1207, 0.1211, 0.2, errors[3].mean()], abs=2e-3)


def simulated(error: np.ndarray, seed: int, n_products: int = 400, n_classes: int = 4) -> Measured:
    """Products that are right as often as the law says, a product the likelier the longer it has been."""
    rng = np.random.default_rng(seed)
    lasting, fresh = rng.random((n_products, 1)), rng.random((n_products, len(error)))
    right = np.where(rng.random((n_products, 1)) < 0.7, lasting, fresh) > error
    rows = np.arange(n_products)
    return Measured(right, N, rows % 5, rows // 5 % n_classes, rows)


def test_a_known_power_law_lies_in_the_band():
    def error(n):
        return 0.04 + 1.2 * np.asarray(n, dtype=float) ** -0.4

    inside = []
    for seed in range(12):
        record = describe(simulated(error(N), seed), ["a", "b", "c", "d"], n_photos=500, **KNOWN)
        assert record.problem is None
        per_class, double = record.gains
        true = [error(500) - error(700), error(500) - error(1000)]
        inside += [gain.low <= one <= gain.high for gain, one in zip((per_class, double), true, strict=True)]
        last = record.curve[-1]
        assert last.at == pytest.approx(1000)
        inside.append(last.low <= 1 - error(1000) <= last.high)
    assert sum(inside) >= 33  # of 36, at 95 % each


def told(record: DataCurveRecord) -> str:
    pytest.importorskip("jinja2")
    from bakeoff.report.data_curve import data_curve_in_words

    return data_curve_in_words(record, T)


@pytest.mark.torch
def test_a_flat_curve_and_few_points_are_told_in_a_sentence_without_a_gain():
    flat = describe(simulated(np.full(6, 0.2), 1), list("abcd"), n_photos=500, **KNOWN)
    assert (flat.problem, flat.law, flat.gains, flat.curve) == ("flat", None, [], [])
    assert told(flat) == (
        "From 40 to 400 photos accuracy did not rise measurably, so nothing can be said of more photos."
    )
    rising = simulated(np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), 1)
    short = Measured(rising.right[:, :3], N[:3], rising.folds, rising.label_ids, rising.groups)
    few = describe(short, list("abcd"), n_photos=500, **KNOWN)
    assert few.problem == "few_points"
    assert told(few) == ("Too few numbers of photos were tried for a curve, so nothing can be said of more photos.")


def test_far_beyond_what_was_measured_nothing_is_said():
    record = describe(simulated(1.2 * N**-0.4, 0), list("abcd") * 10, n_photos=500, **KNOWN)
    assert [gain.at for gain in record.gains] == ["double"]  # 50 each of 40 classes would be five times the photos


def test_only_a_class_that_surely_gained_is_named():
    right = np.zeros((60, 2), dtype=bool)
    right[:20, 1] = True  # all of class a were learned late
    right[20:22, 1] = True  # two of class b
    right[40:] = True
    rows = np.arange(60)
    measured = Measured(right, np.array([50.0, 100]), rows % 5, rows // 20, rows)
    (gain,) = class_gains(measured, ["a", "b", "c"])
    assert (gain.at, gain.value) == ("a", 1.0)
    together = Measured(right, measured.n_photos, measured.folds, measured.label_ids, rows // 5)
    assert class_gains(together, ["a", "b", "c"]) == []  # four groups of copies prove nothing


@pytest.mark.torch
def test_the_sentence_names_gains_and_classes():
    record = describe(simulated(0.04 + 1.2 * N**-0.4, 3), list("abcd"), n_photos=500, **KNOWN)
    gains = [
        Estimate(at="per_class", value=0.02, low=0.01, high=0.04),
        Estimate(at="double", value=0.03, low=0, high=0.05),
    ]
    toys = [Estimate(at="toys", value=0.1, low=0.02, high=0.18)]
    assert told(record.model_copy(update={"gains": gains, "classes": toys})) == (
        "50 more photos of each class would bring +1.0 to +4.0 points of accuracy. Twice the photos would bring +0.0 "
        "to +5.0 points of accuracy. Classes that surely gained from the second half, in points: toys (+2.0 to +18.0)."
    )
    assert "cannot be told from so few products" in told(record.model_copy(update={"classes": []}))


def test_held_out_products_are_never_learned_from(tmp_path):
    catalogue = with_several_photos(make_catalogue(tmp_path, n_per_class=PHOTOS_PER_CLASS))
    table, seen = catalogue.products, []
    assert N_PRODUCTS["train"] == 9
    with pytest.raises(TrainingError, match=r"has 9 products; 3 repeats, .* need 30 or more: lower --repeats"):
        measure(
            catalogue, lambda rows, repeat: np.zeros((54, 3)), shares=[1], n_repeats=3, seed=0, advance=lambda: None
        )
    catalogue.products["split"] = "train"
    n_steps = []

    def fit(rows: np.ndarray, repeat: int) -> np.ndarray:
        seen.append((repeat, rows))
        answers = np.zeros((54, 3))
        answers[np.arange(54), table["label_id"]] = 1
        answers[rows] = np.roll(answers[rows], 1, axis=1)  # wrong wherever it was trained
        return answers

    measured = measure(catalogue, fit, shares=[0.5, 1], n_repeats=2, seed=0, advance=lambda: n_steps.append(1))
    assert measured.right.all()  # so no product was measured that had been trained on
    assert measured.right.shape == (27, 2)
    assert [repeat for repeat, _ in seen] == [0, 0, 1, 1]
    assert len(n_steps) == 4
    for (_, half), (_, whole) in zip(seen[::2], seen[1::2], strict=True):
        assert set(half) < set(whole)
        for rows in (half, whole):
            out = np.setdiff1d(np.arange(54), rows)
            assert not set(table["group_id"][rows]) & set(table["group_id"][out])
    assert sorted(np.concatenate([rows for _, rows in seen[1::2]])) == list(range(54))
    assert measured.n_photos[1] == 27


@pytest.mark.torch
def test_an_unknown_candidate_is_told_by_name(tmp_path: Path):
    from bakeoff.data_curve.command import run_data_curve

    with pytest.raises(EvaluationError, match="no training of candidate 'nobody-frozen'"):
        run_data_curve(tmp_path, "nobody-frozen", shares=[1], n_repeats=2, seed=0, t=T)


def test_a_broken_file_says_which_command_writes_it(tmp_path):
    (tmp_path / "data_curve.json").write_text("{}")
    with pytest.raises(DataError, match=r"lacks candidate; run `bakeoff learning-curve CANDIDATE`"):
        DataCurveRecord.read(tmp_path / "data_curve.json")


@pytest.mark.torch
@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_report_shows_the_curves_of_its_own_trainings(tmp_path, language):
    from bakeoff.report.data_curve import draw_data_curve
    from bakeoff.report.page.page import write_report
    from decision.fake_evidence import write_findings

    facts = write_findings(tmp_path, language=language)
    write_report(facts, tmp_path / "none.html")
    assert 'id="data-curve"' not in (tmp_path / "none.html").read_text(encoding="utf-8")
    record = describe(simulated(0.04 + 1.2 * N**-0.4, 3), list("abcd"), n_photos=500, **KNOWN)
    one, other = facts.done[1], facts.done[2]
    for done, key in ((one, one.training.key), (other, "of an earlier training")):
        own = record.model_copy(update={"candidate": done.candidate.name, "training_key": key})
        own.write(done.folder / "data_curve" / "data_curve.json")
        draw_data_curve(own, done.folder / "data_curve" / "data_curve.png", Translator(language))
    write_report(facts, tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    section = page[page.index('<section id="data-curve"') :].partition("</section>")[0]
    assert section.count("<h3>") == section.count("<img") == 1
    assert f"{record.points[0].value:.3f}".replace(".", "," if language == "fr" else ".") in section
