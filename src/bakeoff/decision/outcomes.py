"""What each candidate says of each test product: the material of every paired test and of the resampling."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.data.predictions import read_predictions
from bakeoff.evaluation.calibration import apply_temperature
from bakeoff.statistics.groups import group_sizes

if TYPE_CHECKING:
    from bakeoff.decision.collect import Evaluated


@dataclass(frozen=True)
class TestOutcomes:
    """One training on the test split, products in the order of their ids."""

    __test__ = False

    product_ids: tuple[str, ...]
    label_ids: np.ndarray
    """(N,) int64, the true classes."""
    probabilities: np.ndarray
    """(N, K) float32, rows sum to 1."""
    labels: tuple[str, ...]

    @cached_property
    def predicted(self) -> np.ndarray:
        """(N,) int64, the most probable class; the lower index wins a tie."""
        return self.probabilities.argmax(axis=1).astype(np.int64)

    @property
    def accuracy(self) -> float:
        """Share of right ones."""
        return float((self.predicted == self.label_ids).mean())

    @cached_property
    def identity(self) -> str:
        """Digest of products, true classes and labels, order included: only equal ones may be paired."""
        text = "\n".join([*self.labels, "", *self.product_ids])
        return hashlib.sha256(text.encode() + self.label_ids.astype("<i8").tobytes()).hexdigest()


@dataclass(frozen=True)
class Outcomes:
    """All candidates on the same N test products, S trainings (seeds) each."""

    label_ids: np.ndarray
    """(N,) int64."""
    n_labels: int
    predicted: Mapping[str, np.ndarray]
    """candidate to (S, N) int64."""
    probabilities: Mapping[str, Sequence[np.ndarray]]
    """candidate to S arrays (N, K) float32."""
    automated: Mapping[str, np.ndarray] = field(default_factory=dict)
    """candidate to (S, N) bool, whether its calibrated confidence reaches the threshold of `automation`."""
    groups: np.ndarray | None = None
    """(N,) int64, products that show one photo have one number; None where no two do."""

    @property
    def n(self) -> int:
        """Number of test products."""
        return len(self.label_ids)

    @property
    def n_effective(self) -> float:
        """How many independent products they are worth (`bakeoff.statistics.groups`)."""
        return self.n / float(group_sizes(self.groups, self.n).mean())

    def correct(self, candidate: str) -> np.ndarray:
        """Return (S, N) bool: whether each training is right on each product."""
        return self.predicted[candidate] == self.label_ids


def read_test_outcomes(path: Path) -> TestOutcomes:
    """Return the test split of a predictions.parquet, checked.

    Raises:
        EvaluationError: no predictions file, NaN, rows that do not sum to 1, a product twice, or no test product.
    """
    predictions = read_predictions(path)
    inside = (predictions.products["split"] == "test").to_numpy()
    product_ids = predictions.products["product_id"].to_numpy()[inside].astype(str)
    if not len(product_ids):
        raise EvaluationError(f"{path} holds no test product; run the evaluate stage again.")
    order = np.argsort(product_ids, kind="stable")
    label_ids, probabilities = predictions.split("test")
    ordered = tuple(product_ids[order].tolist())
    return TestOutcomes(ordered, label_ids[order].astype(np.int64), probabilities[order], tuple(predictions.labels))


def outcomes_of(done: Sequence[Evaluated], groups: Mapping[str, int] | None = None) -> Outcomes:
    """Return the outcomes of trainings that `collect` accepts; `groups`: product ids to groups that show one photo."""
    found: dict[str, list[Evaluated]] = {}
    for one in done:
        found.setdefault(one.candidate.name, []).append(one)
    first = done[0].test
    return Outcomes(
        label_ids=first.label_ids,
        n_labels=len(first.labels),
        predicted={name: np.stack([one.test.predicted for one in each]) for name, each in found.items()},
        probabilities={name: [one.test.probabilities for one in each] for name, each in found.items()},
        groups=_shared(first.product_ids, groups or {}),
        automated={name: np.stack([_classified_alone(one) for one in each]) for name, each in found.items()},
    )


def _shared(product_ids: Sequence[str], groups: Mapping[str, int]) -> np.ndarray | None:
    """Return (N,) group numbers, None where no two products share one."""
    alone = -1 - np.arange(len(product_ids))
    found = np.array([groups.get(name, number) for name, number in zip(product_ids, alone, strict=True)])
    return found if len(np.unique(found)) < len(found) else None


def _classified_alone(one: Evaluated) -> np.ndarray:
    """Return (N,) bool: whether the calibrated confidence reaches the threshold of `automation`."""
    automation, temperature = one.calibration.automation, one.calibration.temperature
    if automation.threshold is None or automation.refuted:
        return np.zeros(len(one.test.label_ids), dtype=bool)
    return apply_temperature(one.test.probabilities, temperature).max(axis=1) >= automation.threshold


def seed_spread(correct: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Return choice.json's `seeds` from each candidate's (S, N) bool; one with a single training has no entry.

    These are the mean accuracy (share) and standard deviations of one training's accuracy (shares; null for a single
    product): `sd_seeds` is what another seed changes on these products, `sd_data` what other test products change. Each
    holds what is new with every seed and product, so their squares add up to more than the whole.

    Source:
        S. R. Searle, G. Casella and C. E. McCulloch, Variance Components (1992), section 4.5.
    """
    return {
        candidate: {
            "n_seeds": len(hits),
            "mean": float(hits.mean()),
            "sd_seeds": float(hits.mean(axis=1).std(ddof=1)),
            "sd_data": (float(hits.var(axis=1, ddof=1).mean()) / hits.shape[1]) ** 0.5 if hits.shape[1] > 1 else None,
        }
        for candidate, hits in correct.items()
        if len(hits) > 1
    }
