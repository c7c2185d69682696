"""The family of tests and the verdict on made-up samples: performance by hand, drift found, false alarms counted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from bakeoff.catalogue.measures import measure_photo
from bakeoff.core.errors import DataError
from bakeoff.core.translation import Translator
from bakeoff.data.products import Photos
from bakeoff.deploy.monitoring.figure import draw_monitoring
from bakeoff.deploy.monitoring.performance import estimate_accuracy, measure_performance
from bakeoff.deploy.monitoring.report import build_report, run_tests
from bakeoff.deploy.monitoring.sample import NO_LABEL, Sample, log_vectors
from bakeoff.deploy.monitoring.verdict import write_p
from bakeoff.statistics.two_sample import detectable_drop
from numpy_predictor import NumpyPredictor

LABELS = ["blue", "green", "red"]
HEADER = {"candidate": "tiny-frozen", "name": "2026-12"}


def population(n: int, *, seed: int = 0, brightness: float = 0.0, wrong: float = 0.2) -> Sample:
    """Photos of one catalogue, scored by the NumPy predictor; a share of the labels contradicts the photo."""
    rng = np.random.default_rng(seed)
    true = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    pictures = []
    for label_id in true:
        shown = rng.integers(3) if rng.uniform() < wrong else label_id
        pixels = rng.integers(60, 100, size=(16, 16, 3)) + rng.normal(brightness, 12)
        pixels[..., 2 - shown] += rng.uniform(10, 120)
        pictures.append(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))
    predictor = NumpyPredictor(LABELS)
    images = predictor.images(Photos(pictures))
    probabilities = predictor.predict_images(images).astype(np.float64)
    sides = rng.integers(300, 900, size=(n, 2))
    measures = [measure_photo(one, width=w, height=h) for one, (w, h) in zip(pictures, sides, strict=True)]
    features = np.concatenate([images.mean(axis=(1, 2)), images.std(axis=(1, 2))], axis=1)
    return Sample(probabilities, np.array(measures), features[:1000], "features", true)


def part(sample: Sample, rows: np.ndarray, *, labelled: bool = True) -> Sample:
    label_ids = sample.label_ids[rows] if labelled else np.full(len(rows), NO_LABEL)
    vectors = sample.vectors[rows]
    return Sample(sample.probabilities[rows], sample.measures[rows], vectors, "features", label_ids)


@pytest.fixture(scope="module")
def catalogue() -> Sample:
    return population(1000)


def test_performance_by_hand():
    def of(pairs: list[tuple[int, int]]) -> Sample:
        true, predicted = np.array(pairs).T
        probabilities = np.full((len(pairs), 3), 0.1)
        probabilities[np.arange(len(pairs)), predicted] = 0.8
        return Sample(probabilities, np.zeros((len(pairs), 6)), log_vectors(probabilities), "log_probabilities", true)

    test = of([(0, 0)] * 4 + [(1, 1)] * 3 + [(1, 2)] + [(2, 2)] * 2)
    new = of([(0, 0)] * 3 + [(0, 1)] * 2 + [(1, 1)] * 5)
    found = measure_performance(test, new, LABELS)
    assert found["accuracy"]["value"] == 0.8
    assert (found["accuracy"]["low"], found["accuracy"]["high"]) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert found["accuracy_at_deployment"]["value"] == 0.9
    assert found["difference"]["value"] == pytest.approx(-0.1)
    assert found["detectable_drop"] == detectable_drop(9, (10, 10)) < 0.8
    assert measure_performance(test, new, LABELS, alpha=0.05 / 11)["detectable_drop"] == detectable_drop(
        9, (10, 10), alpha=0.05 / 11
    )
    one = measure_performance(test, new.rows(np.arange(10) < 1), LABELS, alpha=0.05 / 11)
    assert one["detectable_drop"] is None, "one product shows nothing"
    assert found["per_class"]["blue"]["new"]["value"] == 0.6
    assert found["per_class"]["red"] == {
        "new": None,
        "at_deployment": pytest.approx(found["per_class"]["red"]["at_deployment"]),
    }
    assert found["confusion"]["counts"] == [[3, 2, 0], [0, 5, 0], [0, 0, 0]]
    assert found["calibration"]["mean_confidence"] == pytest.approx(0.8)
    estimate = estimate_accuracy(test, new, test)
    assert estimate["is_estimate"] is True
    assert estimate["average_confidence"]["value"] == pytest.approx(0.8)
    assert estimate["accuracy_at_deployment"]["n_hits"] == 9


def test_the_threshold_estimate_is_that_of_garg():
    """Two of ten wrong: the threshold is the second lowest confidence, and what lies above it is the estimate."""
    confidence = np.linspace(0.5, 0.95, 10)
    probabilities = np.stack([confidence, (1 - confidence) / 2, (1 - confidence) / 2], axis=1)
    label_ids = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    sample = Sample(probabilities, np.zeros((10, 6)), log_vectors(probabilities), "log_probabilities", label_ids)
    found = estimate_accuracy(sample, sample, sample)["threshold_on_confidence"]
    assert (found["value"], found["threshold"]) == (0.8, pytest.approx(0.55))


@pytest.mark.slow
def test_darker_photos_are_found_and_told_in_both_languages(catalogue, tmp_path):
    rows = np.arange(150)
    reference, test = part(catalogue, rows), part(catalogue, rows[:100])
    new = population(120, seed=5, brightness=-45)
    unlabelled = Sample(new.probabilities, new.measures, new.vectors, "features", np.full(120, NO_LABEL), 2)
    english, french = (
        build_report((reference, unlabelled, test), LABELS, Translator(language), header=HEADER)
        for language in ("en", "fr")
    )
    assert english["verdict"] == "changed"
    assert "brightness" in {one["name"] for one in english["tests"] if one["differs"]}
    told = " ".join(english["sentences"])
    assert "Without labels the accuracy can only be estimated" in told
    assert "more than chance explains, in: brightness" in told
    assert "2 products could not be read" in told
    assert "Label a random sample" in told
    assert "luminosité" in " ".join(french["sentences"])
    assert "Sans étiquettes, l’exactitude ne peut qu’être estimée" in french["sentences"][0]
    assert all({"n_reference", "n_new", "p_value", "p_holm"} <= set(one) for one in english["tests"])
    json.dumps(english, allow_nan=False)
    draw_monitoring(french, (reference, unlabelled), Translator("fr"), tmp_path / "monitor.png")
    with Image.open(tmp_path / "monitor.png") as picture:
        assert picture.width > 1500


@pytest.mark.slow
def test_a_drop_of_accuracy_is_an_alarm_and_a_small_one_is_not(catalogue, tmp_path):
    rows = np.arange(400)
    reference = part(catalogue, rows)
    words = Translator("en")
    worse = population(300, seed=6, wrong=0.75)
    report = build_report((reference, worse, reference), LABELS, words, header=HEADER)
    assert report["verdict"] == "alarm"
    assert "is more than chance" in report["sentences"][0]
    assert "train again with new products" in report["sentences"][-1]
    draw_monitoring(report, (reference, worse), words, tmp_path / "monitor.png")
    same = part(catalogue, np.arange(400, 460))
    report = build_report((reference, same, reference), LABELS, words, header=HEADER)
    assert report["verdict"] == "calm"
    assert "is within chance" in report["sentences"][0]
    assert "With this many products a drop of 22.7 points would be found four times in five." in report["sentences"][0]
    assert "The 60 new products differ from the study’s in none of the 11 respects" in report["sentences"][1]
    better = population(300, seed=7, wrong=0.0)
    report = build_report((worse, better, worse), LABELS, words, header=HEADER)
    assert report["verdict"] == "changed"
    assert "or the network has learned from some of them" in report["sentences"][0]


def test_some_products_may_have_no_label(catalogue):
    new = part(catalogue, np.arange(500, 600))
    new.label_ids[:40] = NO_LABEL
    reference = part(catalogue, np.arange(200))
    report = build_report((reference, new, reference), LABELS, Translator("en"), header=HEADER)
    assert (report["n_new"], report["n_labelled"]) == (100, 60)
    assert report["performance"]["accuracy"]["n"] == 60


@pytest.mark.parametrize(
    ("left_out", "verdict", "told"),
    [
        (
            ["train", "validation", "test"],
            "calm",
            "14 of 74 products are the study’s own (12 train and 2 test). They were",
        ),
        (
            ["train", "validation"],
            "calm",
            "own (12 train and 2 test). Those of train and validation were left out; those",
        ),
        ([], "no_evidence", "14 of 60 products are the study’s own (12 train and 2 test). Without them too few are"),
    ],
)
def test_the_studys_own_photos_are_told_first(catalogue, left_out, verdict, told):
    header = {**HEADER, "own_photos": {"train": 12, "validation": 0, "test": 2}, "own_left_out": left_out}
    reference, new = part(catalogue, np.arange(400)), part(catalogue, np.arange(400, 460))
    report = build_report((reference, new, reference), LABELS, Translator("en"), header=header)
    assert report["verdict"] == verdict
    assert told in report["sentences"][0]
    if verdict == "no_evidence":
        assert "the accuracy of 78.3% is no evidence about new products" in report["sentences"][0]
        assert len(report["sentences"]) == 1


def test_the_interval_of_the_threshold_estimate_holds_the_chance_of_both_samples():
    """At 90 % accuracy the reference of 105 and 1,000 new products move it by about 3.4 points: not by 0.9."""
    rng = np.random.default_rng(4)

    def drawn(n: int, *, right: bool = False) -> Sample:
        confidence = rng.beta(9, 1, size=n)
        probabilities = np.stack([confidence, 1 - confidence], axis=1)
        label_ids = np.zeros(n, dtype=np.int64) if right else (rng.random(n) > confidence).astype(np.int64)
        return Sample(probabilities, np.zeros((n, 6)), log_vectors(probabilities), "log_probabilities", label_ids)

    found = [estimate_accuracy(drawn(105), drawn(1000), drawn(9))["threshold_on_confidence"] for _ in range(15)]
    assert sum(one["low"] <= 0.9 <= one["high"] for one in found) >= 12
    assert 0.10 < np.mean([one["high"] - one["low"] for one in found]) < 0.20
    faultless = estimate_accuracy(drawn(105, right=True), drawn(1000), drawn(9))["threshold_on_confidence"]
    assert (faultless["value"], faultless["high"]) == (1, 1)
    assert faultless["low"] < 0.98, "a reference without a wrong answer is no proof that there is none"


def test_too_few_photos_are_refused(catalogue):
    few = part(catalogue, np.arange(9))
    refused = Sample(few.probabilities, few.measures, few.vectors, "features", few.label_ids, 3, (("truncated", 3),))
    expected = r"at least 10 products that can be read, got 9 \(3 could not be read: 3 truncated\)"
    with pytest.raises(DataError, match=expected):
        build_report((catalogue, refused, catalogue), LABELS, Translator("en"), header=HEADER)


def test_p_values_are_written_as_the_language_does():
    assert write_p(0.0004, Translator("fr")) == "p < 0,001"
    assert write_p(0.02, Translator("en")) == "p = 0.020"


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [False, True])
def test_products_of_the_same_catalogue_raise_an_alarm_at_most_6_times_in_100(catalogue, labelled):
    rng, n = np.random.default_rng(8), 400
    alarms = 0
    for _ in range(n):
        rows = rng.permutation(1000)
        reference, new = part(catalogue, rows[:150]), part(catalogue, rows[150:230], labelled=labelled)
        alarms += any(test["differs"] for test in run_tests(reference, new, part(catalogue, rows[:100])))
    print(f"false alarms: {alarms} of {n}")
    assert alarms / n <= 0.06
