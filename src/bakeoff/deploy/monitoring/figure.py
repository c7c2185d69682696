"""One picture of a monitoring: verdict, inputs, confidence, classes and accuracy, study beside new products."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bakeoff.deploy.monitoring.sample import Sample
from bakeoff.deploy.monitoring.verdict import write_p
from bakeoff.deploy.prediction.measures import MEASURES
from bakeoff.language.phrases import Words

_STUDY, _NEW, _ALARM = "#4477AA", "#EE7733", "#BB2233"
"""Tol's colours, told apart by the colour-blind."""
_BINS = 20
_MAX_CLASSES = 12


def draw_monitoring(report: Mapping[str, Any], samples: tuple[Sample, Sample], words: Words, path: Path) -> None:
    """Write monitor.png.

    Args:
        report: what `build_report` returned.
        samples: reference and new.
        words: the figure's language.
        path: the file.
    """
    figure = Figure(figsize=(13, 10.5), layout="constrained")
    axes = figure.subplots(3, 3)
    reference, new = samples
    values = {name: (reference.measures[:, place], new.measures[:, place]) for place, name in enumerate(MEASURES)}
    values["confidence"] = (reference.confidence, new.confidence)
    for axis, name in zip(axes.ravel(), values, strict=False):
        _draw_histograms(axis, values[name], _test(report, name), words)
    axes[0, 0].legend(frameon=False, fontsize=9)
    if report["performance"]:
        _draw_recalls(axes[2, 1], report, words)
    else:
        _draw_shares(axes[2, 1], report, words)
    _draw_accuracy(axes[2, 2], report, words)
    figure.suptitle(_title(report, words), x=0.01, ha="left", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def _title(report: Mapping[str, Any], words: Words) -> str:
    verdict = {"alarm": "alarm", "changed": "change", "calm": "calm"}[report["verdict"]]
    first = words("figure.title", candidate=report["candidate"], name=report["name"])
    lines = [line for sentence in report["sentences"] for line in textwrap.wrap(sentence, 155)]
    return "\n".join([f"{first}: {words(verdict)}", *lines])


def _test(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next(test for test in report["tests"] if test["name"] == name)


def _head(axis: Axes, test: Mapping[str, Any], words: Words) -> None:
    """Write what a panel shows and the corrected p-value, in red where it differs."""
    colour = _ALARM if test["differs"] else "black"
    mark = "≠ " if test["differs"] else ""
    text = f"{mark}{words('name.' + test['name'])}, {write_p(test['p_holm'], words)}"
    axis.set_title(text, fontsize=10, color=colour, loc="left")
    axis.spines[["top", "right"]].set_visible(False)


def _draw_histograms(axis: Axes, pair: tuple[np.ndarray, np.ndarray], test: Mapping[str, Any], words: Words) -> None:
    edges = _edges(np.concatenate(pair))
    for values, colour, name in zip(pair, (_STUDY, _NEW), ("reference", "new"), strict=True):
        shares = np.full(len(values), 1 / len(values))
        label = words(f"figure.{name}", n=len(values))
        clipped = np.clip(values, edges[0], edges[-1])
        axis.hist(clipped, edges, weights=shares, histtype="stepfilled", color=colour, alpha=0.25)
        axis.hist(clipped, edges, weights=shares, histtype="step", color=colour, linewidth=1.6, label=label)
    axis.set_ylabel(words("figure.share"), fontsize=9)
    _head(axis, test, words)


def _edges(values: np.ndarray) -> list[float]:
    """Return bin edges over all but the outermost percent, which the outer bins take in."""
    low, high = np.quantile(values, [0.005, 0.995])
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, _BINS + 1).tolist()


def _draw_shares(axis: Axes, report: Mapping[str, Any], words: Words) -> None:
    shares = report["class_shares"]
    labels = sorted(shares, key=lambda label: -shares[label]["reference"] - shares[label]["new"])[:_MAX_CLASSES]
    places = np.arange(len(labels))
    for offset, name, colour in ((-0.2, "reference", _STUDY), (0.2, "new", _NEW)):
        axis.barh(places + offset, [shares[label][name] for label in labels], height=0.38, color=colour)
    _name_classes(axis, labels)
    _head(axis, _test(report, "class_shares"), words)
    _tell_left_out(axis, len(shares), words)


def _draw_recalls(axis: Axes, report: Mapping[str, Any], words: Words) -> None:
    """Draw recall before and now with intervals, the most frequent classes first."""
    classes = report["performance"]["per_class"]
    weight = {label: sum(one["n"] if one else 0 for one in pair.values()) for label, pair in classes.items()}
    labels = sorted(classes, key=lambda label: -weight[label])[:_MAX_CLASSES]
    for name, colour, offset in (("at_deployment", _STUDY, -0.17), ("new", _NEW, 0.17)):
        for place, label in enumerate(labels):
            one = classes[label][name]
            if one:
                _draw_interval(axis, one, place + offset, colour)
    _name_classes(axis, labels)
    axis.set_xlim(-0.02, 1.02)
    axis.set_title(words("figure.recall"), fontsize=10, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    _tell_left_out(axis, len(classes), words)


def _draw_accuracy(axis: Axes, report: Mapping[str, Any], words: Words) -> None:
    estimate, performance = report["estimated_accuracy"], report["performance"]
    if performance:
        rows = [("measured_before", performance["accuracy_at_deployment"], _STUDY)]
        rows.append(("measured_now", performance["accuracy"], _NEW))
    else:
        rows = [("measured_before", estimate["accuracy_at_deployment"], _STUDY)]
    rows.append(("by_confidence", estimate["average_confidence"], "#777777"))
    rows.append(("by_threshold", estimate["threshold_on_confidence"], "#777777"))
    for place, (_, one, colour) in enumerate(rows):
        _draw_interval(axis, one, place, colour)
    names = [textwrap.fill(words(f"figure.{name}"), 24) for name, _, _ in rows]
    axis.set_yticks(np.arange(len(names)), names, fontsize=9)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_title(words("figure.accuracy"), fontsize=10, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_xlim(min(0.5, min(one["low"] for _, one, _ in rows) - 0.05), 1.02)


def _draw_interval(axis: Axes, one: Mapping[str, float], place: float, colour: str) -> None:
    axis.plot([one["low"], one["high"]], [place, place], color=colour, linewidth=2)
    axis.plot([one["value"]], [place], "o", color=colour, markersize=5)


def _name_classes(axis: Axes, labels: list[str]) -> None:
    axis.set_yticks(np.arange(len(labels)), [textwrap.shorten(label, 28, placeholder="…") for label in labels])
    axis.tick_params(axis="y", labelsize=9)
    axis.set_ylim(len(labels) - 0.4, -0.6)


def _tell_left_out(axis: Axes, n_classes: int, words: Words) -> None:
    if n_classes > _MAX_CLASSES:
        axis.set_xlabel(words("figure.largest", n=_MAX_CLASSES), fontsize=9)
