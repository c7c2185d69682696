"""A device that runs out of memory, told in one sentence with what to set; errors are known by name, not imported."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bakeoff.core.errors import BakeoffError

_ERRORS = {"OutOfMemoryError", "ResourceExhaustedError"}
"""PyTorch's, of CUDA alone, and TensorFlow's; MPS and PyTorch's CPU allocator raise a RuntimeError with these words:"""
_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


@contextmanager
def out_of_memory_in_words(error: type[BakeoffError], doing: str, *, remedies: str) -> Iterator[None]:
    """Turn an exhausted device into `error`, which says what went on and what to set; any other error passes."""
    try:
        yield
    except Exception as caught:
        told = isinstance(caught, RuntimeError) and any(words in str(caught).lower() for words in _WORDS)
        if not told and type(caught).__name__ not in _ERRORS:
            raise
        raise error(f"{doing}: out of memory; {remedies}.") from None


def inputs_in_words(shape: Sequence[int]) -> str:
    """Return a batch's size: `16 photos of 224 x 224 px` for (N, 3, H, W), `16 rows of 1280 features` for (N, D)."""
    if len(shape) >= 3 and shape[1] != 3:
        return f"{shape[0]} maps of {' x '.join(map(str, shape[1:]))}"
    if len(shape) >= 3:
        return f"{shape[0]} photos of {shape[2]} x {shape[3]} px"
    return f"{shape[0]} rows of {shape[-1]} features"
