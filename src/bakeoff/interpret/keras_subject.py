"""The Keras baseline as a `Subject`: in .venv-torch, where Captum is, it asks a process of .venv-tf."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.core.errors import BakeoffError
from bakeoff.core.machine import ComputeParams
from bakeoff.core.seeding import default_threads
from bakeoff.core.workers import WorkerProcess
from bakeoff.data.photo import as_image
from bakeoff.data.products import Products
from bakeoff.data.transforms import to_unit, transform_photo
from bakeoff.interpret import keras_worker
from bakeoff.interpret.subject import NotExplainable, Subject


class KerasProcess(WorkerProcess):
    """The process that holds the networks of one training folder."""

    def __init__(self, root: Path, training_dir: Path, compute: ComputeParams) -> None:
        threads = compute.threads or default_threads()
        given = (str(training_dir.resolve()), compute.device, str(threads))
        super().__init__(root, "tf", keras_worker.__name__, *given, purpose="interpretation")

    def ask(self, number: int, name: str, *given: Any) -> Any:
        """Return network `number`'s answer to a question of `keras_network.KerasNetwork`.

        Raises:
            BakeoffError: the one that the process tells; an EvaluationError where it ended without an answer.
        """
        self.send(pickle.dumps((number, name, given), protocol=pickle.HIGHEST_PROTOCOL))
        try:
            answer = pickle.load(self._answers)
        except (EOFError, pickle.UnpicklingError):
            raise self.ended() from None
        if isinstance(answer, BakeoffError):
            raise answer
        return answer


@contextmanager
def open_keras_subject(
    root: Path, training_dir: Path, compute: ComputeParams, *, batch_px: int
) -> Iterator["KerasSubject"]:
    """Give the block the baseline of a training folder, whose process runs in the project's folder `root`.

    Raises:
        EvaluationError: the environment or the training is missing.
    """
    with closing(KerasProcess(root, training_dir, compute)) as process:
        yield KerasSubject(process, batch_px=batch_px)


class KerasSubject(Subject):
    """One of the networks that a process holds."""

    def __init__(self, process: KerasProcess, *, batch_px: int, number: int = 0) -> None:
        self._process, self._batch_px, self._number = process, batch_px, number
        known = process.ask(number, "describe")
        self.score = known["score"]
        super().__init__(known["title"], known["labels"], known["preprocessing"], batch_px=batch_px)

    def images(self, products: Products) -> np.ndarray:
        """Return the products' photos as the network sees them, (N, H, W, 3) float32: resized by Pillow, as there."""
        photos = (as_image(products.photo(position)) for position in range(len(products)))
        return to_unit(np.stack([transform_photo(photo, self.preprocessing) for photo in photos]))

    def scores(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 logits; a foreign model's own output where that ends in an activation."""
        return self._ask("scores", images)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1."""
        return self._ask("probabilities", images)

    def gradients(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return d score[target] / d image, (N, H, W, 3) float32."""
        return self.slopes(images, np.eye(len(self.labels))[targets])

    def slopes(self, images: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return d (weights · scores) / d image, (N, H, W, 3) float32, by `weights` (N, K)."""
        return self._ask("slopes", images, weights)

    def feature_map(self, images: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the last map before pooling and d score[target] / d map, both (N, C, h, w) float32."""
        maps, slopes = self._ask("feature_map", images, np.eye(len(self.labels))[targets], axis=1)
        return maps, slopes

    def attention(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raise: the baseline is convolutional."""
        raise NotExplainable("it is a convolutional network, which has no attention.")

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the last map's means, (N, D) float32: the pooled features."""
        return self._ask("features", images)

    def randomised(self, seed: int) -> "KerasSubject":
        """Return the network with fresh weights, drawn by `seed` as for a random start; the same process holds it."""
        number = self._process.ask(self._number, "randomised", seed)
        return KerasSubject(self._process, batch_px=self._batch_px, number=number)

    @property
    def differentiable(self) -> Callable[[Any], Any]:
        """The network as a PyTorch function, tensors (N, 3, H, W) in [0, 1] to scores (N, K), with gradients."""
        from bakeoff.interpret.tensors import torch_function

        return torch_function(self.scores, self.slopes)

    def _ask(self, name: str, *given: np.ndarray, axis: int = 0) -> np.ndarray:
        """Return the answers to a question about the parts of the photos, which are counted by `axis`, in one array."""
        values = [np.ascontiguousarray(one, dtype=np.float32) for one in given]
        asked = ([one[part] for one in values] for part in self.parts(len(values[0])))
        return np.concatenate([self._process.ask(self._number, name, *part) for part in asked], axis=axis)
