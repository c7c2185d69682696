"""A whole classifier as an ONNX file in standard operators, checked against PyTorch before anyone relies on it."""

import copy
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bakeoff.backbones.mamba import MambaBackbone
from bakeoff.core.errors import EvaluationError
from bakeoff.core.files import replacing

OPSET = 18
_TOLERANCE = 1e-3
"""Largest difference of a logit from PyTorch's over the largest logit; float32 sums in another order give 1e-5."""


def export_onnx(model: nn.Module, path: Path, *, image_size: int, metadata: Mapping[str, str] | None = None) -> float:
    """Write `model` to `path` and return how far ONNX Runtime's outputs are from PyTorch's, relative to the largest.

    The file's input is `images` (N, 3, image_size, image_size) float32, N free; its output `logits` (N, K) float32.
    MambaVision's scan is an ONNX `Scan`: no custom operator. A copy of the model is exported, in evaluation mode, with
    the words of `metadata`; an EvaluationError where it fails the check, on random images, that comes before it is
    written.
    """
    model = copy.deepcopy(model).cpu().float().eval()
    for module in model.modules():
        if isinstance(module, MambaBackbone):
            module.scan = "auto"  # the GPU's kernel cannot run on this copy; the file holds none of them
    images = torch.rand(2, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    with replacing(path) as partial:
        _write(model, images, partial, metadata or {})
        difference = compare_with_torch(model, partial, image_size=image_size)
        if not difference <= _TOLERANCE:
            raise EvaluationError(
                f"the ONNX export of {path.name} differs from PyTorch by {difference:.2g} of the largest logit, more "
                f"than {_TOLERANCE:g}; nothing was written."
            )
    return difference


def compare_with_torch(model: nn.Module, path: Path, *, image_size: int) -> float:
    """Return the largest difference between ONNX Runtime's and PyTorch's outputs over the largest output, 3 images."""
    images = torch.rand(3, 3, image_size, image_size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model(images).numpy()
    found = open_onnx(path)(images.numpy())
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))


def open_onnx(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return what ONNX Runtime makes of a file on the CPU: images (N, 3, H, W) float32 to logits (N, K) float32."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda images: np.asarray(session.run(None, {"images": images})[0], dtype=np.float32)


def _write(model: nn.Module, images: torch.Tensor, path: Path, metadata: Mapping[str, str]) -> None:
    from bakeoff.scan.onnx_operator import translation_table  # loads onnxscript, some seconds

    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        program = torch.onnx.export(
            model,
            (images,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("n_images")},),
            custom_translation_table=translation_table(),
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props.update(metadata)
    program.save(str(path), external_data=False)
