"""One explained photo as a figure: the photo, Integrated Gradients over it, Occlusion over it."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from scipy.ndimage import gaussian_filter

from bakeoff.data.figures import Figure, shorten
from bakeoff.records.interpretation import ExplainedPhoto

BLUE_ORANGE = LinearSegmentedColormap.from_list("blue_orange", ["#2166ac", "#f7f7f7", "#d95f02"])
_SMOOTHING = 0.015


def caption(candidate: str, photo: ExplainedPhoto) -> str:
    """Return what stands above the panels: the verdict as sign and words, legible without colours."""
    verdict = "✓ right" if photo.correct else "✗ wrong"
    truth = "" if photo.correct else f", truly {shorten(photo.true, 60)}"
    sentence = f"{verdict}: {shorten(photo.predicted, 60)} with probability {photo.probability:.2f}{truth}"
    return "\n".join([*textwrap.wrap(sentence, 110), *textwrap.wrap(f"{candidate} · {photo.product_id}", 110)])


def heat_map(attributions: np.ndarray) -> np.ndarray:
    """Return a signed map in [-1, 1] for display, (H, W) float32, of (H, W, 3) or (H, W) attributions.

    Channels are summed, Integrated Gradients' pixel noise is smoothed over 1.5 % of the side, and the scale is cut at
    the 99th percentile of the magnitude. A map of zeros stays zero.
    """
    if attributions.ndim == 3:
        summed = attributions.astype(np.float64).sum(axis=2)
        summed = gaussian_filter(summed, _SMOOTHING * summed.shape[0])
    else:
        summed = attributions.astype(np.float64)
    scale = float(np.percentile(np.abs(summed), 99)) or float(np.abs(summed).max())
    if scale == 0:
        return np.zeros(summed.shape, dtype=np.float32)
    return np.clip(summed / scale, -1, 1).astype(np.float32)


def draw_attributions(photo: np.ndarray, maps: Mapping[str, np.ndarray], path: Path, *, title: str) -> None:
    """Draw the photo, (H, W, 3) float32 in [0, 1], and its maps, (H, W) or (H, W, 3) by title, side by side."""
    height_in = 4.5 + 0.2 * len(title.splitlines())
    figure = Figure(figsize=(3.5 * (1 + len(maps)), height_in), layout="constrained")
    panels = figure.subplots(1, 1 + len(maps))
    panels[0].imshow(np.clip(photo, 0, 1))
    panels[0].set_title("the photo as the network sees it", fontsize=10)
    for axes, (method, values) in zip(panels[1:], maps.items(), strict=True):
        _overlay(axes, photo, heat_map(values))
        axes.set_title(method, fontsize=10)
    for axes in panels:
        axes.set_xticks([])
        axes.set_yticks([])
    figure.suptitle(title, fontsize=11)
    scale = ScalarMappable(norm=Normalize(-1, 1), cmap=BLUE_ORANGE)
    bar = figure.colorbar(scale, ax=list(panels), orientation="horizontal", shrink=0.5, aspect=40, ticks=[-1, 0, 1])
    bar.ax.set_xticklabels(["speaks against", "no effect", "speaks for the predicted label"], fontsize=9)
    figure.savefig(path, dpi=120)


def _overlay(axes, photo: np.ndarray, heat: np.ndarray) -> None:
    """Lay the signed map over a pale grey copy of the photo; strong values cover it, weak ones let it through."""
    grey = np.clip(photo, 0, 1) @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    axes.imshow(0.35 + 0.65 * grey, cmap="gray", vmin=0, vmax=1)
    axes.imshow(heat, cmap=BLUE_ORANGE, vmin=-1, vmax=1, alpha=0.1 + 0.6 * np.abs(heat) ** 0.7)
