"""What colour is worth: accuracy lost when the red, green or blue planes are shuffled between photos."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np

from bakeoff.data.figures import Figure
from bakeoff.data.products import StoredProducts
from bakeoff.interpret.subject import Subject
from bakeoff.records.interpretation import Channel, ChannelImportance, ChannelResult

CHANNELS: tuple[Channel, ...] = get_args(Channel)
BATCH_IMAGES = 32
_HELD_BYTES = 2**30
_COLOURS = {"red": "#b2182b", "green": "#1b7837", "blue": "#2166ac"}
Photos = Callable[[np.ndarray], np.ndarray]
"""From places to a new array of the photos there, (n, H, W, 3) float32."""


def choose_rows(rows: np.ndarray, max_rows: int | None, *, seed: int) -> np.ndarray:
    """Return at most `max_rows` of `rows`, ascending, the same for every candidate under one seed."""
    if max_rows is None or len(rows) <= max_rows:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, size=max_rows, replace=False))


def permutation_importance(
    subject: Subject,
    products: StoredProducts,
    label_ids: np.ndarray,
    *,
    baseline_correct: np.ndarray,
    shuffles: tuple[int, int],
    advance: Callable[[int], object] = lambda _: None,
) -> ChannelResult:
    """Return the accuracy lost when one channel's planes are permuted among the photos.

    Each photo keeps its two other channels and gets the plane of another photo: the colour histogram of the set stays,
    its tie to the product goes. One permutation per channel and repeat, the same for every candidate.

    `label_ids` (N,) are the products' classes, `baseline_correct` (N,) bool tells who is right without a shuffle (from
    predictions.parquet: no pass is spent on it). `shuffles` are the repeats per channel and the seed; `advance` is told
    the number of photos just predicted.

    Source:
        Breiman: Random Forests, Machine Learning 45, 2001, section 10, doi:10.1023/A:1010933404324.
    """
    repeats, seed = shuffles
    photos = _photos(subject, products)
    generator = np.random.default_rng(seed)
    channels: dict[Channel, ChannelImportance] = {}
    for channel, name in enumerate(CHANNELS):
        correct = np.zeros((repeats, len(products)), dtype=bool)
        for repeat in range(repeats):
            order = generator.permutation(len(products))
            predicted = _predict_shuffled(subject, photos, channel, order=order, advance=advance)
            correct[repeat] = predicted == label_ids
        channels[name] = _summarise(baseline_correct, correct)
    accuracy = float(baseline_correct.mean())
    return ChannelResult(baseline_accuracy=accuracy, n=len(products), repeats=repeats, channels=channels)


def _summarise(baseline_correct: np.ndarray, correct: np.ndarray) -> ChannelImportance:
    """Return one channel's figures from who is right, (N,) bool, and who is after each of R shuffles, (R, N) bool."""
    drops = baseline_correct.mean() - correct.mean(axis=1)
    lost = baseline_correct.astype(np.float64) - correct.mean(axis=0)
    return ChannelImportance(
        accuracy=float(correct.mean()),
        drop=float(drops.mean()),
        drop_std=float(drops.std(ddof=1)) if len(drops) > 1 else 0.0,
        drop_standard_error=float(lost.std(ddof=1) / np.sqrt(len(lost))) if len(lost) > 1 else 0.0,
        drops=drops.tolist(),
    )


def _photos(subject: Subject, products: StoredProducts) -> Photos:
    """Return the products' photos, decoded once where they fit in 1 GiB, else again for each shuffle."""
    if len(products) * subject.image_size**2 * 3 * 4 > _HELD_BYTES:
        return lambda places: subject.images(products.at(places))
    held = subject.images(products)
    return lambda places: held[places]


def _predict_shuffled(
    subject: Subject, photos: Photos, channel: int, *, order: np.ndarray, advance: Callable[[int], object]
) -> np.ndarray:
    """Return the predicted classes, (N,) int64, with `channel` of photo i taken from photo order[i]."""
    predicted = []
    for start in range(0, len(order), BATCH_IMAGES):
        places = np.arange(start, min(start + BATCH_IMAGES, len(order)))
        mixed = photos(places)
        mixed[..., channel] = photos(order[places])[..., channel]
        predicted.append(subject.probabilities(mixed).argmax(axis=1))
        advance(len(places))
    return np.concatenate(predicted)


def draw_channels(result: ChannelResult, path: Path, *, title: str) -> None:
    """Draw each channel's drop with its standard error over photos and, where repeated, every single shuffle."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for place, name in enumerate(CHANNELS):
        found = result.channels[name]
        error = {"xerr": found.drop_standard_error, "capsize": 5, "ecolor": "#202020"}
        axes.barh(place, found.drop, color=_COLOURS[name], height=0.6, alpha=0.85, error_kw={"lw": 1.5}, **error)
        if result.repeats > 1:
            axes.plot(found.drops, np.full(len(found.drops), place), "o", ms=4, mfc="white", mec="#202020", mew=0.8)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -0.02), max(high, 0.05))
    axes.axvline(0, color="#202020", lw=1)
    axes.set_yticks(range(3), CHANNELS)
    axes.invert_yaxis()
    shuffles = "1 shuffle" if result.repeats == 1 else f"{result.repeats} shuffles (dots)"
    axes.set_xlabel(
        f"accuracy lost when the channel is shuffled between photos\nbars: ± standard error over photos; {shuffles}"
    )
    axes.set_title(f"{title}\n{result.n} test photos, accuracy {result.baseline_accuracy:.3f} unshuffled", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
