"""Which training photo a test photo resembles most, by a network's features: what is left of leakage after grouping."""

import numpy as np

from bakeoff.core.errors import DataError

_BLOCK = 2048  # train rows at once: 70 MB of similarities for 8,500 test rows


def nearest_train_neighbours(features_test: np.ndarray, features_train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each test row the train row of the highest cosine similarity, of equal ones the first.

    Args:
        features_test: (N, D) float32.
        features_train: (M, D) float32, M at least 1; may be memory-mapped.

    Returns:
        (N,) int64 rows of `features_train`, and (N,) float32 similarities, -1 to 1; 0 for a row of zeros.

    Raises:
        DataError: the shapes do not fit.
    """
    shapes = features_test.shape, features_train.shape
    if not (len(shapes[0]) == len(shapes[1]) == 2 and shapes[0][1] == shapes[1][1] and shapes[1][0]):
        raise DataError(f"features must be (N, D) and (M, D), M at least 1; got {shapes[0]} and {shapes[1]}.")
    index = np.zeros(len(features_test), dtype=np.int64)
    best = np.full(len(features_test), -np.inf, dtype=np.float32)
    test = _unit(features_test)
    for start in range(0, len(features_train), _BLOCK):
        similarity = test @ _unit(features_train[start : start + _BLOCK]).T
        places, values = similarity.argmax(axis=1), similarity.max(axis=1)
        closer = values > best
        index[closer], best[closer] = start + places[closer], values[closer]
    return index, best


def _unit(rows: np.ndarray) -> np.ndarray:
    """Return the rows at length 1, (N, D) float32."""
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
