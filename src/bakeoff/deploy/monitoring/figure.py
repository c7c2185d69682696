"""One picture of a monitoring: verdict, inputs, confidence, classes and accuracy, study beside new products."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bakeoff.core.translation import Translator
from bakeoff.data.figures import Figure, shorten
from bakeoff.deploy.monitoring.sample import Sample
from bakeoff.deploy.monitoring.verdict import NAMES, VERDICTS, write_p

_STUDY, _NEW, _ALARM = "#4477AA", "#EE7733", "#BB2233"  # Tol's colours, told apart by the colour-blind
_BINS = 20
_PANELS_A_ROW = 3
_MAX_CLASSES = 12


def draw_monitoring(report: Mapping[str, Any], samples: tuple[Sample, Sample], t: Translator, path: Path) -> None:
    """Write monitor.png of what `build_report` returned; `samples` are reference and new."""
    reference, new = samples
    names = reference.measured
    values = {name: (reference.measures[:, place], new.measures[:, place]) for place, name in enumerate(names)}
    values["confidence"] = (reference.confidence, new.confidence)
    languages = [test for test in report["tests"] if test["name"] == "languages"]
    n_rows = -(-(len(values) + len(languages) + 2) // _PANELS_A_ROW)
    figure = Figure(figsize=(13, 3.5 * n_rows), layout="constrained")
    *axes, last_but_one, last = figure.subplots(n_rows, _PANELS_A_ROW).ravel()
    for axis in (*axes, last_but_one, last):
        axis.spines[["top", "right"]].set_visible(False)
    for axis, name in zip(axes, values, strict=False):
        _draw_histograms(axis, values[name], _test(report, name), t)
    for test in languages:
        _draw_shares(axes[-1], test["shares"], test, t)
    axes[0].legend(frameon=False, fontsize=9)
    if report["performance"]:
        _draw_recalls(last_but_one, report, t)
    else:
        _draw_shares(last_but_one, report["class_shares"], _test(report, "class_shares"), t)
    _draw_accuracy(last, report, t)
    figure.suptitle(_title(report, t), x=0.01, ha="left", fontsize=11)
    figure.savefig(path, dpi=130)


def _title(report: Mapping[str, Any], t: Translator) -> str:
    first = t.gettext("{candidate}: new products “{name}”", candidate=report["candidate"], name=report["name"])
    lines = [line for sentence in report["sentences"] for line in textwrap.wrap(sentence, 155)]
    verdict = VERDICTS[report["verdict"]]
    return "\n".join([f"{first}: {t.gettext(verdict)}", *lines])


def _test(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return next(test for test in report["tests"] if test["name"] == name)


def _head(axis: Axes, test: Mapping[str, Any], t: Translator) -> None:
    """Write what a panel shows and the corrected p-value, in red where it differs."""
    colour = _ALARM if test["differs"] else "black"
    mark = "≠ " if test["differs"] else ""
    title = NAMES[test["name"]]
    text = f"{mark}{t.gettext(title)}, {write_p(test['p_holm'], t)}"
    axis.set_title(text, fontsize=10, color=colour, loc="left")


def _draw_histograms(axis: Axes, pair: tuple[np.ndarray, np.ndarray], test: Mapping[str, Any], t: Translator) -> None:
    edges = _edges(np.concatenate(pair))
    titles = t.gettext("study ({n:,d})", n=len(pair[0])), t.gettext("new ({n:,d})", n=len(pair[1]))
    for values, colour, label in zip(pair, (_STUDY, _NEW), titles, strict=True):
        shares = np.full(len(values), 1 / len(values))
        clipped = np.clip(values, edges[0], edges[-1])
        axis.hist(clipped, edges, weights=shares, histtype="stepfilled", color=colour, alpha=0.25)
        axis.hist(clipped, edges, weights=shares, histtype="step", color=colour, linewidth=1.6, label=label)
    axis.set_ylabel(t.gettext("share"), fontsize=9)
    _head(axis, test, t)


def _edges(values: np.ndarray) -> list[float]:
    """Return bin edges over all but the outermost percent, which the outer bins take in."""
    low, high = np.quantile(values, [0.005, 0.995])
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, _BINS + 1).tolist()


def _draw_shares(axis: Axes, shares: Mapping[str, Any], test: Mapping[str, Any], t: Translator) -> None:
    labels = sorted(shares, key=lambda label: -shares[label]["reference"] - shares[label]["new"])[:_MAX_CLASSES]
    places = np.arange(len(labels))
    for offset, name, colour in ((-0.2, "reference", _STUDY), (0.2, "new", _NEW)):
        axis.barh(places + offset, [shares[label][name] for label in labels], height=0.38, color=colour)
    _name_classes(axis, labels, len(shares) if test["name"] == "class_shares" else 0, t)
    _head(axis, test, t)


def _draw_recalls(axis: Axes, report: Mapping[str, Any], t: Translator) -> None:
    """Draw recall before and now with intervals, the most frequent classes first."""
    classes = report["performance"]["per_class"]
    weight = {label: sum(one["n"] if one else 0 for one in pair.values()) for label, pair in classes.items()}
    labels = sorted(classes, key=lambda label: -weight[label])[:_MAX_CLASSES]
    for name, colour, offset in (("at_deployment", _STUDY, -0.17), ("new", _NEW, 0.17)):
        for place, label in enumerate(labels):
            one = classes[label][name]
            if one:
                _draw_interval(axis, one, place + offset, colour)
    _name_classes(axis, labels, len(classes), t)
    axis.set_xlim(-0.02, 1.02)
    axis.set_title(t.gettext("recall per class"), fontsize=10, loc="left")


def _draw_accuracy(axis: Axes, report: Mapping[str, Any], t: Translator) -> None:
    estimate, performance = report["estimated_accuracy"], report["performance"]
    rows = [(t.gettext("test at deployment"), estimate["accuracy_at_deployment"], _STUDY)]
    if performance:
        rows.append((t.gettext("new, measured"), performance["accuracy"], _NEW))
    rows.append((t.gettext("new, estimate: confidence"), estimate["average_confidence"], "#777777"))
    rows.append((t.gettext("new, estimate: threshold"), estimate["threshold_on_confidence"], "#777777"))
    for place, (_, one, colour) in enumerate(rows):
        _draw_interval(axis, one, place, colour)
    names = [textwrap.fill(name, 24) for name, _, _ in rows]
    axis.set_yticks(np.arange(len(names)), names, fontsize=9)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_title(t.gettext("accuracy, 95% intervals"), fontsize=10, loc="left")
    axis.set_xlim(min(0.5, min(one["low"] for _, one, _ in rows) - 0.05), 1.02)


def _draw_interval(axis: Axes, one: Mapping[str, float], place: float, colour: str) -> None:
    axis.plot([one["low"], one["high"]], [place, place], color=colour, linewidth=2)
    axis.plot([one["value"]], [place], "o", color=colour, markersize=5)


def _name_classes(axis: Axes, labels: list[str], n_classes: int, t: Translator) -> None:
    axis.set_yticks(np.arange(len(labels)), [shorten(label, 28) for label in labels])
    axis.tick_params(axis="y", labelsize=9)
    axis.set_ylim(len(labels) - 0.4, -0.6)
    if n_classes > _MAX_CLASSES:
        axis.set_xlabel(t.gettext("the {n} most frequent classes", n=_MAX_CLASSES), fontsize=9)
