"""Weights files of any Keras age, read by layer name into our EfficientNet-B0; nothing in a file is ever executed.

`.keras` (a zip), `.weights.h5` (Keras 3) and legacy `.h5` (weights alone or a whole model) hold the same layers under
the same names, flat or inside a nested model, with or without a head.
"""

import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bakeoff.baseline_tf.runtime import keras
from bakeoff.core.errors import WeightsError

SUFFIXES = (".weights.h5", ".h5", ".hdf5", ".keras")
_INERT = re.compile(
    r"input_layer|functional|sequential|activation|softmax|add|multiply|reshape|zero_padding2d|global_average_pooling2d"
    r"|random_\w+|gaussian_\w+|(spatial_|alpha_)?dropout(2d)?"
)
"""Layers without weights, by class, that our network has as well or that do nothing in prediction."""
_ALTERS = re.compile(r"(lambda|global_max_pooling2d|flatten|resizing|center_crop)(_\d+)?|tf\..*")
"""The same the other way round, by name, for legacy files, which name no classes."""
_BACKBONE_LAYER = re.compile(r"^(stem_|top_conv$|top_bn$|block\d+[a-z]_)")


@dataclass(frozen=True)
class WeightsFile:
    """The arrays of a weights file by layer name, in each layer's own order."""

    path: Path
    layers: dict[str, list[np.ndarray]]
    imagenet_rescaling: bool | None
    """Whether the network had Keras' extra Rescaling layer; None where the file does not say."""
    whole_model: bool  # the file also holds the architecture

    def others(self) -> dict[str, list[np.ndarray]]:
        """Return the layers that are not part of the backbone: the earlier project's head, and what alters photos."""
        return {
            name: arrays
            for name, arrays in self.layers.items()
            if not _BACKBONE_LAYER.match(name) and not name.startswith(("normalization", "seed_generator"))
        }


def read_weights_file(path: Path) -> WeightsFile:
    """Return what a `.keras`, `.weights.h5` or legacy `.h5` file holds.

    A WeightsError where the file is missing, has another ending, is in none of these formats, or holds NaN.
    """
    if not path.is_file():
        raise WeightsError(f"weights file {path} is missing; put it there, or correct baseline.weights_file in conf/.")
    if not path.name.endswith(SUFFIXES):
        raise WeightsError(f"weights file {path} must end in one of {', '.join(SUFFIXES)}.")
    try:
        weights = _read_keras(path) if path.suffix == ".keras" else _read_h5(path)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:120]
        raise WeightsError(f"{path} is not a Keras weights file ({reason}); save it again with Keras.") from None
    if broken := [name for name, arrays in weights.layers.items() if not all(np.isfinite(one).all() for one in arrays)]:
        raise WeightsError(
            f"{path} holds NaN or infinite numbers in {', '.join(broken[:3])}; give an earlier checkpoint."
        )
    return weights


def load_backbone(backbone: Any, weights: WeightsFile) -> None:
    """Put the file's arrays into our EfficientNet-B0: every layer must be there, in the right shape, and no other.

    A WeightsError where the file belongs to another architecture.
    """
    wanted = {_key(layer): layer for layer in backbone.layers if layer.variables and _key(layer)}
    given = {re.sub(r"^(normalization)_\d+$", r"\1", name): arrays for name, arrays in weights.layers.items()}
    missing = sorted(name for name in wanted if name not in given)
    extra = sorted(name for name in given if _BACKBONE_LAYER.match(name) and name not in wanted)
    if missing or extra:
        lacks = f"{len(missing)} of {len(wanted)} layers are missing ({', '.join(missing[:3])} …)" if missing else ""
        more = f"{len(extra)} layers are too many ({', '.join(extra[:3])} …)" if extra else ""
        raise WeightsError(
            f"{weights.path} does not hold an EfficientNet-B0: {' and '.join(filter(None, (lacks, more)))}; "
            "give the weights of Keras' EfficientNetB0, or set baseline.weights_file to null."
        )
    for name, layer in wanted.items():
        load_layer(layer, given[name], weights.path)


def load_layer(layer: Any, arrays: list[np.ndarray], path: Path) -> None:
    """Put arrays into one layer; a WeightsError where their number or a shape is not the layer's."""
    expected = [tuple(variable.shape) for variable in layer.weights]
    got = [tuple(array.shape) for array in arrays]
    if expected != got:
        raise WeightsError(f"{path}: layer {layer.name} needs arrays of shape {expected}, the file has {got}.")
    layer.load_own_variables({str(index): array for index, array in enumerate(arrays)})


