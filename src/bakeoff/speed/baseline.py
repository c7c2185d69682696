"""The TensorFlow baseline's network as speed sees it: its settings, and which network its weights belong to."""

from pathlib import Path
from typing import Any

from bakeoff.baseline_tf.initial import load_earlier_model
from bakeoff.baseline_tf.model import build_backbone, build_classifier, build_lite0, count_parameters, score_model
from bakeoff.baseline_tf.runtime import start
from bakeoff.baseline_tf.sequence import Preprocessing
from bakeoff.core.machine import ComputeParams
from bakeoff.core.paths import main_checkout
from bakeoff.learning.params import BaselineParams
from bakeoff.predictors.keras_predictor import KerasFacts, KerasPredictor
from bakeoff.records.candidate import BASELINE
from bakeoff.records.weights import WeightsRecord, existing_record
from bakeoff.weights.baseline import read_class_names


def open_baseline(
    params: BaselineParams, labels: list[str], *, compute: ComputeParams, weights_dir: Path
) -> KerasPredictor:
    """Return the TensorFlow baseline's network: with random weights, or the earlier project's where that is taken over.

    `weights_dir` is weights/baseline_tf, which keeps an earlier project's file, and whose record says where
    EfficientNet-Lite0 stands in.
    """
    device = start(device=compute.device, threads=compute.threads)
    kept = existing_record(weights_dir)
    if params.mode == "as_is":
        network = _earlier(params, labels, weights_dir, kept)
    else:
        backbone = (
            build_lite0(params.image_size)
            if kept and kept.stands_in
            else build_backbone(params.image_size, imagenet_rescaling=params.pretrained == "imagenet")
        )
        head = {"n_classes": len(labels), "loss": params.loss, "dropout": params.dropout}
        network = build_classifier(backbone, **head, seed=0)
    n_parameters = count_parameters(network)
    facts = KerasFacts(
        labels=labels,
        preprocessing=Preprocessing(image_size=network.input_shape[1] or params.image_size),
        score=score_model(network)[1],
        loss=params.loss,
        n_parameters=n_parameters,
        file_mib=4 * n_parameters / 2**20,
        source=BASELINE,
    )
    return KerasPredictor(lambda: network, facts, device=device)


def _earlier(params: BaselineParams, labels: list[str], weights_dir: Path, kept: WeightsRecord | None) -> Any:
    """Return the earlier project's network, from what weights/ kept of it or else from the user's own files."""
    own = main_checkout()
    if kept and kept.file and kept.class_names:
        file, class_names = weights_dir / kept.file, kept.class_names
    else:
        file, class_names = own / str(params.weights_file), read_class_names(own / str(params.class_names))
    return load_earlier_model(params, weights_file=file, class_names=class_names, labels=labels)
