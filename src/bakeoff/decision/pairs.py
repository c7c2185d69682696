"""What two candidates gain and lose by answering as one, on the same test products."""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from bakeoff.core.section import Section
from bakeoff.decision.outcomes import Outcomes
from bakeoff.records.candidate import Candidate
from bakeoff.statistics.matrix import Margins, count_confusions, f1
from bakeoff.statistics.paired import holm, mcnemar, paired_class_f1, paired_difference

Array = np.ndarray
MAX_CONFUSIONS = 12


class ClassChange(Section):
    """A class's F1 by the better side and by the pair; low and high are the ends of the difference's 95 % interval."""

    label_id: int
    n: int
    before: float
    after: float
    low: float
    high: float
    verdict: Literal["gains", "loses", "undecided"]


class ConfusionChange(Section):
    """Products of class `true` that the better side and the pair take for class `predicted`, mean over the seeds."""

    true: int
    predicted: int
    before: float
    after: float


class PairGain(Section):
    """The pair against the better side, which these test products choose: what it gains is too low, if anything."""

    candidate: str
    first: str
    second: str
    better: str
    n_seeds: int
    accuracy_first: float
    accuracy_second: float
    accuracy: float
    accuracy_oracle: float
    """Share of products that at least one side gets right."""
    error_correlation: float | None
    """Phi of the sides' mistakes; None where one is always right, or always wrong."""
    difference: float
    """Accuracy of the pair less that of the better side, with its 95 % interval."""
    low: float
    high: float
    b: int
    """Products that the pair alone gets right; c: the better side alone."""
    c: int
    p_value: float
    """Of McNemar's test; p_holm is adjusted for all pairs together."""
    p_holm: float = 1.0
    test: str
    classes: list[ClassChange]
    """Those that occur, the one that gains most first."""
    removed: list[ConfusionChange]
    """The largest first."""
    added: list[ConfusionChange]


def pair_gains(outcomes: Outcomes, *, n_resamples: int) -> list[PairGain]:
    """Return how each pair compares with its sides, where all three have results of equally many seeds."""
    known = outcomes.predicted
    names = {name: tuple(side.name for side in Candidate(name).sides) for name in known}
    found = [
        _gain(name, sides, outcomes, n_resamples)
        for name, sides in names.items()
        if sides and all(len(known.get(side, ())) == len(known[name]) for side in sides)
    ]
    adjusted = holm(np.array([one.p_value for one in found]))
    return [one.model_copy(update={"p_holm": p}) for one, p in zip(found, adjusted, strict=True)]


def _gain(name: str, sides: tuple[str, ...], outcomes: Outcomes, n_resamples: int) -> PairGain:
    predicted = np.stack([outcomes.predicted[one] for one in (*sides, name)])
    right = predicted == outcomes.label_ids
    shares = right.mean(axis=(1, 2)).tolist()
    place = int(shares[1] > shares[0])
    given = {"groups": outcomes.groups, "n_resamples": n_resamples}
    difference, interval = paired_difference(right[2], right[place], **given)
    removed, added = _confusions(outcomes, predicted[place], predicted[2])
    flat = right[:2].reshape(2, -1)
    varies = (flat.min(axis=1) < flat.max(axis=1)).all()
    return PairGain(
        candidate=name,
        first=sides[0],
        second=sides[1],
        better=sides[place],
        n_seeds=predicted.shape[1],
        accuracy_first=shares[0],
        accuracy_second=shares[1],
        accuracy=shares[2],
        accuracy_oracle=float(right[:2].any(axis=0).mean()),
        error_correlation=float(np.corrcoef(flat)[0, 1]) if varies else None,
        difference=difference,
        low=interval.low,
        high=interval.high,
        **mcnemar(right[2], right[place], groups=outcomes.groups)._asdict(),
        classes=_classes(outcomes, predicted[place], predicted[2], n_resamples),
        removed=removed,
        added=added,
    )


def _counts(outcomes: Outcomes, predicted: Iterable[Array]) -> Array:
    """Return (K, K) float64 confusions, mean over the seeds."""
    return np.mean([count_confusions(outcomes.label_ids, one, outcomes.n_labels) for one in predicted], axis=0)


def _classes(outcomes: Outcomes, before: Array, after: Array, n_resamples: int) -> list[ClassChange]:
    label_ids, n_labels = outcomes.label_ids, outcomes.n_labels
    given = {"groups": outcomes.groups, "n_resamples": n_resamples}
    scores = [f1(Margins.of(_counts(outcomes, one)))[0] for one in (before, after)]
    changes = paired_class_f1(label_ids, after, before, n_labels, **given)
    found = [
        ClassChange(
            label_id=label,
            n=int((label_ids == label).sum()),
            before=float(scores[0][label]),
            after=float(scores[1][label]),
            low=change.low,
            high=change.high,
            verdict="gains" if change.low > 0 else "loses" if change.high < 0 else "undecided",
        )
        for label, change in changes.items()
    ]
    return sorted(found, key=lambda one: one.before - one.after)


def _confusions(outcomes: Outcomes, before: Array, after: Array) -> list[list[ConfusionChange]]:
    """Return the confusions that became rarer, and those that became more frequent."""
    counts = np.stack([_counts(outcomes, one) for one in (before, after)])
    n_labels = outcomes.n_labels
    change = (counts[1] - counts[0]) * (1 - np.eye(n_labels))
    found: list[list[ConfusionChange]] = []
    for signed in (change, -change):
        cells = np.argsort(signed, axis=None, kind="stable")[:MAX_CONFUSIONS]
        places = [divmod(int(cell), n_labels) for cell in cells if signed.flat[cell] < 0]
        found.append(
            [
                ConfusionChange(true=i, predicted=j, before=float(counts[0, i, j]), after=float(counts[1, i, j]))
                for i, j in places
            ]
        )
    return found
