"""A process of .venv-tf that holds the baseline and answers what `keras_subject.KerasSubject` asks.

A question is (number of a network, name of a method of `keras_network.KerasNetwork`, its arguments); the answer is what
the method returns, or the BakeoffError that it raises, both pickled. Network 0 is the trained one; a randomised one is
answered by its number. Run as `-m bakeoff.interpret.keras_worker TRAINING_DIR DEVICE THREADS` in the project's folder.
"""

import contextlib
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from bakeoff.core.errors import BakeoffError
from bakeoff.core.workers import keep_stdout

if TYPE_CHECKING:
    from bakeoff.interpret.keras_network import KerasNetwork


def serve(training_dir: Path, device: str, threads: int, questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until nobody asks any more; the network is loaded at the first question."""
    from bakeoff.interpret.keras_network import open_network  # prints what it likes, to stderr

    networks: list[KerasNetwork] = []
    for number, name, given in _pickled(questions):
        try:
            networks = networks or [open_network(training_dir, device=device, threads=threads)]
            answer = getattr(networks[number], name)(*given)
            if name == "randomised":
                networks.append(answer)
                answer = len(networks) - 1
        except BakeoffError as error:
            answer = error
        pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


def _pickled(stream: BinaryIO) -> Iterator[Any]:
    """Yield what was pickled into a stream, until it ends."""
    with contextlib.suppress(EOFError):
        while True:
            yield pickle.load(stream)


def main() -> None:
    """Keep stdout for the answers and serve the training folder of the command line."""
    training_dir, device, threads = sys.argv[1:]
    with os.fdopen(keep_stdout(), "wb") as answers:
        serve(Path(training_dir), device, int(threads), sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
