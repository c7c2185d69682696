"""How large a classifier is: one measure for both frameworks, whatever their files look like."""

import math
from collections.abc import Iterable, Sequence

_FLOAT32_BYTES = 4


def size_mib(shapes: Iterable[Sequence[int]]) -> float:
    """Return the memory that a deployed classifier's numbers take as float32, MiB."""
    return _FLOAT32_BYTES * sum(math.prod(shape) for shape in shapes) / 2**20
