"""Backbones of the transformers library, by hub id or from a local folder; remote code is never run."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from bakeoff.backbones.compat import import_transformers
from bakeoff.backbones.settings import Preprocessing
from bakeoff.errors import ParamsError, WeightsError
from bakeoff.paths import main_checkout

_INTERPOLATIONS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}  # Pillow's numbers


class HfBackbone(nn.Module):
    """A transformers image model without its classifier: images (N, 3, H, W) to pooled features (N, D).

    With a classification class the features are what its own classifier would see; with a backbone class, the mean of
    the last feature map.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return pooled features (N, D) of images (N, 3, H, W)."""
        output = self.network(images)
        if hasattr(output, "logits"):
            return output.logits.flatten(1)
        return output.feature_maps[-1].mean(dim=(2, 3))


def location(name: str) -> str:
    """Return the folder that `name` means (a relative one is taken from the main checkout), else the hub id."""
    folder = main_checkout() / name
    return str(folder) if folder.is_dir() else name


def build_hf(name: str, *, image_size: int) -> tuple[HfBackbone, int]:
    """Return the backbone with fresh weights and its width D."""
    return _stripped(_from_config(_config(name)), image_size)


def load_hf(name: str, *, image_size: int) -> HfBackbone:
    """Return the backbone with the weights of `name` (a folder, or a hub id).

    Raises:
        WeightsError: no weights there, or not all that the architecture needs.
    """
    transformers = import_transformers()
    config = _config(name)
    factory = transformers.AutoModelForImageClassification if _classifies(config) else transformers.AutoBackbone
    try:
        network, info = factory.from_pretrained(
            location(name), config=config, trust_remote_code=False, output_loading_info=True
        )
    except (OSError, ValueError) as error:
        raise WeightsError(f"no weights for {name!r}: {_first_line(error)}") from None
    missing = [key for key in info["missing_keys"] if not key.startswith("classifier")]
    if missing:
        raise WeightsError(
            f"the weights of {name!r} do not fill the architecture: {len(missing)} keys are missing, "
            f"first {', '.join(sorted(missing)[:3])}."
        )
    return _stripped(network, image_size)[0]


def hf_preprocessing(name: str, *, image_size: int | None) -> Preprocessing:
    """Return what the model's own image processor does.

    Raises:
        ParamsError: the processor cannot be read.
    """
    transformers = import_transformers()
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(location(name), trust_remote_code=False).to_dict()
    except (OSError, ValueError, ImportError) as error:
        raise ParamsError(_unreadable("preprocessor", name, error)) from None
    resized = _side(processor.get("size"))
    cropped = _side(processor.get("crop_size")) if processor.get("do_center_crop") else None
    side = image_size or cropped or resized
    if side is None:
        raise ParamsError(f"the image processor of {name!r} states no size; give the backbone an image_size.")
    ratio = min(1.0, cropped / resized) if cropped and resized else float(processor.get("crop_pct") or 1.0)
    normalise = processor.get("do_normalize", True)
    return Preprocessing(
        image_size=side,
        crop_pct=ratio,
        crop_mode="center" if cropped or "shortest_edge" in (processor.get("size") or {}) else "squash",
        interpolation=_INTERPOLATIONS.get(int(processor.get("resample") or 2), "bilinear"),
        mean=_triple(processor.get("image_mean") if normalise else None, 0.0),
        std=_triple(processor.get("image_std") if normalise else None, 1.0),
    )


def hf_licence(name: str) -> str | None:
    """Return the licence code in the model card of a local folder, or None; the hub's cards are not asked."""
    from huggingface_hub import metadata_load

    card = main_checkout() / name / "README.md"
    metadata = metadata_load(card) if card.is_file() else None
    return str(metadata["license"]) if metadata and metadata.get("license") else None


def _config(name: str) -> Any:
    transformers = import_transformers()
    try:
        return transformers.AutoConfig.from_pretrained(location(name), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ParamsError(_unreadable("configuration", name, error)) from None


def _classifies(config: Any) -> bool:
    transformers = import_transformers()
    return type(config) in transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING


def _from_config(config: Any) -> nn.Module:
    transformers = import_transformers()
    factory = transformers.AutoModelForImageClassification if _classifies(config) else transformers.AutoBackbone
    try:
        return factory.from_config(config, trust_remote_code=False)
    except (ValueError, TypeError) as error:
        raise ParamsError(
            f"transformers cannot build an image backbone from {type(config).__name__}: {_first_line(error)}"
        ) from None


def _stripped(network: nn.Module, image_size: int) -> tuple[HfBackbone, int]:
    if hasattr(network, "classifier"):
        network.classifier = nn.Identity()
    backbone = HfBackbone(network).eval()
    with torch.no_grad():
        features = backbone(torch.zeros(1, 3, image_size, image_size))
    return backbone.train(), features.shape[1]


def _side(size: Any) -> int | None:
    """Return the side in px from a processor's size: a number or {shortest_edge} or {height, width}."""
    if isinstance(size, int) or size is None:
        return size
    values = dict(size)
    side = values.get("shortest_edge") or values.get("height")
    return int(side) if side else None


def _triple(values: Any, default: float) -> tuple[float, float, float]:
    if values is None:
        return (default, default, default)
    if isinstance(values, int | float):
        return (float(values), float(values), float(values))
    red, green, blue = (float(value) for value in values)
    return (red, green, blue)


def _unreadable(what: str, name: str, error: Exception) -> str:
    return (
        f"cannot read the {what} of the transformers model {name!r}: {_first_line(error)} "
        "Give a folder made by save_pretrained, or a hub id with the hub in reach; remote code is never run."
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
