"""A PyTorch candidate as a `Predictor`; always float32, however it trained."""

import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bakeoff.backbones.classifier import build_classifier, n_parameters, set_mode
from bakeoff.backbones.inference import for_cpu_inference
from bakeoff.core.allocator import keep_freed_memory
from bakeoff.core.errors import EvaluationError, SetupError
from bakeoff.core.modes import parse_mode
from bakeoff.core.seeding import set_threads
from bakeoff.data.products import Products
from bakeoff.learning.key import versions
from bakeoff.predictors.protocol import N_TRIALS, Predictor, batches
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.training import TrainingRecord
from bakeoff.scan.dispatch import resolve_recorded
from bakeoff.training.checkpoint import MODEL_FILE, load_classifier
from bakeoff.training.device import device_name, peak_cuda_memory_mib, resolve_device, synchronise
from bakeoff.training.losses import probabilities
from bakeoff.training.module import PhotoClassifier, photo_tensor

SAME_WITHIN = 1e-4  # how far a probability of a faster way of running the network may be from the plain one's


class TorchPredictor(Predictor):
    """A network ready to classify, which also gives features; its score is the logit.

    Its `module` takes (N, 3, H, W) float32 in [0, 1] to logits (N, K), in eval mode, normalisation included.
    """

    SIZE_SETTING = "the backbone's image_size"

    def __init__(
        self,
        model: PhotoClassifier,
        settings: CandidateSettings,
        *,
        labels: Sequence[str],
        probability_kind: str,
        scan: str | None,
        title: str,
    ) -> None:
        """Take a classifier in evaluation mode on its device."""
        self.module, self._device = model, model.mean.device
        super().__init__(
            title,
            labels,
            settings.preprocessing,
            probability_kind,
            framework="pytorch",
            runtime="eager",
            device=self._device.type,
            device_name=device_name(self._device),
            threads=torch.get_num_threads(),
            n_parameters=n_parameters(model),
            file_mib=file_mib(model.classifier),
            scan=scan,
            versions=versions(settings.source),
        )

    def features(self, products: Products) -> np.ndarray:
        """Return pooled features (N, D) float32 of N products, at least one."""
        return self.classify_with_features(self.images(products))[1]

    @torch.inference_mode()
    def classify_with_features(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities (N, K) float32 and pooled features (N, D) float32, N at least 1, in one pass."""
        found, features = [], []
        for photos in batches(images):
            with self._in_words("predicting", photos):
                pooled = self.module.features(photo_tensor(photos, self._device))
                found.append(self._probabilities(self.module.classifier.head(pooled)))
                features.append(pooled.float().cpu().numpy())
        return np.concatenate(found), np.concatenate(features)

    @torch.inference_mode()
    def forward(self, batch: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 probabilities of photos (N, H, W, 3), uint8 or in [0, 1], in a single forward pass."""
        with self._in_words("predicting", batch):
            return self._probabilities(self.module(photo_tensor(batch, self._device)))

    def count_gmacs(self) -> tuple[float | None, str]:
        """Return 1e9 multiply-adds of one image's forward pass, and who counted them."""
        return count_gmacs(self.module, self.image_size, self._device), "torch.utils.flop_counter"

    def device_peak_mib(self, *, reset: bool = False) -> float | None:
        """Return the largest memory allocated on a CUDA device since the last reset, MiB; None elsewhere."""
        if reset and self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        return peak_cuda_memory_mib(self._device)

    def _ready_call(self, images: np.ndarray) -> Callable[[], None]:
        batch = photo_tensor(images, self._device)

        @torch.inference_mode()
        def call() -> None:
            self.module(batch)
            synchronise(self._device)

        return call

    def set_threads(self, n_threads: int) -> None:
        """Use this many CPU threads from here on."""
        self.description["threads"] = set_threads(n_threads)

    @torch.inference_mode()
    def speed_up(self, *, n_trials: int = N_TRIALS) -> str:
        """Predict from here on in the fastest way whose probabilities agree with the plain network's; return which.

        On a CPU that is a copy with packed weights (`bakeoff.backbones.inference`), where it proves faster in
        `n_trials` on a few test images (0 = it is taken to be), and no probability differs by more than `SAME_WITHIN`.
        """
        plain, runtime = self.module, super().speed_up()
        if self._device.type != "cpu" or runtime != "eager":
            return runtime
        images = np.random.default_rng(0).random((8, self.image_size, self.image_size, 3), dtype=np.float32)
        expected = self.forward(images)
        try:
            packed: Any = for_cpu_inference(plain)
            self.module = packed
            agrees = np.abs(self.forward(images) - expected).max() <= SAME_WITHIN
        except (SetupError, AttributeError, RuntimeError):  # a network whose code reads a layer's own weights
            packed, agrees = plain, False
        seconds: dict[bool, list[float]] = {True: [], False: []}
        for is_packed in (True, False) * (n_trials if agrees else 0):
            self.module = packed if is_packed else plain
            start = time.perf_counter()
            self.forward(images)
            seconds[is_packed].append(time.perf_counter() - start)
        faster = agrees and (not n_trials or np.median(seconds[True]) < np.median(seconds[False]))
        self.module = packed if faster else plain
        self.description["runtime"] = "eager, packed weights" if faster else runtime
        return str(self.description["runtime"])

    def _probabilities(self, logits: Tensor) -> np.ndarray:
        values = probabilities(logits, self.probability_kind).cpu().numpy()
        if not np.isfinite(values).all():
            raise EvaluationError(f"{self.title} gives scores that are no numbers; train it at a lower learning rate.")
        return values


def load_torch_predictor(
    training_dir: Path, *, weights_root: Path | None = None, device: str = "auto", fresh_seed: int | None = None
) -> TorchPredictor:
    """Return the predictor of a training folder, at the thread count it was trained with.

    The arguments and errors are those of `load_photo_classifier`; a TrainingError where the device is not there.
    """
    record = TrainingRecord.read(training_dir / "training.json")
    chosen = resolve_device(device)
    set_threads(record.threads)
    keep_freed_memory()
    torch.backends.cudnn.deterministic = True
    model = load_photo_classifier(training_dir, weights_root=weights_root, device=chosen, fresh_seed=fresh_seed)
    return TorchPredictor(
        model,
        record.backbone,
        labels=record.labels,
        probability_kind=record.probabilities,
        scan=record.scan and resolve_recorded(record.scan, chosen.type),
        title=record.title,
    )


def load_photo_classifier(
    training_dir: Path, *, weights_root: Path | None = None, device: torch.device, fresh_seed: int | None = None
) -> PhotoClassifier:
    """Return the trained network of a training folder in evaluation mode on a device.

    `weights_root` has weights/<model>; None = where training.json says, from the project's folder. With `fresh_seed`
    nothing is loaded: the weights are drawn by that seed, as for a random start. An EvaluationError where the folder
    holds no PyTorch training, a WeightsError where a frozen candidate's weights are not those it was trained on, a
    TrainingError where the model file does not fit.
    """
    record = TrainingRecord.read(training_dir / "training.json")
    settings, mode = record.backbone, parse_mode(record.mode)
    weights_dir = record.own_weights(training_dir, weights_root) if mode.kept == "head" else None
    classifier = build_classifier(
        settings,
        n_classes=len(record.labels),
        seed=record.seed if fresh_seed is None else fresh_seed,
        weights_dir=weights_dir if fresh_seed is None else None,
        scan=resolve_recorded(record.scan, device.type),
        network_dir=weights_dir or training_dir,
    )
    if fresh_seed is None:
        load_classifier(classifier, mode, training_dir / MODEL_FILE)
    set_mode(classifier, mode)
    model = PhotoClassifier(classifier, settings.preprocessing).eval()
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def count_gmacs(model: nn.Module, image_size: int, device: torch.device) -> float:
    """Return 1e9 multiply-adds of one image's forward pass: convolutions, matrix products, attention and the scan.

    What is no multiply-add there (norms, activations, sums) is left out, as the literature does. The model takes images
    (N, 3, H, W) float32 in [0, 1], H = W = `image_size` px, in evaluation mode on `device`.
    """
    image = torch.zeros(1, 3, image_size, image_size, device=device)
    # Our own operator, which PyTorch's counter cannot look into, where it is loaded.
    formulas = {torch.ops.bakeoff.selective_scan: scan_flops} if hasattr(torch.ops.bakeoff, "selective_scan") else {}
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        model(image)
    return counter.get_total_flops() / 2e9  # a multiply-add counts as two operations there


def scan_flops(u: Any, delta: Any, A: Any, *_given: Any, **_named: Any) -> int:
    """Return the operations of one selective scan, two per multiply-add, from the shapes of u (b, d, L) and A (d, n).

    Per state: delta·A, the input's weight, the state's update and its share in the output; per channel: delta·u, D·u.
    """
    b, d, length = (part if isinstance(part, int) else int(part) for part in tuple(u))
    return 2 * b * d * length * (4 * tuple(A)[-1] + 2)


def file_mib(network: nn.Module) -> float:
    """Return how large the whole network is as a safetensors file, MiB, whatever of it a training stores."""
    state = network.state_dict()
    header, offset = {}, 0
    for name, tensor in state.items():
        size = math.prod(tensor.shape) * tensor.element_size()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    return (8 + len(json.dumps(header, separators=(",", ":"))) + offset) / 2**20  # 8 bytes tell the header's length
