"""Which training rows an epoch holds and in which order, and new or fewer rows of cached features."""

from typing import NamedTuple

import numpy as np
import torch

from bakeoff.core.errors import TrainingError
from bakeoff.core.seeding import derive_seed
from bakeoff.learning.balance import NEIGHBOURS, ON_FEATURES, BalanceParams, class_targets


class Resampled(NamedTuple):
    """Training rows after SMOTE, ADASYN or Tomek links."""

    features: np.ndarray
    """(M, D) float32: the rows given, or those left of them, in their order, then the synthetic ones."""
    labels: np.ndarray
    """(M,) int64."""
    weights: np.ndarray
    """(M,) float32; 1 where synthetic."""
    rows: np.ndarray
    """(M,) int64, the number of the row given; -1 where synthetic: no product stands behind it."""


def epoch_rows(labels: np.ndarray, seed: int, epoch: int, params: BalanceParams) -> np.ndarray:
    """Return the row numbers of one epoch in its order, int64: as many in every epoch, the same after every resume.

    Every row once; for `weighted_sampler` N draws with replacement, each class as likely as any other. `oversample`
    repeats every row of a class equally often, but for one; `undersample` takes other rows in every epoch. What is
    done to cached features is over before: there every row comes once.

    Args:
        labels: (N,) int64, the training rows' classes.
        seed: the training's.
        epoch: from 1.
        params: section `balance`.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    if params.name == "weighted_sampler" and len(labels):
        chances = torch.from_numpy(1 / np.bincount(labels)[labels])
        return torch.multinomial(chances, len(labels), replacement=True, generator=generator).numpy()
    order = torch.randperm(len(labels), generator=generator).numpy()
    if params.name not in ("oversample", "undersample"):
        return order
    targets = class_targets(labels, params)
    chosen = [np.resize(order[labels[order] == label], target) for label, target in targets.items()]
    rows = np.concatenate([order[:0], *chosen])
    return rows[torch.randperm(len(rows), generator=generator).numpy()]


def resample_features(
    features: np.ndarray, labels: np.ndarray, weights: np.ndarray, params: BalanceParams, seed: int
) -> Resampled:
    """Return the training rows with SMOTE's or ADASYN's new ones, or without those in Tomek links; else as given.

    A Tomek link is a pair of rows of two classes, each the other's nearest neighbour; of the two goes the one that is
    not of the smallest class, unless it is the last of its class.

    Args:
        features: (N, D) float32, of the train split alone.
        labels: (N,) int64.
        weights: (N,) float32.
        params: section `balance`; `learning.balance.check_class_sizes` has passed it.
        seed: the training's.

    Raises:
        TrainingError: ADASYN finds no row of another class near a class.

    Source:
        SMOTE: Chawla et al. 2002, doi:10.1613/jair.953. ADASYN: He et al. 2008, doi:10.1109/IJCNN.2008.4633969; it
        makes about as many rows as asked. Tomek 1976, doi:10.1109/TSMC.1976.4309452.
    """
    rows = np.arange(len(labels))
    if params.name == "tomek":
        rows = _without_tomek_links(features, labels)
    given = Resampled(features[rows], labels[rows], weights[rows], rows)
    if params.name not in ON_FEATURES or params.name == "tomek":
        return given
    made, made_labels = _synthetic(features, labels, params, derive_seed(seed, params.name) % 2**32)
    return Resampled(
        np.concatenate([given.features, made]),
        np.concatenate([given.labels, made_labels]),
        np.concatenate([given.weights, np.ones(len(made), np.float32)]),
        np.concatenate([given.rows, np.full(len(made), -1)]),
    )


def _without_tomek_links(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from imblearn.under_sampling import TomekLinks

    links = TomekLinks()
    links.fit_resample(features, labels)
    gone = np.setdiff1d(labels, labels[links.sample_indices_])
    return np.union1d(links.sample_indices_, np.flatnonzero(np.isin(labels, gone)))


def _synthetic(
    features: np.ndarray, labels: np.ndarray, params: BalanceParams, random_state: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return new rows (M, D) float32 and their classes (M,) int64, class by class: ADASYN fails for one at a time."""
    from imblearn.over_sampling import ADASYN, SMOTE

    new, new_labels = [features[:0]], [labels[:0]]
    targets = class_targets(labels, params)
    for part in [targets] if params.name == "smote" else [{label: target} for label, target in targets.items()]:
        if params.name == "smote":
            sampler = SMOTE(sampling_strategy=part, k_neighbors=NEIGHBOURS, random_state=random_state)
        else:
            sampler = ADASYN(sampling_strategy=part, n_neighbors=NEIGHBOURS, random_state=random_state)
        try:
            all_rows, all_labels = sampler.fit_resample(features, labels)
        except RuntimeError as error:
            raise TrainingError(
                f"balance is adasyn, which makes rows where other classes are near, but all neighbours of class number "
                f"{next(iter(part))} are of its own ({error}); set balance: smote."
            ) from None
        except ValueError as error:
            if "No samples will be generated" not in str(error):
                raise
            continue  # ADASYN's shares of so few rows all round to none
        new.append(all_rows[len(labels) :])
        new_labels.append(all_labels[len(labels) :])
    return np.concatenate(new), np.concatenate(new_labels)
