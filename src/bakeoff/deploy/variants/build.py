"""How each variant is made of the trained network: photos in, logits out, always the same signature."""

import copy
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.backbones.inference import for_cpu_inference
from bakeoff.backbones.onnx_export import export_onnx, open_onnx
from bakeoff.core.errors import EvaluationError
from bakeoff.predictors.torch_predictor import file_mib
from bakeoff.training.device import synchronise
from bakeoff.training.module import PhotoClassifier, photo_tensor

Logits = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Plain:
    """The trained network as the study measures it, and where its variants' files may lie."""

    network: PhotoClassifier
    image_size: int
    device: torch.device
    folder: Path


@dataclass(frozen=True)
class Variant:
    """A way of running the network."""

    logits: Logits  # (N, H, W, 3) float32 in [0, 1] to (N, K) float32; back when the device is done
    size_mib: float
    setup_s: float  # seconds to make it: export, quantisation; compiling comes with the first call and is added there


def build(name: str, plain: Plain) -> Variant:
    """Return a variant, one of BUILDERS, ready to run; an EvaluationError where the device has no such variant."""
    start = time.perf_counter()
    made = BUILDERS[name](plain)
    if not isinstance(made, Path):
        return Variant(made, file_mib(plain.network.classifier), time.perf_counter() - start)
    run, size_mib = open_onnx(made), made.stat().st_size / 2**20

    def logits(photos: np.ndarray) -> np.ndarray:
        return run(np.ascontiguousarray(photos.transpose(0, 3, 1, 2)))

    return Variant(logits, size_mib, time.perf_counter() - start)


def plain_variant(plain: Plain) -> Variant:
    """Return the network as it is: channels last, float32, eager."""
    return Variant(_torch_logits(plain.network, plain.device), file_mib(plain.network.classifier), 0.0)


def _contiguous(plain: Plain) -> Logits:
    network = copy.deepcopy(plain.network).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return _torch_logits(network, plain.device, contiguous=True)


def _packed(plain: Plain) -> Logits:
    if plain.device.type != "cpu":
        raise EvaluationError(
            f"packed weights are for CPUs, the device is {plain.device.type}; set compute.device: cpu."
        )
    return _torch_logits(for_cpu_inference(plain.network), plain.device)


def _compiled(plain: Plain) -> Logits:
    network: Any = torch.compile(copy.deepcopy(plain.network), dynamic=False)
    return _torch_logits(network, plain.device)


def _bf16(plain: Plain) -> Logits:
    inner = _torch_logits(plain.network, plain.device)

    def logits(photos: np.ndarray) -> np.ndarray:
        with torch.autocast(plain.device.type, torch.bfloat16):
            return inner(photos)

    return logits


def _exported(plain: Plain) -> Path:
    """Return the network as an ONNX file, written at the first use; an EvaluationError where it is not on a CPU."""
    if plain.device.type != "cpu":
        raise EvaluationError(
            f"ONNX Runtime runs on the CPU here, the device is {plain.device.type}; set compute.device: cpu."
        )
    path = plain.folder / "plain.onnx"
    if not path.is_file():
        export_onnx(plain.network, path, image_size=plain.image_size)
    return path


def _int8_dynamic(plain: Plain) -> Path:
    """Quantise the weights of the exported file to 8 bits; activations are quantised as they come."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    target = plain.folder / "int8.onnx"
    model = onnx.load(_exported(plain))
    del model.graph.value_info[:]  # the exporter's shapes; the quantiser infers its own and stumbles over those
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises a preprocessing that the exporter has done already
    try:
        quantize_dynamic(model, target, weight_type=QuantType.QUInt8)
    finally:
        root.setLevel(level)
    return target


BUILDERS: dict[str, Callable[[Plain], Logits | Path]] = {
    "contiguous": _contiguous,
    "packed": _packed,
    "compile": _compiled,
    "bf16": _bf16,
    "onnxruntime": _exported,
    "int8_dynamic": _int8_dynamic,
}
"""By name, what PyTorch runs, or the file that ONNX Runtime does; `plain` stands beside them all."""


def _torch_logits(network: nn.Module, device: torch.device, *, contiguous: bool = False) -> Logits:
    @torch.inference_mode()
    def logits(photos: np.ndarray) -> np.ndarray:
        images: Tensor = photo_tensor(photos, device)
        found = network(images.contiguous() if contiguous else images)
        synchronise(device)
        return found.float().cpu().numpy()

    return logits
