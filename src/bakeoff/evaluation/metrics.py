"""How good a candidate is, and how surely, from its probabilities alone; train, validation and test side by side.

Undefined is None, by three rules: a class's precision, recall or F1 is None where its denominator is 0 (means run
over the classes that occur among the true or the predicted ones and count it as 0, as scikit-learn's); Matthews, kappa,
ROC-AUC and PR-AUC are None where a split holds products of one class alone; top-k exists only where K > k.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.data.predictions import Predictions
from bakeoff.data.table import SPLITS
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.evaluation.reliability import calibration_error_interval, expected_calibration_error
from bakeoff.statistics import auc
from bakeoff.statistics.bootstrap import bounds_of, confusion_intervals, mean_interval, per_class_intervals
from bakeoff.statistics.groups import class_copies, group_sizes, macro_copies, widen
from bakeoff.statistics.interval import Interval, wilson
from bakeoff.statistics.matrix import METRICS, Margins, count_confusions

UNDEFINED: Any = 0
"""scikit-learn's `zero_division` in means and in its text report; `Any`: its stubs say str."""
NEEDS_TWO_CLASSES = ("matthews", "cohen_kappa", "roc_auc", "pr_auc")
MAX_GAP = 0.1
N_STEPS = 6
"""Calls of `advance` by `metric_intervals`."""
_LEAST = np.finfo(np.float64).eps


def predicted_classes(probabilities: np.ndarray) -> np.ndarray:
    """Return the most probable class of each row, (N,) int64; the lower index wins a tie."""
    return probabilities.argmax(axis=1).astype(np.int64)


def exact_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Return (N, K) float64 rows that sum to 1 as closely as float64 can."""
    exact = probabilities.astype(np.float64)
    return exact / exact.sum(axis=1, keepdims=True)


def log_losses(label_ids: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return (N,) -ln p(true class), p at least float64's epsilon, as scikit-learn's."""
    return -np.log(np.clip(exact[np.arange(len(label_ids)), label_ids], _LEAST, 1.0))


