"""Which test photos are explained, and under which file name."""

import hashlib
import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from bakeoff.data.predictions import Predictions

_SAFE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")


class Chosen(NamedTuple):
    """One photo to explain: its position in the products, its true and its predicted class with the probability."""

    row: int
    product_id: str
    true: int
    predicted: int
    probability: float
    correct: bool


def choose_photos(predictions: Predictions, *, n_correct: int, n_wrong: int) -> list[Chosen]:
    """Return the most confident right and wrong test photos, first one of each true class, then second ones.

    Fewer come back where fewer exist. Ties are broken by product id, so the choice depends on the predictions alone.
    """
    table = pd.DataFrame(
        {
            "row": np.arange(len(predictions.products)),
            "product_id": predictions.products["product_id"].to_numpy(),
            "true": predictions.products["label_id"].to_numpy(),
            "predicted": predictions.probabilities.argmax(axis=1),
            "probability": predictions.probabilities.max(axis=1),
        }
    )
    table["correct"] = table["true"] == table["predicted"]
    table = table.loc[predictions.products["split"].to_numpy() == "test", :]
    table = table.sort_values(["probability", "product_id"], ascending=[False, True])
    place = table.groupby(["true", "correct"]).cumcount().sort_values(kind="stable")
    photos = [Chosen(*photo) for photo in table.loc[place.index].itertuples(index=False, name=None)]
    right = [photo for photo in photos if photo.correct]
    wrong = [photo for photo in photos if not photo.correct]
    return right[:n_correct] + wrong[:n_wrong]


def safe_name(product_id: str) -> str:
    """Return a file name without extension for any product id; unsafe ids get a digest, so none collide."""
    if _SAFE.match(product_id):
        return product_id
    slug = re.sub(r"[^A-Za-z0-9_-]+", "_", product_id).strip("_-")[:40]
    digest = hashlib.sha256(product_id.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{slug or 'product'}.{digest}"
