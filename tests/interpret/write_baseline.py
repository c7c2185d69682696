"""Run in .venv-tf: writes a baseline's training folder, and what its photos are there.

`python write_baseline.py FOLDER` reads FOLDER/network.safetensors (EfficientNet-Lite0 under timm's names, and a head)
and FOLDER/images.arrow, and writes FOLDER/training and FOLDER/images.npy.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from bakeoff.baseline_tf.model import LOGITS, build_classifier, load_lite0
from bakeoff.baseline_tf.record import MODEL_FILE
from bakeoff.baseline_tf.sequence import Preprocessing
from bakeoff.data.products import StoredProducts
from bakeoff.data.store import ImageStore
from bakeoff.predictors.keras_predictor import load_keras_predictor
from records_made import LABELS, training_record

SIDE = 64


def main(folder: Path) -> None:
    """Write both."""
    (folder / "training").mkdir()
    path, store = folder / "network.safetensors", ImageStore(folder / "images.arrow")
    head = {"n_classes": len(LABELS), "loss": "cross_entropy", "dropout": 0.2, "seed": 0}
    classifier, held = build_classifier(load_lite0(path, SIDE), **head), load_file(path)
    classifier.get_layer(LOGITS).set_weights([held["head.weight"].T, held["head.bias"]])
    classifier.save(folder / "training" / MODEL_FILE)
    preprocessing = Preprocessing(image_size=SIDE).recorded()
    training_record("baseline_tf", preprocessing=preprocessing).write(folder / "training" / "training.json")
    predictor = load_keras_predictor(folder / "training", device="cpu", threads=1)
    np.save(folder / "images.npy", predictor.images(StoredProducts(store, np.arange(len(store)))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