def _key(layer: Any) -> str:
    """Return the name a layer is looked up by; Keras numbers its nameless normalisation layer differently each time."""
    if isinstance(layer, keras.layers.Normalization):
        return "normalization"
    return layer.name if layer.weights else ""


def _read_keras(path: Path) -> WeightsFile:
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
        with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
            layers = _native_layers(file)
    return WeightsFile(path, layers, _has_rescaling(config), whole_model=True)


def _read_h5(path: Path) -> WeightsFile:
    with h5py.File(path, "r") as file:
        whole = "model_config" in file.attrs
        config = json.loads(file.attrs["model_config"]) if whole else None
        group = file.get("model_weights", file)
        legacy = any(key.startswith("layer_names") for key in group.attrs)
        layers = _legacy_layers(group) if legacy else _native_layers(file)
        names = _names(group, "layer_names") if legacy else _native_groups(file)
    if not any(layers.values()):
        raise ValueError("no layer with a name is in it")
    rescaling = _has_rescaling(config) if config is not None else _counts_rescaling(names)
    return WeightsFile(path, layers, rescaling, whole_model=whole)


def _native_groups(file: Any) -> list[str]:
    """Return the last parts of a Keras 3 file's layer paths, such as `rescaling_1`."""
    found: list[str] = []
    file.visit(lambda name: found.append(name.split("/")[-2]) if name.endswith("/vars") else None)
    return found


def _native_layers(file: Any) -> dict[str, list[np.ndarray]]:
    """Return the arrays of a Keras 3 file by the layer names it records beside them; none for what alters photos."""
    layers: dict[str, list[np.ndarray]] = {}

    def visit(path: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and "name" in item.attrs and not path.startswith("optimizer"):
            arrays = [np.asarray(item[key]) for key in sorted(item, key=int)]
            folder, _, kind = path.removesuffix("/vars").rpartition("layers/")
            kind = re.sub(r"_\d+$", "", kind)
            outside = f"{folder}layers/normalization" not in file
            alters = outside if kind == "rescaling" else "layers/" in path and not _INERT.fullmatch(kind)
            if arrays or alters:
                layers[str(item.attrs["name"])] = arrays

    file.visititems(visit)
    return layers


def _legacy_layers(group: Any) -> dict[str, list[np.ndarray]]:
    """Return the arrays of a legacy file; a nested model's weight names say which inner layer each belongs to."""
    layers: dict[str, list[np.ndarray]] = {}
    outers = _names(group, "layer_names")
    for outer in outers:
        if _ALTERS.fullmatch(outer) or (outer.startswith("rescaling") and "stem_conv" not in outers):
            layers[outer] = []
        for weight in _names(group[outer], "weight_names"):
            parts = weight.split("/")
            layers.setdefault(parts[-2] if len(parts) > 1 else outer, []).append(np.asarray(group[outer][weight]))
    return layers


def _names(group: Any, attribute: str) -> list[str]:
    """Return a list of names kept in one attribute, or in numbered ones where it was too long for one."""
    keys = [key for key in group.attrs if re.fullmatch(rf"{attribute}\d*", key)]
    keys.sort(key=lambda key: int(key.removeprefix(attribute) or 0))
    return [name.decode() if isinstance(name, bytes) else str(name) for key in keys for name in group.attrs[key]]


def _has_rescaling(config: Any) -> bool:
    """Return whether a model's configuration has a Rescaling layer with one factor per channel."""
    if isinstance(config, list):
        return any(_has_rescaling(item) for item in config)
    if not isinstance(config, dict):
        return False
    scale = config.get("config", {}).get("scale") if isinstance(config.get("config"), dict) else None
    if config.get("class_name") == "Rescaling" and isinstance(scale, list | dict):
        return True
    return any(_has_rescaling(value) for value in config.values())


def _counts_rescaling(names: list[str]) -> bool | None:
    """Return whether weights come from a network with the second Rescaling layer; None where none is named."""
    n_rescaling = sum(bool(re.fullmatch(r"rescaling(_\d+)?", name)) for name in names)
    return n_rescaling > 1 if n_rescaling else None
