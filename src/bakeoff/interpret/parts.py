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
from bakeoff.interpret.losses import N_RESAMPLES, SEED, Tried, ends, hold
from bakeoff.interpret.subject import Subject
from bakeoff.records.interpretation import ClassImportance, LostByShuffles, PartImportance, PartsFound
from bakeoff.statistics.interval import Interval
from bakeoff.statistics.matrix import METRICS, Margins, count_confusions, f1
from bakeoff.statistics.paired import paired_class_f1, paired_macro_f1

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

    def convert(images: np.ndarray, conversion: str) -> np.ndarray:
        if conversion == "rgb2rgb":
            return images.copy()
        from skimage import color  # .venv-tf, in which params are read too, does not have it

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Conversion from CIE-LAB", UserWarning)  # not in sRGB: clipped
            return getattr(color, conversion)(images)

    def replace(images: np.ndarray, donors: np.ndarray) -> np.ndarray:
        mixed, other = convert(images, f"rgb2{space}"), convert(donors, f"rgb2{space}")
        mixed[..., channel] = other[..., channel]
        return np.clip(convert(mixed, f"{space}2rgb"), 0, 1)

    return replace


def _region(row: int, column: int) -> Part:
    """Return the part that is one of 3 x 3 regions."""

    def replace(images: np.ndarray, donors: np.ndarray) -> np.ndarray:
        mixed, (height, width) = images.copy(), images.shape[1:3]
        rows = slice(height * row // 3, height * (row + 1) // 3)
        columns = slice(width * column // 3, width * (column + 1) // 3)
        mixed[:, rows, columns] = donors[:, rows, columns]
        return mixed

    return replace


def _band(finer: float, coarser: float) -> Part:
    """Return the part that is what a blur of sigma `finer` leaves, less what one of sigma `coarser` does.

    Sigmas are shares of the side, 0 leaves the photo itself and infinity nothing. The three bands sum to the photo.

    Source:
        P. J. Burt and E. H. Adelson, The Laplacian Pyramid as a Compact Image Code, IEEE Trans. Commun. 31 (1983)
        532-540, DOI 10.1109/TCOM.1983.1095851; at full resolution here.
    """

    def blur(change: np.ndarray, sigma: float) -> np.ndarray:
        if sigma in (0, np.inf):
            return 0 * change if sigma else change
        sigma_px = sigma * change.shape[1]
        return gaussian_filter(change, (0, sigma_px, sigma_px, 0), mode="nearest", truncate=3)

    def replace(images: np.ndarray, donors: np.ndarray) -> np.ndarray:
        change = donors - images  # blurring is linear
        return np.clip(images + blur(change, finer) - blur(change, coarser), 0, 1)

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
        "low_frequencies": _band(1 / 16, np.inf),
        "middle_frequencies": _band(1 / 64, 1 / 16),
        "high_frequencies": _band(0, 1 / 64),
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
    correct, each = predicted == tried.label_ids, [_margins(tried, one) for one in predicted]
    given = (tried.label_ids, tried.predicted, predicted, len(tried.labels))
    drawn = {"groups": tried.groups, "n_resamples": N_RESAMPLES}

    def shares(own: np.ndarray) -> LostByShuffles:
        return _lost(tried.lost(correct, own), correct[:, own].mean(axis=1))

    f1_each = np.concatenate([f1(margins) for margins in each])
    macro_each = np.concatenate([METRICS["macro_f1"](margins) for margins in each])
    return PartImportance(
        accuracy=shares(np.full(len(tried), True)),
        macro_f1=_lost(paired_macro_f1(*given, **drawn)[1], macro_each),
        classes={
            tried.labels[label]: ClassImportance(
                recall=shares(tried.label_ids == label), f1=_lost(interval, f1_each[:, label])
            )
            for label, interval in paired_class_f1(*given, **drawn).items()
        },
    )


def _lost(interval: Interval, each: np.ndarray) -> LostByShuffles:
    """Return a loss with its spread; `each` (R,) is what every shuffle leaves."""
    return LostByShuffles(**ends(interval), sd=float(each.std(ddof=1)) if len(each) > 1 else 0.0)


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
