"""What is done about classes of unequal size: weights in the loss, and which training rows an epoch holds."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from bakeoff.core.errors import TrainingError
from bakeoff.core.section import PositiveInt, Section, by_name

NEIGHBOURS = 5
"""Of a row in its class, between which SMOTE and ADASYN make new ones (the papers' and imbalanced-learn's number)."""
ON_FEATURES = ("smote", "adasyn", "tomek")  # they need distances between rows


class WeightsByName(Section):
    """No class weights, or weights by inverse class frequency."""

    name: Literal["none", "balanced"]


class EffectiveNumber(Section):
    """Weights by the inverse effective number of rows, (1 - beta^n) / (1 - beta): from none at 0 to balanced near 1."""

    name: Literal["effective_number"]
    beta: Annotated[float, Field(ge=0, lt=1)] = 0.999


ClassWeightParams = Annotated[WeightsByName | EffectiveNumber, Field(discriminator="name"), BeforeValidator(by_name)]


class Balance(Section):
    """Rows as they are, drawn by inverse class frequency, or cleaned of Tomek links."""

    name: Literal["none", "weighted_sampler", "tomek"]


class BalanceToTarget(Section):
    """Rows repeated, left out or made until every class has the same number of them."""

    name: Literal["oversample", "undersample", "resample", "smote", "adasyn"]
    target_per_class: PositiveInt | None = None
    """Rows of a class; None = those of the largest (undersample: of the smallest; resample: their mean)."""


BalanceParams = Annotated[Balance | BalanceToTarget, Field(discriminator="name"), BeforeValidator(by_name)]


def class_weights(labels: np.ndarray, n_classes: int, params: ClassWeightParams) -> np.ndarray:
    """Return each of K classes' weight in the training loss, (K,) float32: the mean over the training rows is 1.

    `labels` (N,) int64 are these rows' classes; a class without rows gets 1. `effective_number` is equation 2 of Cui et
    al. 2019, arXiv:1901.05555, normalised over rows instead of classes.
    """
    weights = np.ones(n_classes)
    if params.name != "none" and len(labels):
        present, counts = np.unique(labels, return_counts=True)
        sizes = 1 - params.beta**counts if isinstance(params, EffectiveNumber) else counts
        weights[present] = len(labels) / (counts / sizes).sum() / sizes
    return weights.astype(np.float32)


def class_targets(labels: np.ndarray, params: BalanceParams) -> dict[int, int]:
    """Return how many rows each class of `labels` (N,) is to have.

    One that has enough, or for `undersample` few enough, keeps its; for `resample` none does.
    """
    classes, counts = np.unique(labels, return_counts=True)
    if isinstance(params, BalanceToTarget) and len(labels):
        default = {"undersample": counts.min(), "resample": round(counts.mean())}.get(params.name, counts.max())
        target = params.target_per_class or default
        if params.name != "undersample":
            counts = counts.clip(min=target)
        if params.name in ("undersample", "resample"):
            counts = counts.clip(max=target)
    return dict(zip(classes.tolist(), counts.tolist(), strict=True))


def check_class_sizes(params: BalanceParams, train_labels: np.ndarray, names: Sequence[str]) -> None:
    """Raise a TrainingError where SMOTE or ADASYN is to make rows of a class with too few in `train_labels` (N,)."""
    if params.name not in ON_FEATURES:
        return
    targets, counts = class_targets(train_labels, params), np.bincount(train_labels)
    if len(targets) == 1:
        raise TrainingError(f"balance is {params.name}, but all train rows are of one class; set balance: none.")
    for label, target in targets.items():
        if counts[label] < min(target, NEIGHBOURS + 1):
            raise TrainingError(
                f"balance is {params.name}, which needs {NEIGHBOURS + 1} train rows of a class to make new ones, but "
                f"class {names[label]!r} has {counts[label]}; choose oversample, or raise dataset.min_class_size."
            )
