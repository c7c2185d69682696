"""What each part of a photo is worth: accuracy and macro F1 lost where the part is taken from another photo.

A part is a function (images (n, H, W, 3), donors (n, H, W, 3)) -> images, float32 in [0, 1]: each photo with that part
taken from its donor. A new part is one line of `PARTS`; figures, records and the report take any.
"""

import warnings
from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from rich.progress import Progress
from scipy.ndimage import gaussian_filter

from bakeoff.core.section import PositiveInt, Section
from bakeoff.interpret.losses import N_RESAMPLES, SEED, Tried, hold, lost
from bakeoff.interpret.subject import Subject
from bakeoff.records.interpretation import ClassImportance, LostByShuffles, PartImportance, PartsFound
from bakeoff.statistics.interval import Interval
from bakeoff.statistics.matrix import METRICS, Margins, count_confusions, f1
from bakeoff.statistics.paired import paired_class_f1, paired_difference, paired_macro_f1

Group = Literal["rgb", "hsv", "lab", "regions", "bands"]
Part = Callable[[np.ndarray, np.ndarray], np.ndarray]


class PartsParams(Section):
    """Params `interpret.parts`."""

    groups: list[Group]
    """None at all: no part is shuffled."""
    repeats: PositiveInt
    """Shuffles."""
    max_rows: Annotated[int, Field(ge=2)] | None
    """Test photos at most; null for all."""


def _channel(channel: int, space: str = "rgb") -> Part:
    """Return the part that is one channel of a colour space of scikit-image."""

    def replace(images: np.ndarray, donors: np.ndarray) -> np.ndarray:
        mixed, other = _convert(images, f"rgb2{space}"), _convert(donors, f"rgb2{space}")
        mixed[..., channel] = other[..., channel]
        return np.clip(_convert(mixed, f"{space}2rgb"), 0, 1)

    return replace


def _convert(images: np.ndarray, conversion: str) -> np.ndarray:
    """Return a new array of the photos in another colour space, converted by scikit-image."""
    if conversion == "rgb2rgb":
        return images.copy()
    from skimage import color  # .venv-tf, in which params are read too, does not have it

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Conversion from CIE-LAB", UserWarning)  # not in sRGB: clipped
        return getattr(color, conversion)(images)


