"""A trained PyTorch candidate behind `bakeoff.predictors.protocol`; always float32, however it trained."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.backbones.inference import for_cpu_inference
from bakeoff.core.allocator import allocator_name, keep_freed_memory
from bakeoff.core.errors import EvaluationError, MemoryExhaustedError, SetupError
from bakeoff.core.seeding import set_threads
from bakeoff.data.batching import PREDICT_BATCH
from bakeoff.data.photo import Photo
from bakeoff.data.products import Products
from bakeoff.data.transforms import to_unit, transform_photo
from bakeoff.learning.key import versions
from bakeoff.learning.out_of_memory import out_of_memory_in_words
from bakeoff.predictors.cost import count_gmacs, file_mib
from bakeoff.predictors.trained import load_photo_classifier
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.training import TrainingRecord
from bakeoff.scan.dispatch import resolve_recorded
from bakeoff.training.device import device_name, peak_cuda_memory_mib, resolve_device, synchronise
from bakeoff.training.losses import probabilities
from bakeoff.training.module import PhotoClassifier, photo_tensor


@dataclass(frozen=True)
class Network:
    """A classifier in evaluation mode on its device, and what is known of it."""

    model: PhotoClassifier
    settings: CandidateSettings
    labels: Sequence[str]
    probabilities: str
    """`softmax` or `sigmoid_normalised`."""
    scan: str | None
    title: str


SAME_WITHIN = 1e-4
"""How far a probability of a faster way of running the network may be from the plain one's."""
N_TRIALS = 3


