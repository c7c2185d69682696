"""One record of a set of new products, from arrays, with a family of tests that are corrected together after Holm."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.core.errors import DataError
from bakeoff.core.translation import Translator
from bakeoff.deploy.monitoring.performance import count_reference, estimate_accuracy, measure_performance
from bakeoff.deploy.monitoring.sample import Sample
from bakeoff.deploy.monitoring.verdict import settle_verdict, write_sentences
from bakeoff.statistics import two_sample
from bakeoff.statistics.paired import holm

ALPHA = 0.05  # how often the whole family may raise an alarm on products that are like the study's
MIN_NEW = 10  # fewer new products say nothing
Record = dict[str, Any]


def build_report(
    samples: tuple[Sample, Sample, Sample], labels: list[str], t: Translator, *, header: dict[str, Any]
) -> dict[str, Any]:
    """Return what monitoring.json holds after a header; a DataError where fewer than MIN_NEW products could be read.

    The samples are the reference, the new products, and the test split alone; the labels the K class names.
    """
    reference, new, test_split = samples
    if len(new) < MIN_NEW:
        reasons = ", ".join(f"{n} {reason}" for reason, n in new.reasons)
        left_out = f" ({new.n_refused} could not be read: {reasons})" if new.n_refused else ""
        raise DataError(f"monitoring needs at least {MIN_NEW} products that can be read, got {len(new)}{left_out}.")
    labelled = new.rows(new.labelled)
    tests = run_tests(reference, new, test_split)
    alpha = ALPHA / len(tests)  # what the smallest of Holm's p-values is held against
    report: dict[str, Any] = {
        **header,
        "language": t.language,
        "n_new": len(new),
        "n_labelled": len(labelled),
        "n_refused": new.n_refused,
        "refused": dict(new.reasons),
        "n_reference": len(reference),
        "n_test": len(test_split),
        "alpha": ALPHA,
        "correction": "holm",
        "verdict": "no_evidence" if header.get("own_left_out") == [] else settle_verdict(tests),
        "tests": tests,
        "class_shares": _shares((reference.predicted, new.predicted), labels),
        "performance": measure_performance(test_split, labelled, labels, alpha=alpha) if len(labelled) else None,
        "estimated_accuracy": estimate_accuracy(reference, new, test_split),
    }
    return report | {"sentences": write_sentences(report, t)}


def run_tests(reference: Sample, new: Sample, test_split: Sample, *, seed: int = 0) -> list[Record]:
    """Return every test's record, the p-values corrected after Holm; the network did not learn from `reference`."""
    features = {"name": "features", "kind": "features", "test": "mmd_permutation", "vectors": reference.vector_kind}
    features |= {"n_reference": len(reference.vectors), "n_new": len(new.vectors)}
    features |= vars(two_sample.mmd_test(reference.vectors, new.vectors, seed=seed))
    pairs = {
        name: (reference.measures[:, place], new.measures[:, place]) for place, name in enumerate(reference.measured)
    }
    records = [
        _record(name, "input", "kolmogorov_smirnov", two_sample.kolmogorov_smirnov(*two), two)
        for name, two in pairs.items()
    ]
    records += [*_texts(reference, new, seed), features, *_predictions(reference, new, seed)]
    if new.labelled.any():
        records += _performance(test_split, new.rows(new.labelled), seed)
    adjusted = holm(np.array([record["p_value"] for record in records]))
    for record, p_holm in zip(records, adjusted, strict=True):
        record |= {"p_holm": float(p_holm), "differs": bool(p_holm < ALPHA)}
    return records


def _texts(reference: Sample, new: Sample, seed: int) -> Iterator[Record]:
    """Yield what is tested of texts beside their measures; nothing where none are read."""
    if reference.languages is None or new.languages is None or not (reference.without_text and new.without_text):
        return
    names = np.unique(np.concatenate([reference.languages, new.languages]))
    pair = (np.searchsorted(names, reference.languages), np.searchsorted(names, new.languages))
    found = two_sample.shares_test(*pair, len(names), seed=seed)
    record = _record("languages", "input", "chi_square_permutation", found, pair)
    yield {**record, "reference": None, "new": None, "shares": _shares(pair, names.tolist())}
    (hits, n), (hits_new, n_new) = reference.without_text, new.without_text
    change = two_sample.difference_of_shares((hits, hits_new), (n, n_new))
    pair = (np.arange(n) < hits, np.arange(n_new) < hits_new)
    yield _record("no_text", "input", "fisher_exact", two_sample.TwoSample(change.difference, change.p_value), pair)


def _predictions(reference: Sample, new: Sample, seed: int) -> Iterator[Record]:
    n_labels = reference.probabilities.shape[1]
    pair = (reference.predicted, new.predicted)
    shares = two_sample.shares_test(*pair, n_labels, seed=seed)
    yield {
        **_record("class_shares", "prediction", "chi_square_permutation", shares, pair),
        "reference": None,
        "new": None,
        "population_stability": two_sample.population_stability(*pair, n_labels),
    }
    pair = (reference.confidence, new.confidence)
    yield _record("confidence", "prediction", "kolmogorov_smirnov", two_sample.kolmogorov_smirnov(*pair), pair)


def _performance(test_split: Sample, new: Sample, seed: int) -> Iterator[Record]:
    first, second = (sample.predicted == sample.label_ids for sample in (test_split, new))
    hits, n = count_reference(test_split)
    found = two_sample.difference_of_shares((hits, int(second.sum())), (n, len(second)))
    change = two_sample.TwoSample(found.difference, found.p_value)
    record = _record("accuracy", "performance", "fisher_exact", change, (first, second))
    yield {**record, "reference": hits / n, "n_reference": n, "low": found.low, "high": found.high}
    shift = two_sample.calibration_shift((test_split.confidence, first), (new.confidence, second), seed=seed)
    pair = (test_split.confidence - first, new.confidence - second)
    yield _record("calibration", "performance", "calibration_permutation", shift, pair)


def _shares(pair: tuple[np.ndarray, np.ndarray], names: list[str]) -> Record:
    """Return each name's share among the indices of both samples."""
    parts = zip(("reference", "new"), pair, strict=True)
    shares = {side: np.bincount(found, minlength=len(names)) / len(found) for side, found in parts}
    return pd.DataFrame(shares, index=names).to_dict("index")


def _record(
    name: str, kind: str, test: str, found: two_sample.TwoSample, pair: tuple[np.ndarray, np.ndarray]
) -> Record:
    """Return a test's record with size and mean of both samples."""
    first, second = pair
    return {
        "name": name,
        "kind": kind,
        "test": test,
        **vars(found),
        "n_reference": len(first),
        "n_new": len(second),
        "reference": float(np.mean(first)),
        "new": float(np.mean(second)),
    }
