"""A baseline training that is ready to start, and what is known of it: training.json's header and key."""

import platform
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from bakeoff.baseline_tf.runtime import Device, keras, tf
from bakeoff.baseline_tf.sequence import Preprocessing
from bakeoff.core.paths import relative_to_project
from bakeoff.data.table import Catalogue
from bakeoff.learning.key import split_digest, training_key
from bakeoff.learning.params import BaselineParams
from bakeoff.records.training import TrainingHeader
from bakeoff.records.weights import WeightsRecord

MODEL_FILE = "model.keras"


@dataclass(frozen=True)
class BaselineRun:
    """One training, ready to start."""

    params: BaselineParams
    catalogue: Catalogue
    seed: int
    device: Device
    weights_dir: Path
    weights: WeightsRecord

    @cached_property
    def header(self) -> TrainingHeader:
        """The part of training.json that is known before anything is trained, `key` included."""
        params, catalogue, device = self.params, self.catalogue, self.device
        header = TrainingHeader(
            candidate="baseline_tf",
            model="baseline_tf",
            mode=params.mode,
            seed=self.seed,
            framework="tensorflow",
            architecture="EfficientNet-Lite0 (Keras)" if self.weights.stands_in else "EfficientNet-B0 (Keras)",
            settings=params.model_dump(mode="json"),
            training=merged_training(params),
            labels=list(catalogue.labels),
            dataset=catalogue.dataset,
            splits=split_digest(catalogue),
            weights=self.weights,
            weights_dir=relative_to_project(self.weights_dir),
            loss=params.loss,
            device=device.kind,
            device_name=device.name,
            threads=device.threads,
            scan=None,
            versions=versions(),
            key="",
        )
        settings = {
            "image_size": params.image_size,
            "pretrained": params.pretrained,
            "preprocessing": Preprocessing(image_size=params.image_size).recorded(),
            "class_names": self.weights.class_names if params.mode == "as_is" else None,
        }
        return header.model_copy(update={"key": training_key(header, catalogue, settings)})


def merged_training(params: BaselineParams) -> dict[str, Any]:
    """Return the schedule of the mode together with what holds for every mode; `as_is` trains for 0 epochs."""
    values = params.model_dump(mode="json")
    untrained = {"epochs": 0, "learning_rate": None, "max_steps": None}
    shared = ("optimizer", "loss", "batch_size", "dropout", "early_stop_patience_epochs")
    return values.get(params.mode, untrained) | {name: values[name] for name in shared} | {"augment": "none"}


def versions() -> dict[str, str]:
    """Return the versions that determine a result."""
    packages = {"tensorflow": tf, "keras": keras, "numpy": np, "pillow": PIL}
    return {"python": platform.python_version()} | {name: one.__version__ for name, one in packages.items()}