def _region(row: int, column: int) -> Part:
    """Return the part that is one of 3 x 3 regions."""

    def replace(images: np.ndarray, donors: np.ndarray) -> np.ndarray:
        mixed, (height, width) = images.copy(), images.shape[1:3]
        rows = slice(height * row // 3, height * (row + 1) // 3)
        columns = slice(width * column // 3, width * (column + 1) // 3)
        mixed[:, rows, columns] = donors[:, rows, columns]
        return mixed

    return replace


_FINE, _COARSE = 1 / 64, 1 / 16


def _band(finer: float | None, coarser: float | None) -> Part:
    """Return the part that is what a blur of sigma `finer` leaves, less what one of sigma `coarser` does.

    Sigmas are shares of the side; the photo itself is left where `finer` is None, nothing where `coarser` is. The three
    bands sum to the photo.

    Source:
        P. J. Burt and E. H. Adelson, The Laplacian Pyramid as a Compact Image Code, IEEE Trans. Commun. 31 (1983)
        532-540, DOI 10.1109/TCOM.1983.1095851; at full resolution here.
    """

    def blur(change: np.ndarray, sigma: float) -> np.ndarray:
        sigma_px = sigma * change.shape[1]
        return gaussian_filter(change, (0, sigma_px, sigma_px, 0), mode="nearest", truncate=3)

    def replace(images: np.ndarray, donors: np.ndarray) -> np.ndarray:
        change = donors - images  # blurring is linear
        kept = change if finer is None else blur(change, finer)
        return np.clip(images + kept - (0 if coarser is None else blur(change, coarser)), 0, 1)

    return replace


PARTS: dict[Group, dict[str, Part]] = {
    "rgb": {"red": _channel(0), "green": _channel(1), "blue": _channel(2)},
    "hsv": {"hue": _channel(0, "hsv"), "saturation": _channel(1, "hsv"), "value": _channel(2, "hsv")},
    "lab": {"lightness": _channel(0, "lab"), "green_red": _channel(1, "lab"), "blue_yellow": _channel(2, "lab")},
    "regions": {
        f"{name}_{side}": _region(row, column)
        for row, name in enumerate(("top", "middle", "bottom"))
        for column, side in enumerate(("left", "centre", "right"))
    },
    "bands": {
        "low_frequencies": _band(_COARSE, None),
        "middle_frequencies": _band(_FINE, _COARSE),
        "high_frequencies": _band(None, _FINE),
    },
}
"""By group: a* of Lab runs from green to red, b* from blue to yellow; regions stand row by row."""


def measure_parts(subject: Subject, tried: Tried, params: PartsParams, progress: Progress) -> PartsFound:
    """Return what is lost when one part of the photos is permuted among them.

    The part's values in the set stay, their tie to the product goes. One permutation per repeat, the same for every
    part and candidate. Intervals are over photos (groups of them), for these shuffles.

    Source:
        L. Breiman, Random Forests, Machine Learning 45 (2001) 5-32, section 10, DOI 10.1023/A:1010933404324.
    """
    predicted = _predict_shuffled(subject, tried, params, progress)
    return PartsFound(
        n=len(tried),
        repeats=params.repeats,
        accuracy=float(tried.correct.mean()),
        macro_f1=float(METRICS["macro_f1"](_margins(tried, tried.predicted))[0]),
        parts={
            group: {name: _importance(tried, predicted[name]) for name in PARTS[group]}
            for group in dict.fromkeys(params.groups)
        },
        note=_note(tried),
    )


def _predict_shuffled(subject: Subject, tried: Tried, params: PartsParams, progress: Progress) -> dict[str, np.ndarray]:
    """Return the predicted classes by part, (R, N) int64 each, photo i's part being that of photo order[i]."""
    parts = {name: part for group in params.groups for name, part in PARTS[group].items()}
    predicted = {name: np.empty((params.repeats, len(tried)), dtype=np.int64) for name in parts}
    task = progress.add_task("shuffling parts", total=len(parts) * params.repeats * len(tried))
    generator, photos = np.random.default_rng(SEED), hold(subject, tried.products)
    for repeat in range(params.repeats if parts else 0):
        order = generator.permutation(len(tried))
        for places in subject.parts(len(tried)):
            images, donors = photos(np.arange(len(tried))[places]), photos(order[places])
            for name, part in parts.items():
                predicted[name][repeat, places] = subject.probabilities(part(images, donors)).argmax(axis=1)
                progress.advance(task, len(images))
    return predicted


def _importance(tried: Tried, predicted: np.ndarray) -> PartImportance:
    """Return one part's figures from the classes predicted after each of R shuffles, (R, N) int64."""
    correct, before, each = predicted == tried.label_ids, tried.correct, [_margins(tried, one) for one in predicted]
    answers, drawn = (tried.label_ids, tried.predicted, predicted, len(tried.labels)), {"n_resamples": N_RESAMPLES}
    class_f1 = paired_class_f1(*answers, groups=tried.groups, **drawn)
    f1_each, classes = np.concatenate([f1(margins) for margins in each]), {}
    for label, interval in class_f1.items():
        own = tried.label_ids == label
        recall = paired_difference(before[own], correct[:, own], groups=tried.groups[own], **drawn)[1]
        classes[tried.labels[label]] = ClassImportance(
            recall=_lost(recall, correct[:, own].mean(axis=1)), f1=_lost(interval, f1_each[:, label])
        )
    return PartImportance(
        accuracy=_lost(paired_difference(before, correct, groups=tried.groups, **drawn)[1], correct.mean(axis=1)),
        macro_f1=_lost(
            paired_macro_f1(*answers, groups=tried.groups, **drawn)[1],
            np.concatenate([METRICS["macro_f1"](margins) for margins in each]),
        ),
        classes=classes,
    )


def _lost(interval: Interval, each: np.ndarray) -> LostByShuffles:
    """Return a loss with its spread; `each` (R,) is what every shuffle leaves."""
    return LostByShuffles(**dict(lost(interval)), sd=float(each.std(ddof=1)) if len(each) > 1 else 0.0)


def _margins(tried: Tried, predicted: np.ndarray) -> Margins:
    return Margins.of(count_confusions(tried.label_ids, predicted, len(tried.labels)))


def _note(tried: Tried) -> str | None:
    """Return what is missing, as one sentence."""
    if len(tried) == 1:
        return "There is one test photo alone, so nothing could be shuffled."
    present = np.unique(tried.label_ids)
    absent = [label for place, label in enumerate(tried.labels) if place not in present]
    few = f"{', '.join(absent[:3])}{', …' if len(absent) > 3 else ''}"
    return f"No test photo that was used shows {few}." if absent else None
