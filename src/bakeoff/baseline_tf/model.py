"""The network: Keras' EfficientNet-B0, or EfficientNet-Lite0 where it stands in, with dropout and a dense head."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from bakeoff.baseline_tf.runtime import keras
from bakeoff.baseline_tf.weights_file import load_layer
from bakeoff.core.errors import WeightsError

IMAGENET_STD = (0.229, 0.224, 0.225)
LOGITS, PROBABILITIES = "logits", "probabilities"
N_FEATURES = 1280
OURS = "baseline_tf"  # name of a classifier that `build_classifier` made, also after it was saved and loaded
_ENDS = {"stem_conv": "conv_stem", "stem_bn": "bn1", "top_conv": "conv_head", "top_bn": "bn2"}
_FIRST_BLOCK = {"dwconv": "conv_dw", "bn": "bn1", "project_conv": "conv_pw", "project_bn": "bn2"}
_BLOCK = {"expand_conv": "conv_pw", "expand_bn": "bn1", "dwconv": "conv_dw", "bn": "bn2"}
_BLOCK |= {"project_conv": "conv_pwl", "project_bn": "bn3"}
"""timm's name of each layer with weights, by Keras' name; `blocks.<stage>.<block>` is `block<stage + 1><letter>_`."""
_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


def build_backbone(image_size: int, *, imagenet_rescaling: bool, name: str = "efficientnetb0") -> Any:
    """Return a randomly started EfficientNet-B0: (N, H, W, 3) float32 in 0-255 to pooled features (N, 1280).

    Keras multiplies the normalised image by 1/sqrt(std) for the literal `weights="imagenet"` alone
    (keras/src/applications/efficientnet.py); the published weights are wrong without that layer, so it is put in here
    where `imagenet_rescaling` asks for it.
    """
    shape = (image_size, image_size, 3)
    plain = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=shape, pooling="avg", name=name
    )
    if not imagenet_rescaling:
        return plain

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        output = layer(*args, **kwargs)
        if isinstance(layer, keras.layers.Normalization):
            output = keras.layers.Rescaling([1.0 / math.sqrt(std) for std in IMAGENET_STD])(output)
        return output

    return keras.models.clone_model(
        plain, call_function=call, clone_function=lambda layer: layer.__class__.from_config(layer.get_config())
    )


def build_lite0(image_size: int) -> Any:
    """Return a randomly started EfficientNet-Lite0: (N, H, W, 3) float32 in 0-255 to pooled features (N, 1280).

    It is EfficientNet-B0 without squeeze-and-excitation and with ReLU6 for swish (M. Tan et al., EfficientNet-Lite,
    2020; EfficientNet: arXiv:1905.11946), so that Keras' own builder gives all else: padding, batch norm, drop connect.
    """
    b0 = build_backbone(image_size, imagenet_rescaling=False, name="efficientnet_lite0")

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


def freeze(backbone: Any) -> None:
    """Hold every weight and batch-norm statistic of the backbone, and switch its stochastic depth off.

    Keras 3.15 puts fit's `training=True` in place of a `training=False` given when the graph was built (operation_fn in
    keras/src/models/functional.py): batch norm obeys `trainable`, but dropout would go on dropping blocks.
    """
    backbone.trainable = False
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0


def build_classifier(backbone: Any, *, n_classes: int, loss: str, dropout: float, seed: int) -> Any:
    """Return the classifier: (N, H, W, 3) float32 in 0-255 to (N, K) softmax (cross_entropy) or sigmoid (bce)."""
    size = backbone.input_shape[1]
    images = keras.Input((size, size, 3), name="images")
    features = keras.layers.Dropout(dropout, seed=seed, name="dropout")(backbone(images))
    scores = keras.layers.Dense(n_classes, name=LOGITS)(features)
    activation = "softmax" if loss == "cross_entropy" else "sigmoid"
    outputs = keras.layers.Activation(activation, name=PROBABILITIES)(scores)
    return keras.Model(images, outputs, name=OURS)


def build_head(classifier: Any) -> Any:
    """Return the classifier's dropout and dense layer, features (N, 1280) to logits (N, K), sharing its weights."""
    features = keras.Input((N_FEATURES,), name="features")
    return keras.Model(features, classifier.get_layer(LOGITS)(classifier.get_layer("dropout")(features)), name="head")


def logits_model(classifier: Any) -> Any:
    """Return the classifier up to its logits, (N, K), sharing its weights."""
    return keras.Model(classifier.input, classifier.get_layer(LOGITS).output, name="logits_model")


def score_model(model: Any) -> tuple[Any, str]:
    """Return the model up to the score that is explained, (N, K), and which that is: `logits`, `softmax`, `sigmoid`."""
    return (logits_model(model), "logits") if model.name == OURS else (model, _last_activation(model))


def _last_activation(model: Any) -> str:
    """Return what a foreign model ends in, from its last layer that says so."""
    for layer in reversed(model.layers):
        if isinstance(layer, keras.layers.Softmax):
            return "softmax"
        if getattr(layer, "layers", None):
            return _last_activation(layer)
        activation = getattr(layer, "activation", None)
        if activation is not None:
            name = getattr(activation, "__name__", str(activation))
            return name if name in ("softmax", "sigmoid") else "logits"
    return "logits"


def parts_of(model: Any) -> Iterator[Any]:
    """Yield a model's layers and operations in the order in which they compute, those of nested models in place."""
    for part in getattr(model, "operations", None) or model.layers:
        if isinstance(part, keras.Model):
            yield from parts_of(part)
        else:
            yield part


def draw_anew(model: Any, seed: int) -> Any:
    """Return the same architecture with every weight drawn by its initialiser; what normalises photos is kept."""
    keras.utils.set_random_seed(seed)
    fresh = model.__class__.from_config(model.get_config())
    for old, new in zip(parts_of(model), parts_of(fresh), strict=True):
        if isinstance(new, keras.layers.Normalization) and new.weights:
            new.load_own_variables({str(index): one.numpy() for index, one in enumerate(old.weights)})
    return fresh


def count_parameters(model: Any, *, trainable_only: bool = False) -> int:
    """Return the number of weights that training could change (batch-norm statistics are none), or does change."""
    statistics = ("moving_mean", "moving_variance", "mean", "variance", "count", "seed_generator_state")
    learnable = [variable for variable in model.variables if variable.path.rsplit("/", 1)[-1] not in statistics]
    return int(sum(np.prod(one.shape) for one in (model.trainable_variables if trainable_only else learnable)))
