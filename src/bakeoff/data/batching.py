"""How rows are cut into batches, the same in both frameworks; imports neither."""

import numpy as np

PREDICT_BATCH = 32
"""Photos per forward pass when predicting; not a parameter, since another batch size rounds differently."""


def n_batches(n_rows: int, batch_size: int, least: int = 2) -> int:
    """Return the number of batches; a last one of fewer than `least` rows joins the one before.

    Batch norm cannot train on one row. A batch size of 1 leaves every row a batch of its own.
    """
    whole, rest = divmod(n_rows, batch_size)
    joins = rest < least and whole > 0
    return whole + (rest > 0 and not joins)


def batch_slice(index: int, n_rows: int, batch_size: int, least: int = 2) -> slice:
    """Return which rows of the order batch `index` holds."""
    start = index * batch_size
    is_last = index == n_batches(n_rows, batch_size, least) - 1
    return slice(start, n_rows if is_last else start + batch_size)


def split_batches(order: np.ndarray, batch_size: int, least: int = 2) -> list[list[int]]:
    """Return the order (N,) cut into batches."""
    n, cut = len(order), (batch_size, least)
    return [order[batch_slice(index, n, *cut)].tolist() for index in range(n_batches(n, *cut))]
