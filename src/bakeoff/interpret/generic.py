"""Integrated Gradients and Occlusion over a predictor's own gradients and predictions: framework-free, for Keras.

Both equal Captum's (tests prove it on a torch module); Captum itself explains the torch candidates.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.interpret.params import InterpretParams
from bakeoff.predictors.protocol import Predictor

GREY = 0.5
"""Baseline of Integrated Gradients and fill of Occlusion: mid-grey in [0, 1], which normalisation maps near zero."""
BATCH_IMAGES = 16

Gradients = Callable[[np.ndarray, np.ndarray], np.ndarray]
Scores = Callable[[np.ndarray], np.ndarray]


def legendre_path(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes in (0, 1) and weights summing to 1 of the Gauss-Legendre rule, both (steps,) float64."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return (nodes + 1) / 2, weights / 2


def integrated_gradients(gradients: Gradients, image: np.ndarray, target: int, *, steps: int) -> np.ndarray:
    """Return each pixel's and channel's share of score(image) - score(`GREY`), (H, W, 3) float32.

    IG_i(x) = (x_i - x'_i) * integral over a in [0, 1] of dF(x' + a (x - x')) / dx_i, the integral by Gauss-Legendre.
    Completeness: the shares sum to F(x) - F(x'), up to the rule's error. `gradients` takes images (N, H, W, 3) and
    targets (N,) to d score[target] / d image; `image` is (H, W, 3) float32 in [0, 1].

    Source:
        Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, ICML 2017, eq. 1, arXiv:1703.01365.
    """
    alphas, weights = legendre_path(steps)
    difference = image - np.float32(GREY)
    total = np.zeros(image.shape, dtype=np.float64)
    for start in range(0, steps, BATCH_IMAGES):
        chosen = slice(start, start + BATCH_IMAGES)
        factors = alphas[chosen].astype(np.float32)[:, None, None, None]
        points = np.float32(GREY) + factors * difference[None]
        slopes = gradients(points, np.full(len(points), target, dtype=np.int64))
        total += np.tensordot(weights[chosen], slopes.astype(np.float64), axes=1)
    return (total * difference).astype(np.float32)


def occlusion(scores: Scores, image: np.ndarray, *, window_px: int, stride_px: int) -> np.ndarray:
    """Return how much the score falls where a grey window covers the photo, (H, W) float32.

    A pixel gets the mean drop over the windows that cover it; windows at the lower and right edge are cut there.
    `scores` takes images (N, H, W, 3) to the explained class's score (N,); `image` is (H, W, 3) float32 in [0, 1].

    Raises:
        EvaluationError: the stride leaves gaps, or the window is larger than the photo.

    Source:
        Zeiler, Fergus: Visualizing and Understanding Convolutional Networks, ECCV 2014,
        doi:10.1007/978-3-319-10590-1_53.
    """
    windows = list(occlusion_windows(image.shape[:2], window_px=window_px, stride_px=stride_px))
    total, covered = np.zeros(image.shape[:2]), np.zeros(image.shape[:2])
    values: list[float] = []
    for start in range(0, len(windows), BATCH_IMAGES):
        chosen = windows[start : start + BATCH_IMAGES]
        pictures = np.repeat(image[None], len(chosen), axis=0)
        for picture, (rows, columns) in zip(pictures, chosen, strict=True):
            picture[rows, columns] = GREY
        if start == 0:  # the untouched photo rides along with the first batch
            pictures = np.concatenate([image[None], pictures])
        values.extend(scores(pictures).tolist())
    for value, (rows, columns) in zip(values[1:], windows, strict=True):
        total[rows, columns] += values[0] - value
        covered[rows, columns] += 1
    return (total / covered).astype(np.float32)


def occlusion_windows(shape: tuple[int, ...], *, window_px: int, stride_px: int) -> Iterator[tuple[slice, slice]]:
    """Yield (rows, columns) of each window, as Captum places them: ceil((side - window) / stride) + 1 a side.

    Raises:
        EvaluationError: the stride leaves gaps, or the window is larger than the photo.
    """
    if window_px > min(shape[:2]) or stride_px > window_px:
        raise EvaluationError(
            f"interpret.occlusion_window_px = {window_px} and occlusion_stride_px = {stride_px} do not fit a photo of "
            f"{shape[1]} x {shape[0]} px: expected stride <= window <= photo; change them in conf/profile/."
        )
    n_steps = (math.ceil((side - window_px) / stride_px) + 1 for side in shape[:2])
    for steps in np.ndindex(*n_steps):
        top, left = (stride_px * step for step in steps)
        yield slice(top, top + window_px), slice(left, left + window_px)


class GenericExplainer:
    """Explains any predictor: gradients of its score, probabilities for Occlusion."""

    def __init__(self, predictor: Predictor, params: InterpretParams) -> None:
        self.predictor = predictor
        self.params = params
        gradient_score = "probability" if predictor.probability_kind == "as_is" else "logit"
        self.scores = {"integrated_gradients": gradient_score, "occlusion": "probability"}

    def integrated_gradients(self, image: np.ndarray, target: int) -> np.ndarray:
        """Return (H, W, 3) float32 shares of the score of class `target` for (H, W, 3) `image`."""
        steps = self.params.integrated_gradients_steps
        return integrated_gradients(self.predictor.gradients, image, target, steps=steps)

    def occlusion(self, image: np.ndarray, target: int) -> np.ndarray:
        """Return (H, W) float32 drops of the probability of class `target` for (H, W, 3) `image`."""
        size = {"window_px": self.params.occlusion_window_px, "stride_px": self.params.occlusion_stride_px}
        return occlusion(lambda images: self.predictor.predict_images(images)[:, target], image, **size)
