"""EfficientNet-Lite0 in Keras, which stands in where no source has the weights of Keras' EfficientNet-B0.

It is EfficientNet-B0 without squeeze-and-excitation and with ReLU6 for swish (M. Tan et al., EfficientNet-Lite, 2020;
EfficientNet: arXiv:1905.11946), so that Keras' own builder gives everything else: padding, batch norm, drop connect.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from bakeoff.baseline_tf.runtime import keras
from bakeoff.baseline_tf.weights_file import load_layer
from bakeoff.core.errors import WeightsError

_ENDS = {"stem_conv": "conv_stem", "stem_bn": "bn1", "top_conv": "conv_head", "top_bn": "bn2"}
_FIRST_BLOCK = {"dwconv": "conv_dw", "bn": "bn1", "project_conv": "conv_pw", "project_bn": "bn2"}
_BLOCK = {
    "expand_conv": "conv_pw",
    "expand_bn": "bn1",
    "dwconv": "conv_dw",
    "bn": "bn2",
    "project_conv": "conv_pwl",
    "project_bn": "bn3",
}
"""timm's name of each layer with weights, by Keras' name; `blocks.<stage>.<block>` is `block<stage + 1><letter>_`."""
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


def build_lite0(image_size: int) -> Any:
    """Return a randomly started EfficientNet-Lite0: (N, H, W, 3) float32 in 0-255 to pooled features (N, 1280)."""
    b0 = keras.applications.EfficientNetB0(
        include_top=False,
        weights=None,
        input_shape=(image_size, image_size, 3),
        pooling="avg",
        name="efficientnet_lite0",
    )

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        is_excitation = layer.name.endswith("_se_excite")  # of the block's maps, first, by their weights
        return args[0][0] if is_excitation else layer(*args, **kwargs)

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, keras.layers.Activation):
            config["activation"] = "relu6"
        if isinstance(layer, keras.layers.Normalization):
            config |= {"mean": [0.5] * 3, "variance": [0.25] * 3}
        return layer.__class__.from_config(config)

    return keras.models.clone_model(b0, call_function=call, clone_function=clone)


def load_lite0(path: Path, image_size: int) -> Any:
    """Return EfficientNet-Lite0 with a .safetensors file's weights under timm's names; a WeightsError for others."""
    network = build_lite0(image_size)
    try:
        tensors = load_file(path)
        for layer in network.layers:
            if layer.weights:
                load_layer(layer, _arrays(layer, tensors), path)
    except (SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} does not hold an EfficientNet-Lite0 ({error}); delete it and run `dvc repro weights_baseline`."
        ) from None
    return network


def _arrays(layer: Any, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return a layer's arrays in Keras' order and axes."""
    name = _timm_name(layer.name)
    if isinstance(layer, keras.layers.BatchNormalization):
        return [tensors[f"{name}.{part}"] for part in _BATCH_NORM]
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)  # (C, 1, H, W) to (H, W, C, 1)
    return [tensors[f"{name}.weight"].transpose((2, 3, 0, 1) if is_depthwise else (2, 3, 1, 0))]


def _timm_name(name: str) -> str:
    match = re.fullmatch(r"block(\d)([a-z])_(\w+)", name)
    if match is None:
        return _ENDS[name]
    stage, block, part = int(match[1]) - 1, ord(match[2]) - ord("a"), match[3]
    return f"blocks.{stage}.{block}.{(_BLOCK if stage else _FIRST_BLOCK)[part]}"
