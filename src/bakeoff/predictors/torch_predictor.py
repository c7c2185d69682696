"""A trained PyTorch candidate behind `bakeoff.predictors.protocol.Predictor`; always float32, however it trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from bakeoff.core.allocator import allocator_name, keep_freed_memory
from bakeoff.core.errors import DataError, EvaluationError, MemoryExhaustedError
from bakeoff.core.paths import state_dir
from bakeoff.core.seeding import set_threads
from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import to_unit
from bakeoff.learning.key import versions
from bakeoff.predictors.cost import count_gmacs, file_mib
from bakeoff.predictors.trained import load_photo_classifier, read_training, recorded_settings
from bakeoff.scan.dispatch import resolve_recorded
from bakeoff.training.data import transform_photo
from bakeoff.training.device import device_name, peak_cuda_memory_mib, resolve_device, synchronise
from bakeoff.training.features import cached_features
from bakeoff.training.losses import PROBABILITY_KINDS, loss_by_name, probabilities
from bakeoff.training.module import PhotoClassifier, photo_tensor
from bakeoff.training.out_of_memory import out_of_memory_in_words

Rows = Sequence[int] | np.ndarray


class TorchPredictor:
    """A trained candidate, ready to classify; a frozen one answers about catalogue rows from its cached features."""

    def __init__(
        self,
        model: PhotoClassifier,
        record: dict[str, Any],
        catalogue: Catalogue,
        *,
        batch_size: int,
        device: torch.device,
    ) -> None:
        self._model = model
        self._record = record
        self._catalogue = catalogue
        self._batch_size = batch_size
        self._device = device
        self._settings = recorded_settings(record)
        self._features: np.ndarray | None = None
        self.labels: list[str] = list(record["labels"])
        self.image_size: int = self._settings.preprocessing.image_size
        self.loss_name: str = record["loss"]
        self.probability_kind: str = PROBABILITY_KINDS[self.loss_name]
        self.description: dict[str, object] = {
            "framework": "pytorch",
            "runtime": "eager",
            "device": device.type,
            "device_name": device_name(device),
            "threads": torch.get_num_threads(),
            "dtype": "float32",
            "memory_format": "channels_last",
            "allocator": allocator_name(),
            "n_parameters": record["n_parameters"],
            "size_mib": record["size_mib"],
            "file_mib": file_mib(model.classifier),
            "scan": record["scan"] and resolve_recorded(record["scan"], device.type),
            "versions": versions(self._settings.source),
        }
        self.structure: dict[str, object] = {
            "source": self._settings.source,
            "name": self._settings.name,
            "network_files": record["weights"].get("network_files"),
            "preprocessing": self._settings.preprocessing.model_dump(mode="json"),
            "head": self._settings.head.model_dump(mode="json"),
            "n_classes": len(self.labels),
            "scan": self.description["scan"],
        }

    @property
    def module(self) -> nn.Module:
        """The network in eval mode, (N, 3, H, W) float32 in [0, 1] to logits (N, K), normalisation included."""
        return self._model

    def images(self, rows: Rows) -> np.ndarray:
        """Return the products' photos, resized and cropped, (N, H, W, 3) float32 in [0, 1]."""
        return to_unit(self._pixels(np.asarray(rows, dtype=np.int64)))

    def predict_images(self, images: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities, rows sum to 1, for images (N, H, W, 3) float32 in [0, 1]."""
        starts = range(0, len(images), self._batch_size)
        parts = [self._probabilities(self._photo_logits(images[start : start + self._batch_size])) for start in starts]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.labels)), dtype=np.float32)

    @torch.inference_mode()
    def classify_with_features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities (N, K) float32 and the backbone's pooled features (N, D) float32 in one pass.

        Args:
            images: (N, H, W, 3) float32 in [0, 1], at least one.
        """
        probabilities, features = [], []
        for start in range(0, len(images), self._batch_size):
            photos = images[start : start + self._batch_size]
            with self._in_words("predicting", photos, setting=f"lower evaluate.batch_size (now {self._batch_size})"):
                pooled = self._model.features(photo_tensor(photos, self._device))
                probabilities.append(self._probabilities(self._model.classifier.head(pooled)))
                features.append(pooled.float().cpu().numpy())
        return np.concatenate(probabilities), np.concatenate(features)

    def predict(self, rows: Rows) -> Iterator[np.ndarray]:
        """Yield (n, K) float32 probabilities batch by batch over `rows`, in order."""
        for _, logits in self._row_logits(rows):
            yield self._probabilities(logits)

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
        for start in range(0, len(images), self._batch_size):
            photos = images[start : start + self._batch_size]
            with self._in_words("gradients of", photos, setting="set compute.device: cpu"):
                batch = photo_tensor(photos, self._device).requires_grad_(True)
                index = torch.from_numpy(chosen[start : start + self._batch_size]).to(self._device)
                score = self._model(batch).gather(1, index[:, None]).sum()
                (gradient,) = torch.autograd.grad(score, batch)
                parts.append(gradient.permute(0, 2, 3, 1).cpu().numpy())
        return np.ascontiguousarray(np.concatenate(parts), dtype=np.float32)

    def training_loss(self, probabilities_rows: Rows) -> float:
        """Return the mean training loss over products.

        Raises:
            EvaluationError: there are no rows.
        """
        if len(probabilities_rows) == 0:
            raise EvaluationError("the mean training loss needs at least one row, got none; look at the split.")
        loss, total = loss_by_name(self.loss_name), 0.0
        for rows, logits in self._row_logits(probabilities_rows):
            labels = torch.from_numpy(self._catalogue.label_ids(rows)).to(logits.device)
            total += float(loss(logits, labels).double().sum())
        return total / len(probabilities_rows)

    def transform(self, photo: Image.Image) -> np.ndarray:
        """Return a decoded photo resized and cropped, (H, W, 3) uint8."""
        return transform_photo(photo, self._settings.preprocessing)

    def forward(self, pixels: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities of photos (N, H, W, 3) uint8 in a single forward pass."""
        return self._probabilities(self._photo_logits(pixels))

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
        setting = f"lower throughput.batch_sizes (now {len(images)})"
        with self._in_words("measuring", images, setting=setting):
            batch = photo_tensor(images, self._device)

        @torch.inference_mode()
        def forward_once() -> None:
            with self._in_words("measuring", images, setting=setting):
                self._model(batch)
                synchronise(self._device)

        return forward_once

    def set_threads(self, n_threads: int) -> None:
        """Use this many CPU threads from here on; cached features belong to a thread count and are looked up anew."""
        if set_threads(n_threads) != self.description["threads"]:
            self.description["threads"] = n_threads
            self._features = None

    @torch.inference_mode()
    def _row_logits(self, rows: Rows) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield catalogue rows (n,) and their logits (n, K), batch by batch."""
        positions = np.asarray(rows, dtype=np.int64)
        for start in range(0, len(positions), self._batch_size):
            batch = positions[start : start + self._batch_size]
            if self._record["mode"] == "frozen":
                features = torch.from_numpy(self._all_features()[batch]).to(self._device)
                yield batch, self._model.classifier.head(features)
            else:
                yield batch, self._photo_logits(self._pixels(batch))

    @torch.inference_mode()
    def _photo_logits(self, images: np.ndarray) -> Tensor:
        with self._in_words("predicting", images, setting=f"lower evaluate.batch_size (now {self._batch_size})"):
            return self._model(photo_tensor(images, self._device))

    def _in_words(self, activity: str, images: np.ndarray, *, setting: str) -> AbstractContextManager[None]:
        """Tell in words that memory ran out, and what to set."""
        sizes = f"{len(images)} photos of {images.shape[1]} x {images.shape[2]} px"
        doing = f"{self._record['candidate']} seed {self._record['seed']}: {activity} {sizes} on {self._device.type}"
        remedies = f"{setting} or the backbone's image_size"
        return out_of_memory_in_words(MemoryExhaustedError, doing, remedies=remedies)

    def _all_features(self) -> np.ndarray:
        """Return the whole catalogue's features (N, D) on this machine with these threads, computed at first use."""
        if self._features is None:
            current = {
                name: self.description[name] for name in ("device", "device_name", "threads", "scan", "versions")
            }
            header = self._record | current
            self._features = cached_features(
                self._model, self._catalogue, header=header, root=state_dir("features")
            ).array
        return self._features

    def _pixels(self, rows: np.ndarray) -> np.ndarray:
        """Return (N, H, W, 3) uint8."""
        store, preprocessing = self._catalogue.store, self._settings.preprocessing
        photos = [transform_photo(store.read(int(row)), preprocessing) for row in self._catalogue.image_rows(rows)]
        return np.stack(photos)

    def _probabilities(self, logits: Tensor) -> np.ndarray:
        values = probabilities(logits, self.loss_name).cpu().numpy()
        if not np.isfinite(values).all():
            raise EvaluationError(
                f"{self._record['candidate']} gives scores that are not numbers; train it at a lower learning rate."
            )
        return values


def load_torch_predictor(
    training_dir: Path,
    catalogue: Catalogue,
    *,
    weights_root: Path | None = None,
    batch_size: int,
    device: str = "auto",
) -> TorchPredictor:
    """Return the predictor of a training folder, at the thread count it was trained with.

    Args:
        training_dir: runs/<candidate>/seed_<s>/training.
        catalogue: the products it is asked about.
        weights_root: folder with weights/<model>; None = where training.json says, from the project's folder.
        batch_size: photos per forward pass.
        device: auto, cpu, cuda or mps.

    Raises:
        EvaluationError: the folder holds no training.
        DataError: it was trained for other classes.
        WeightsError: a frozen candidate's weights are not those it was trained on.
        TrainingError: the model file does not fit, or the device is not there.
    """
    record = read_training(training_dir)
    if record["labels"] != catalogue.labels:
        raise DataError(
            f"{training_dir} was trained for the classes {record['labels']}, the catalogue has {catalogue.labels}; "
            "run `dvc repro`."
        )
    chosen = resolve_device(device)
    set_threads(record["threads"])
    keep_freed_memory()
    torch.backends.cudnn.deterministic = True
    model = load_photo_classifier(training_dir, weights_root=weights_root, device=chosen)
    return TorchPredictor(model, record, catalogue, batch_size=batch_size, device=chosen)
