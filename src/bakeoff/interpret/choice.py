"""Which test photos are explained, and under which file name."""

import hashlib
import re
from dataclasses import dataclass

import numpy as np

from bakeoff.data.predictions import Predictions

_SAFE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")


@dataclass(frozen=True)
class Chosen:
    """One photo to explain: its position in the products, its true and its predicted class with the probability."""

    row: int
    product_id: str
    true: int
    predicted: int
    probability: float

    @property
    def correct(self) -> bool:
        """Whether the candidate was right."""
        return self.true == self.predicted


def choose_photos(predictions: Predictions, *, n_correct: int, n_wrong: int) -> list[Chosen]:
    """Return the most confident right and wrong test photos, first one of each true class, then second ones.

    Fewer come back where fewer exist. Ties are broken by product id, so the choice depends on the predictions alone.
    """
    photos = _test_photos(predictions)
    right = [photo for photo in photos if photo.correct]
    wrong = [photo for photo in photos if not photo.correct]
    return _across_classes(right)[:n_correct] + _across_classes(wrong)[:n_wrong]


def _test_photos(predictions: Predictions) -> list[Chosen]:
    table = predictions.products
    rows = np.flatnonzero((table["split"] == "test").to_numpy())
    best = predictions.probabilities.argmax(axis=1)
    return [
        Chosen(
            row=int(row),
            product_id=str(table["product_id"].iloc[row]),
            true=int(table["label_id"].iloc[row]),
            predicted=int(best[row]),
            probability=float(predictions.probabilities[row, best[row]]),
        )
        for row in rows
    ]


def _across_classes(photos: list[Chosen]) -> list[Chosen]:
    """Return the photos ordered by their rank within their class, then by confidence."""
    ordered = sorted(photos, key=lambda photo: (-photo.probability, photo.product_id))
    seen: dict[int, int] = {}
    ranks = []
    for photo in ordered:
        ranks.append(seen.get(photo.true, 0))
        seen[photo.true] = ranks[-1] + 1
    by_rank = sorted(range(len(ordered)), key=lambda place: ranks[place])  # stable: keeps the confidence order
    return [ordered[place] for place in by_rank]


def safe_name(product_id: str) -> str:
    """Return a file name without extension for any product id; unsafe ids get a digest, so none collide."""
    if _SAFE.match(product_id):
        return product_id
    slug = re.sub(r"[^A-Za-z0-9_-]+", "_", product_id).strip("_-")[:40]
    digest = hashlib.sha256(product_id.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{slug or 'product'}.{digest}"
