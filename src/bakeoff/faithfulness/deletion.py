"""What a map's most important pixels do to the answer when they are taken from a photo, and when a blur gets them back.

Functions of arrays. Pixels are (H, W); a box is (left, top, right, bottom) px of the photo as the network sees it.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from bakeoff.interpret.baselines import GREY

_BLUR, _GRAIN = 1 / 16, 1 / 16
"""Standard deviations of the blurred photo and of a random map, as shares of the photo's side."""
Classify = Callable[[np.ndarray], np.ndarray]
"""From photos (N, H, W, 3) float32 in [0, 1] to probabilities (N, K)."""


def random_map(side_px: int, seed: int) -> np.ndarray:
    """Return a map that knows nothing, (H, W) float32: noise as smooth as a heat map."""
    noise = np.random.default_rng(seed).standard_normal((side_px, side_px))
    return gaussian_filter(noise, _GRAIN * side_px).astype(np.float32)


def rank_pixels(heat: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """Return each pixel's place, (H, W) int64, 0 for the one that speaks most for the class.

    Equal pixels of `heat` (H, W) follow `ties` (H, W), so that a map without differences is the random map itself,
    not the photo from top to bottom.
    """
    ranks = np.empty(heat.size, dtype=np.int64)
    ranks[np.lexsort((-ties.ravel(), -heat.ravel()))] = np.arange(heat.size)
    return ranks.reshape(heat.shape)


def answer_curves(classify: Classify, image: np.ndarray, target: int, ranks: np.ndarray, *, steps: int) -> np.ndarray:
    """Return the probability of class `target` of a photo, (2, steps + 1) float64, as a map's pixels come in turn.

    The first row deletes them from `image` (H, W, 3) to grey, the second inserts them into its blur; column k has the
    k / steps first pixels by `ranks` (H, W) changed. The lower the first and the higher the second, the better the map.
    The blur (14 px at 224 px) is stronger than the paper's 5 px, by which a network still knows most products.

    Source:
        V. Petsiuk, A. Das and K. Saenko, RISE: Randomized input sampling for explanation of black-box models, BMVC
        2018, section 4.3, arXiv:1806.07421.
    """
    n_changed = np.rint(np.linspace(0, ranks.size, steps + 1))
    changed = (ranks < n_changed[:, None, None])[..., None]
    blurred = gaussian_filter(image, (_BLUR * len(image), _BLUR * len(image), 0))
    photos = np.concatenate([np.where(changed, np.float32(GREY), image), np.where(changed, image, blurred)])
    return classify(photos)[:, target].astype(np.float64).reshape(2, steps + 1)


def areas_under(curves: np.ndarray) -> np.ndarray:
    """Return the areas under curves (…, steps + 1) over the share of pixels, (…) float64, by the trapezoidal rule."""
    return np.trapezoid(curves, dx=1 / (curves.shape[-1] - 1), axis=-1)


def box_pixels(box: np.ndarray, side_px: int) -> np.ndarray:
    """Return which pixels have their centre in a box, (H, W) bool; none where it is NaN."""
    left, top, right, bottom = box
    centres = np.arange(side_px) + 0.5
    return np.outer((top <= centres) & (centres < bottom), (left <= centres) & (centres < right))


def top_in_box(ranks: np.ndarray, inside: np.ndarray, share: float) -> float:
    """Return how much of the most important pixels lies in a box, in [0, 1]; `inside` (H, W) bool has a pixel at least.

    They are `share` of the photo, no more than the box holds and one at least: with a share of 0 this is the pointing
    game, without the paper's tolerance of 15 px.

    Source:
        J. Zhang, S. A. Bargal, Z. Lin, J. Brandt, X. Shen and S. Sclaroff, Top-down neural attention by excitation
        backprop, Int. J. Comput. Vis. 126 (2018) 1084-1102, section 4.2, DOI 10.1007/s11263-017-1059-x.
    """
    n_top = max(1, min(round(share * ranks.size), int(inside.sum())))
    return float(inside[ranks < n_top].mean())


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return how alike two maps (H, W) are, in [0, 1]: Spearman's correlation less its sign; None where one is flat."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return abs(float(spearmanr(first.ravel(), second.ravel()).statistic))
