"""Which test photos are explained, and under which file name."""

import hashlib
import re
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from bakeoff.data.predictions import Predictions

_SAFE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")
Kind = Literal["right_sure", "right_unsure", "wrong_sure", "wrong_unsure"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SHARED = "shared"


class Chosen(NamedTuple):
    """One photo to explain: its position in the products, its classes and why it was chosen."""

    row: int
    product_id: str
    true: int
    predicted: int
    counter: int
    """The class that might have been: the true one where the prediction is wrong, else the second most probable."""
    kind: str
    """`SHARED` by all candidates, or what it is of this candidate's (`KINDS`)."""


def choose_photos(
    predictions: Predictions, *, n_shared: int, max_shared: int | None, n_own: dict[Kind, int]
) -> list[Chosen]:
    """Return the test photos to explain, those that every candidate of the study explains first.

    Shared are `n_shared` of each class, at most `max_shared` in all, by the hash of the product id. Then come the
    candidate's own, `n_own` of each kind: right or wrong ones, the most and the least sure, each true class in turn.
    Fewer come back where fewer exist. Ties are broken by product id: the choice follows from the predictions alone.
    """
    table = _test_table(predictions)
    table["rank"] = table.sort_values("hash").groupby("true").cumcount()
    shared = table.loc[table["rank"] < n_shared, :].sort_values(["rank", "hash"])[:max_shared]
    found, left = [shared.assign(kind=SHARED)], table.drop(shared.index)
    for kind in KINDS:
        own = left.loc[left["correct"] == kind.startswith("right"), :]
        own = own.sort_values(["probability", "product_id"], ascending=[not kind.endswith("_sure"), True])
        own = own.loc[own.groupby("true").cumcount().sort_values(kind="stable").index[: n_own.get(kind, 0)]]
        found.append(own.assign(kind=kind))
        left = left.drop(own.index)
    chosen = pd.concat(found)[list(Chosen._fields)]
    return [Chosen(*photo) for photo in chosen.itertuples(index=False, name=None)]


def _test_table(predictions: Predictions) -> pd.DataFrame:
    order = np.argsort(-predictions.probabilities, axis=1, kind="stable")
    table = predictions.products[["product_id", "split"]].reset_index(drop=True)
    table["row"], table["true"], table["predicted"] = (
        table.index,
        predictions.products["label_id"].to_numpy(),
        order[:, 0],
    )
    table["correct"] = table["predicted"] == table["true"]
    table["counter"] = np.where(table["correct"], order[:, 1], table["true"])
    table["probability"] = predictions.probabilities.max(axis=1)
    table = table.loc[table["split"] == "test", :].copy()
    table["hash"] = [hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest() for name in table["product_id"]]
    return table


def safe_name(product_id: str) -> str:
    """Return a file name without extension for any product id; unsafe ids get a digest, so none collide."""
    if _SAFE.match(product_id):
        return product_id
    slug = re.sub(r"[^A-Za-z0-9_-]+", "_", product_id).strip("_-")[:40]
    digest = hashlib.sha256(product_id.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{slug or 'product'}.{digest}"
