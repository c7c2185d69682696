"""The network: Keras' EfficientNet-B0 (or `lite0`'s), dropout and a dense head; `initial` starts its weights."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from bakeoff.baseline_tf.runtime import keras

IMAGENET_STD = (0.229, 0.224, 0.225)
LOGITS, PROBABILITIES = "logits", "probabilities"
N_FEATURES = 1280
OURS = "baseline_tf"
"""Name of a classifier that `build_classifier` made, also after it was saved and loaded."""


def build_backbone(image_size: int, *, imagenet_rescaling: bool) -> Any:
    """Return a randomly started EfficientNet-B0: (N, H, W, 3) float32 in 0-255 to pooled features (N, 1280).

    Keras multiplies the normalised image by 1/sqrt(std) for the literal `weights="imagenet"` alone
    (keras/src/applications/efficientnet.py); the published weights are wrong without that layer, so it is put in here
    where `imagenet_rescaling` asks for it.
    """
    plain = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(image_size, image_size, 3), pooling="avg"
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
