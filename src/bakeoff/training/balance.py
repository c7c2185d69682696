"""Which training rows an epoch holds and in which order, and new or fewer rows of cached features."""

import numpy as np
import torch

from bakeoff.core.errors import TrainingError
from bakeoff.core.seeding import derive_seed
from bakeoff.learning.balance import NEIGHBOURS, BalanceParams, class_targets


def epoch_rows(labels: np.ndarray, seed: int, epoch: int, params: BalanceParams) -> np.ndarray:
    """Return the row numbers of one epoch in its order, int64: as many in every epoch, the same after every resume.

    Of `labels` (N,) int64, the training rows' classes, every row comes once; for `weighted_sampler` N are drawn with
    replacement, each class as likely as any other. `oversample` repeats a class's rows equally often, but for one time;
    `undersample` takes other rows in every epoch; `resample` does both. Balances of features have been made before.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "order", epoch))
    if params.name == "weighted_sampler" and len(labels):
        chances = torch.from_numpy(1 / np.bincount(labels)[labels])
        return torch.multinomial(chances, len(labels), replacement=True, generator=generator).numpy()
    order = torch.randperm(len(labels), generator=generator).numpy()
    if params.name not in ("oversample", "undersample", "resample"):
        return order
    parts = [np.resize(order[labels[order] == label], n) for label, n in class_targets(labels, params).items()]
    rows = np.concatenate([order[:0], *parts])
    return rows[torch.randperm(len(rows), generator=generator).numpy()]


def resample_features(
    features: np.ndarray, labels: np.ndarray, weights: np.ndarray, params: BalanceParams, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the training rows with SMOTE's or ADASYN's new ones, or without those of Tomek links; else as given.

    A Tomek link is a pair of rows of two classes, each the other's nearest neighbour: a row of one goes unless it is of
    the smallest class, or all of its class would go.

    Features are (N, D) float32, labels (N,) int64, weights (N,) float32, of the train split alone; they come back with
    each row's number among those given, (M,) int64. Synthetic rows come last, weigh 1 and have number -1: no product
    stands behind them. Call `check_class_sizes` first; a TrainingError where ADASYN finds no other class near a class.

    Source:
        SMOTE: Chawla et al. 2002, doi:10.1613/jair.953. ADASYN (about as many rows as asked): He et al. 2008,
        doi:10.1109/IJCNN.2008.4633969. Tomek 1976, doi:10.1109/TSMC.1976.4309452.
    """
    rows, made, made_labels = np.arange(len(labels)), features[:0], labels[:0]
    if params.name == "tomek":
        rows = _without_tomek_links(features, labels)
    elif params.name in ("smote", "adasyn"):
        made, made_labels = _synthetic(features, labels, params, derive_seed(seed, "balance") % 2**32)
    return (
        np.concatenate([features[rows], made]),
        np.concatenate([labels[rows], made_labels]),
        np.concatenate([weights[rows], np.ones(len(made), np.float32)]),
        np.concatenate([rows, np.full(len(made), -1)]),
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
    """Return new rows (M, D) float32 and their classes (M,) int64, class by class: ADASYN fails for one of them."""
    from imblearn.over_sampling import ADASYN, SMOTE

    made, made_labels = [features[:0]], [labels[:0]]
    for label, target in class_targets(labels, params).items():
        sampler = SMOTE(k_neighbors=NEIGHBOURS) if params.name == "smote" else ADASYN(n_neighbors=NEIGHBOURS)
        sampler.set_params(sampling_strategy={label: target}, random_state=random_state)
        try:
            made.append(np.asarray(sampler.fit_resample(features, labels)[0])[len(labels) :])
            made_labels.append(np.full(len(made[-1]), label))
        except RuntimeError:
            raise TrainingError(
                f"balance is adasyn, which makes rows where other classes are near, but around class number {label} "
                f"the {NEIGHBOURS} nearest rows are all of its own; set balance: smote."
            ) from None
        except ValueError as error:  # shares of so few rows that all round to none
            if "No samples will be generated" not in str(error):
                raise
    return np.concatenate(made), np.concatenate(made_labels)