def brier_scores(label_ids: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return (N,) sums over classes of squared errors, 0 to 2.

    Source:
        G. W. Brier, Mon. Weather Rev. 78 (1950) 1-3, DOI 10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """
    own = exact[np.arange(len(label_ids)), label_ids]
    return (exact**2).sum(axis=1) - own**2 + (1 - own) ** 2


def top_k_hits(label_ids: np.ndarray, probabilities: np.ndarray, k: int) -> np.ndarray:
    """Return (N,) bool: the true class is among the k most probable; the lower index wins a tie, as for the first."""
    own = probabilities[np.arange(len(label_ids)), label_ids][:, None]
    earlier = np.arange(probabilities.shape[1])[None, :] < label_ids[:, None]
    ahead = (probabilities > own) | ((probabilities == own) & earlier)
    return ahead.sum(axis=1) < k


def areas(label_ids: np.ndarray, exact: np.ndarray) -> dict[int, tuple[float, float]]:
    """Return ROC-AUC and average precision, one class against the rest, of each class that occurs; {} if one alone."""
    present = np.unique(label_ids)
    if len(present) < 2:
        return {}
    found = {}
    for label in present.tolist():
        positive, scores = label_ids == label, exact[:, label]
        found[label] = auc.roc_auc(scores, positive), auc.average_precision_influence(scores, positive)[0]
    return found


def split_metrics(
    label_ids: np.ndarray, probabilities: np.ndarray, *, top_k: Sequence[int] = (), n_bins: int = 15
) -> dict[str, Any]:
    """Return every scalar metric of one split, None where undefined (see the module).

    From true classes (N,) int64 below K and probabilities (N, K) float32, rows sum to 1; `top_k` are the k of
    `top_<k>_accuracy`, `n_bins` the equal-width bins of `ece`.

    Raises:
        EvaluationError: the split is empty.
    """
    if len(label_ids) == 0:
        raise EvaluationError(
            "a split without products has no metrics; check `split` in params.yaml and run `dvc repro`."
        )
    n_labels, exact = probabilities.shape[1], exact_probabilities(probabilities)
    predicted = predicted_classes(probabilities)
    margins = Margins.of(count_confusions(label_ids, predicted, n_labels))
    values: dict[str, Any] = {"n": len(label_ids)}
    values |= {name: float(metric(margins)[0]) for name, metric in METRICS.items()}
    hits = {k: top_k_hits(label_ids, probabilities, k) for k in top_k if n_labels > k}
    values |= {f"top_{k}_accuracy": float(inside.mean()) for k, inside in hits.items()}
    values["log_loss"] = float(log_losses(label_ids, exact).mean())
    values["brier"] = float(brier_scores(label_ids, exact).mean())
    of_classes = list(areas(label_ids, exact).values())
    values["roc_auc"], values["pr_auc"] = np.mean(of_classes, axis=0).tolist() if of_classes else (None, None)
    values["ece"] = expected_calibration_error(exact.max(axis=1), predicted == label_ids, n_bins=n_bins)
    if len(of_classes) == 0:
        values |= dict.fromkeys(NEEDS_TWO_CLASSES)
    return values


def per_class_metrics(
    label_ids: np.ndarray, probabilities: np.ndarray, labels: list[str], groups: np.ndarray | None = None
) -> dict[str, dict[str, float | int | None]]:
    """Return precision, recall and f1 with their ends, support, roc_auc and average_precision of each of the K labels.

    None where undefined. `groups` (N,) are of products that belong together (`bakeoff.statistics.groups`).
    """
    counts = count_confusions(label_ids, predicted_classes(probabilities), len(labels))
    right, true, predicted = np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0)
    curves = areas(label_ids, exact_probabilities(probabilities))
    ends = per_class_intervals(counts, class_copies(group_sizes(groups, len(label_ids)), label_ids, len(labels)))
    found: dict[str, dict[str, float | int | None]] = {}
    for number, label in enumerate(labels):
        roc_auc, average_precision = curves.get(number, (None, None))
        found[label] = {
            "precision": _share(right[number], predicted[number]),
            "recall": _share(right[number], true[number]),
            "f1": _share(2 * right[number], true[number] + predicted[number]),
            "support": int(true[number]),
            "roc_auc": roc_auc,
            "average_precision": average_precision,
        }
        for name, (low, high) in ends.items():
            defined = found[label][name] is not None
            found[label][f"{name}_low"] = float(low[number]) if defined else None
            found[label][f"{name}_high"] = float(high[number]) if defined else None
    return found


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def all_split_metrics(predictions: Predictions, *, top_k: Sequence[int], n_bins: int) -> dict[str, dict[str, Any]]:
    """Return each split's metrics and mean training loss, as `splits` of metrics.json."""
    losses = predictions.mean_losses()
    return {
        name: split_metrics(*predictions.split(name), top_k=top_k, n_bins=n_bins) | {"training_loss": losses[name]}
        for name in SPLITS
    }


def metric_intervals(
    label_ids: np.ndarray,
    probabilities: np.ndarray,
    *,
    params: EvaluateParams,
    metrics: Mapping[str, Any],
    groups: np.ndarray | None = None,
    advance: Callable[[], object] = lambda: None,
) -> dict[str, dict[str, Any]]:
    """Return the 95 % interval of each metric that is defined: low, high, level, method and n_resamples.

    PR-AUC has none where a class has too few products. Arguments are as in `per_class_metrics`; `metrics` are
    the split's, and `advance` is called after each of `N_STEPS` parts, so that a bar can move.
    """
    exact, predicted = exact_probabilities(probabilities), predicted_classes(probabilities)
    counts = count_confusions(label_ids, predicted, probabilities.shape[1])
    sizes = group_sizes(groups, len(label_ids))
    copies, macro = float(sizes.mean()), macro_copies(sizes, label_ids)
    found: dict[str, Interval | None] = {}
    for name, one in confusion_intervals(counts, n_resamples=params.n_bootstrap).items():
        found[name] = widen(one, macro if name.startswith(("macro", "balanced")) else copies, bounds_of(name))
    advance()
    for name, values in (("log_loss", log_losses), ("brier", brier_scores)):
        one = mean_interval(values(label_ids, exact), label_ids, n_resamples=params.n_bootstrap)
        found[name] = widen(one, copies, (0.0, np.inf))
        advance()
    shares = ["accuracy", "weighted_recall", *(f"top_{k}_accuracy" for k in params.top_k)]
    found |= {name: wilson(metrics[name], len(label_ids) / copies) for name in shares if name in metrics}
    if metrics["roc_auc"] is not None:
        found["roc_auc"] = auc.macro_auc_interval(exact, label_ids, macro)[1]
    advance()
    if metrics["pr_auc"] is not None:
        found["pr_auc"] = auc.macro_average_precision_interval(exact, label_ids, macro)[1]
    advance()
    found["ece"] = calibration_error_interval(
        exact.max(axis=1),
        predicted == label_ids,
        label_ids,
        n_bins=params.calibration_bins,
        n_resamples=params.n_bootstrap_ece,
        copies=copies,
    )
    advance()
    held = {name: one for name, one in found.items() if one is not None and metrics.get(name) is not None}
    records = {name: asdict(replace(one, estimate=metrics[name])) for name, one in held.items()}
    return {name: {field: each for field, each in one.items() if field != "estimate"} for name, one in records.items()}


def overfitting(splits: Mapping[str, Mapping[str, Any]], accuracy: Mapping[str, Any]) -> dict[str, Any]:
    """Return the gaps between training and test and whether they are called overfitting, by the rule stated."""
    train, test = splits["train"], splits["test"]
    gap = train["accuracy"] - test["accuracy"]
    return {
        "accuracy_gap": gap,
        "log_loss_gap": test["log_loss"] - train["log_loss"],
        "overfits": bool(gap > MAX_GAP and train["accuracy"] > accuracy["high"]),
        "max_gap": MAX_GAP,
        "rule": f"train accuracy exceeds test accuracy by more than {MAX_GAP:g} and lies above the test accuracy's "
        "95 % interval",
    }
