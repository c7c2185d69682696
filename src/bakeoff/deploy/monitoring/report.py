"""Everything about one set of new products as one record; arrays in, no file read."""

from typing import Any

import numpy as np

from bakeoff.core.errors import DataError
from bakeoff.core.translation import Translator
from bakeoff.deploy.monitoring.family import ALPHA, run_tests
from bakeoff.deploy.monitoring.performance import estimate_accuracy, measure_performance
from bakeoff.deploy.monitoring.sample import Sample
from bakeoff.deploy.monitoring.verdict import settle_verdict, write_sentences

MIN_NEW = 10
"""Fewer new photos say nothing."""


def build_report(
    samples: tuple[Sample, Sample, Sample], labels: list[str], t: Translator, *, header: dict[str, Any]
) -> dict[str, Any]:
    """Return the record that monitoring.json holds, after a header: candidate, name, where the products came from.

    The samples are the reference, the new products, and the test split alone; the labels the K class names.

    Raises:
        DataError: fewer than MIN_NEW new photos could be read.
    """
    reference, new, test_split = samples
    if len(new) < MIN_NEW:
        reasons = ", ".join(f"{n} {reason}" for reason, n in new.reasons)
        left_out = f" ({new.n_refused} could not be read: {reasons})" if new.n_refused else ""
        raise DataError(f"monitoring needs at least {MIN_NEW} photos that can be read, got {len(new)}{left_out}.")
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
        "class_shares": _shares(reference, new, labels),
        "performance": measure_performance(test_split, labelled, labels, alpha=alpha) if len(labelled) else None,
        "estimated_accuracy": estimate_accuracy(reference, new, test_split),
    }
    return report | {"sentences": write_sentences(report, t)}


def _shares(reference: Sample, new: Sample, labels: list[str]) -> dict[str, dict[str, float]]:
    """Return each class's share among the predicted, in both samples."""
    counts = [np.bincount(sample.predicted, minlength=len(labels)) / len(sample) for sample in (reference, new)]
    return {
        label: {"reference": float(before), "new": float(now)}
        for label, before, now in zip(labels, *counts, strict=True)
    }
