"""The figure of faithfulness.json: what deleting and inserting a method's pixels does, against a random map."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from bakeoff.data.figures import Figure, shorten
from bakeoff.records.faithfulness import AnswerCurve, FaithfulnessRecord

_METHOD, _RANDOM = "#0072b2", "#8a8a8a"
_SIGNS = {"yes": "✓ can be trusted", "no": "✗ cannot be trusted", "undecided": "? undecided"}


def draw_faithfulness(record: FaithfulnessRecord, path: Path, *, title: str) -> None:
    """Draw a row of two panels for each method, at least one."""
    methods = list(record.methods.values())
    figure = Figure(figsize=(8.4, 1.2 + 2.3 * len(methods)), layout="constrained")
    figure.suptitle(f"{title}: can its heat maps be believed?\n{len(record.product_ids)} test photos", fontsize=11)
    rows = figure.subplots(len(methods), 2, sharex=True, sharey=True, squeeze=False)
    for (left, right), method in zip(rows, methods, strict=True):
        _draw(left, method.deletion, record.random_deletion, told=("lower is better", 0.9))
        _draw(right, method.insertion, record.random_insertion, told=("higher is better", 0.05))
        left.set_title(f"{shorten(method.title)}: {_SIGNS[method.trust]}", fontsize=10, loc="left")
    figure.legend(*rows[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    rows[-1, 0].set_xlabel("share of the pixels deleted, the most important first")
    rows[-1, 1].set_xlabel("share of the pixels inserted, the most important first")
    figure.supylabel("probability of the explained class", fontsize=10)
    figure.savefig(path, dpi=120)


def _draw(axes: Axes, curve: AnswerCurve, random: list[float], *, told: tuple[str, float]) -> None:
    shares = np.linspace(0, 1, len(random))
    axes.plot(shares, random, color=_RANDOM, lw=1.5, ls="--", label="random map")
    axes.plot(shares, curve.probabilities, color=_METHOD, lw=2, label="this method")
    better, height = told
    gain = f"{better}; gain {curve.gain:+.2f} [{curve.gain_low:+.2f}, {curve.gain_high:+.2f}]"
    axes.text(0.99, height, gain, fontsize=8, ha="right", transform=axes.transAxes)
    axes.set_ylim(-0.02, 1.02)
    axes.spines[["top", "right"]].set_visible(False)