class TorchPredictor:
    """A network ready to classify: a `Predictor`, `ImageGradients`, `Timeable`, and it gives features."""

    def __init__(self, network: Network, device: torch.device) -> None:
        model, preprocessing = network.model, network.settings.preprocessing
        self._model = model
        self._device = device
        self._preprocessing = preprocessing
        self._title = network.title
        self.labels = list(network.labels)
        self.image_size = preprocessing.image_size
        self.probability_kind = network.probabilities
        self.description: dict[str, Any] = {
            "framework": "pytorch",
            "runtime": "eager",
            "device": device.type,
            "device_name": device_name(device),
            "threads": torch.get_num_threads(),
            "dtype": "float32",
            "memory_format": "channels_last",
            "allocator": allocator_name(),
            "n_parameters": sum(parameter.numel() for parameter in model.parameters()),
            "file_mib": file_mib(model.classifier),
            "scan": network.scan,
            "versions": versions(network.settings.source),
        }

    @property
    def module(self) -> nn.Module:
        """The network in eval mode, (N, 3, H, W) float32 in [0, 1] to logits (N, K), normalisation included."""
        return self._model

    def images(self, products: Products) -> np.ndarray:
        """Return the products' photos, resized and cropped, (N, H, W, 3) float32 in [0, 1]."""
        return to_unit(np.stack([self.transform(products.photo(position)) for position in range(len(products))]))

    def predict(self, products: Products) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1, of N products, at least one."""
        return self.predict_images(self.images(products))

    def predict_images(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1, for images (N, H, W, 3) float32 in [0, 1]."""
        starts = range(0, len(images), PREDICT_BATCH)
        parts = [self.forward(images[start : start + PREDICT_BATCH]) for start in starts]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.labels)), dtype=np.float32)

    @torch.inference_mode()
    def classify_with_features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities (N, K) float32 and the backbone's pooled features (N, D) float32 in one pass.

        Args:
            images: (N, H, W, 3) float32 in [0, 1], at least one.
        """
        found, features = [], []
        for start in range(0, len(images), PREDICT_BATCH):
            photos = images[start : start + PREDICT_BATCH]
            with self._in_words("predicting", photos):
                pooled = self._model.features(photo_tensor(photos, self._device))
                found.append(self._probabilities(self._model.classifier.head(pooled)))
                features.append(pooled.float().cpu().numpy())
        return np.concatenate(found), np.concatenate(features)

    def gradients(self, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return d logit[target] / d image, (N, H, W, 3) float32.

        Args:
            images: (N, H, W, 3) float32 in [0, 1].
            targets: (N,) int, class indices below K.

        Raises:
            EvaluationError: the targets are not one class index per image.
        """
        chosen = np.asarray(targets, dtype=np.int64)
        if chosen.shape != (len(images),) or (len(chosen) and not 0 <= chosen.min() <= chosen.max() < len(self.labels)):
            raise EvaluationError(
                f"targets must be one class index from 0 to {len(self.labels) - 1} per image ({len(images)}), "
                f"got {chosen.tolist()}."
            )
        parts = []
        for start in range(0, len(images), PREDICT_BATCH):
            photos = images[start : start + PREDICT_BATCH]
            with self._in_words("gradients of", photos):
                batch = photo_tensor(photos, self._device).requires_grad_(True)
                index = torch.from_numpy(chosen[start : start + PREDICT_BATCH]).to(self._device)
                score = self._model(batch).gather(1, index[:, None]).sum()
                (gradient,) = torch.autograd.grad(score, batch)
                parts.append(gradient.permute(0, 2, 3, 1).cpu().numpy())
        return np.ascontiguousarray(np.concatenate(parts), dtype=np.float32)

    def transform(self, photo: Photo) -> np.ndarray:
        """Return a decoded photo resized and cropped, (H, W, 3) uint8."""
        return transform_photo(photo, self._preprocessing)

    @torch.inference_mode()
    def forward(self, pixels: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities of photos (N, H, W, 3), uint8 or in [0, 1], in a single forward pass."""
        with self._in_words("predicting", pixels):
            return self._probabilities(self._model(photo_tensor(pixels, self._device)))

    def count_gmacs(self) -> tuple[float | None, str]:
        """Return 1e9 multiply-adds of one image's forward pass, and who counted them."""
        return count_gmacs(self._model, self.image_size, self._device), "torch.utils.flop_counter"

    def device_peak_mib(self, *, reset: bool = False) -> float | None:
        """Return the largest memory allocated on a CUDA device since the last reset, MiB; None elsewhere."""
        if reset and self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        return peak_cuda_memory_mib(self._device)

    def compiled_call(self, images: np.ndarray) -> Callable[[], None]:
        """Return a call of one synchronised forward pass of these images, already on the device, and nothing else."""
        with self._in_words("measuring", images):
            batch = photo_tensor(images, self._device)

        @torch.inference_mode()
        def forward_once() -> None:
            with self._in_words("measuring", images):
                self._model(batch)
                synchronise(self._device)

        return forward_once

    def set_threads(self, n_threads: int) -> None:
        """Use this many CPU threads from here on."""
        self.description["threads"] = set_threads(n_threads)

    @torch.inference_mode()
    def speed_up(self) -> str:
        """Predict from here on in the fastest way whose probabilities agree with the plain network's; return which.

        On a CPU that is a copy with packed weights (`bakeoff.backbones.inference`), where it proves faster on a few
        test images and no probability differs by more than `SAME_WITHIN`.
        """
        plain, runtime = self._model, self.description["runtime"]
        if self._device.type != "cpu" or runtime != "eager":
            return str(runtime)
        images = np.random.default_rng(0).random((8, self.image_size, self.image_size, 3), dtype=np.float32)
        expected = self.forward(images)
        try:
            packed: Any = for_cpu_inference(plain)
            self._model = packed
            agrees = np.abs(self.forward(images) - expected).max() <= SAME_WITHIN
        except (SetupError, AttributeError, RuntimeError):  # a network whose code reads a layer's own weights
            packed, agrees = plain, False
        seconds: dict[bool, list[float]] = {True: [], False: []}
        for is_packed in (True, False) * (N_TRIALS if agrees else 0):
            self._model = packed if is_packed else plain
            start = time.perf_counter()
            self.forward(images)
            seconds[is_packed].append(time.perf_counter() - start)
        faster = agrees and np.median(seconds[True]) < np.median(seconds[False])
        self._model = packed if faster else plain
        self.description["runtime"] = "eager, packed weights" if faster else runtime
        return str(self.description["runtime"])

    def _in_words(self, activity: str, images: np.ndarray) -> AbstractContextManager[None]:
        """Tell in words that memory ran out, and what to set."""
        sizes = f"{len(images)} photos of {images.shape[1]} x {images.shape[2]} px"
        doing = f"{self._title}: {activity} {sizes} on {self._device.type}"
        return out_of_memory_in_words(
            MemoryExhaustedError, doing, remedies="lower the backbone's image_size, or set compute.device: cpu"
        )

    def _probabilities(self, logits: Tensor) -> np.ndarray:
        values = probabilities(logits, self.probability_kind).cpu().numpy()
        if not np.isfinite(values).all():
            raise EvaluationError(f"{self._title} gives scores that are no numbers; train it at a lower learning rate.")
        return values


def load_torch_predictor(
    training_dir: Path, *, weights_root: Path | None = None, device: str = "auto"
) -> TorchPredictor:
    """Return the predictor of a training folder, at the thread count it was trained with.

    Args:
        training_dir: runs/<candidate>/seed_<s>/training.
        weights_root: folder with weights/<model>; None = where training.json says, from the project's folder.
        device: auto, cpu, cuda or mps.

    Raises:
        EvaluationError: the folder holds no PyTorch training.
        WeightsError: a frozen candidate's weights are not those it was trained on.
        TrainingError: the model file does not fit, or the device is not there.
    """
    record = TrainingRecord.read(training_dir / "training.json")
    chosen = resolve_device(device)
    set_threads(record.threads)
    keep_freed_memory()
    torch.backends.cudnn.deterministic = True
    model = load_photo_classifier(training_dir, weights_root=weights_root, device=chosen)
    scan = record.scan and resolve_recorded(record.scan, chosen.type)
    network = Network(model, record.backbone, record.labels, record.probabilities, scan, record.title)
    return TorchPredictor(network, chosen)
