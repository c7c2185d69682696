"""A device that runs out of memory, told in one sentence: which candidate, which batch, which size, what to set."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from bakeoff.core.errors import BakeoffError

# torch.OutOfMemoryError is CUDA's; MPS and the CPU's allocator raise a plain RuntimeError with these words.
_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


@contextmanager
def out_of_memory_in_words(error: type[BakeoffError], doing: str, *, remedies: str) -> Iterator[None]:
    """Turn an exhausted device into `error`; any other error passes."""
    try:
        yield
    except RuntimeError as caught:  # torch.OutOfMemoryError is one
        if not is_out_of_memory(caught):
            raise
        raise error(f"{doing}: out of memory; {remedies}.") from None


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that a device's memory, or the machine's, is exhausted."""
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error).lower() for words in _WORDS)


def inputs_in_words(shape: tuple[int, ...] | torch.Size) -> str:
    """Return a batch's size: `16 photos of 224 x 224 px` for (N, C, H, W), `16 rows of 1280 features` for (N, D)."""
    if len(shape) == 4:
        return f"{shape[0]} photos of {shape[2]} x {shape[3]} px"
    return f"{shape[0]} rows of {shape[-1]} features"
