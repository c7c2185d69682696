"""Where a training starts: ImageNet weights fetched beforehand, an earlier project's file, or random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeoff.backbones.weights.record import WeightsRecord
from bakeoff.baseline_tf.model import build_backbone
from bakeoff.baseline_tf.weights_file import load_backbone, read_weights_file
from bakeoff.errors import WeightsError
from bakeoff.params import BaselineParams
from bakeoff.paths import main_checkout


def user_file(given: str) -> Path:
    """Return a path that params.yaml names: absolute, or in the main checkout (DVC's copies lack such files)."""
    return main_checkout() / given


def initial_backbone(params: BaselineParams, *, weights_dir: Path, record: WeightsRecord) -> Any:
    """Return the backbone with the weights its training starts from.

    Args:
        params: section `baseline`; `weights_file` comes before `pretrained`.
        weights_dir: weights/baseline_tf, what `bakeoff weights` fetched.
        record: its record.json.

    Raises:
        WeightsError: a file is missing or belongs to another architecture.
    """
    if params.weights_file:
        return _from_earlier_file(params, user_file(params.weights_file))
    if params.pretrained == "random" or not record.pretrained:
        return build_backbone(params.image_size, imagenet_rescaling=False)
    path = weights_dir / Path(record.file or "efficientnetb0_notop.h5").name
    if not path.is_file():
        raise WeightsError(f"{path} is missing though its record names it; run `dvc repro -f weights_baseline`.")
    backbone = build_backbone(params.image_size, imagenet_rescaling=True)
    load_backbone(backbone, read_weights_file(path))
    return backbone


def _from_earlier_file(params: BaselineParams, path: Path) -> Any:
    """Return the backbone of an earlier project's file; where it does not say, `pretrained` tells its architecture."""
    weights = read_weights_file(path)
    said = weights.imagenet_rescaling
    rescaling = said if said is not None else params.pretrained == "imagenet"
    backbone = build_backbone(params.image_size, imagenet_rescaling=rescaling)
    load_backbone(backbone, weights)
    return backbone
