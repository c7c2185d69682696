"""A small catalogue in the real format, whose classes are told apart by colour, and an EfficientNet-B0 at 32 px."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from records_made import dataset

IMAGE_PX = 32
LABELS = ["blue", "green", "red"]
COLOURS = {"blue": (30, 40, 200), "green": (40, 190, 50), "red": (210, 30, 40)}

if importlib.util.find_spec("tensorflow") is None:
    collect_ignore_glob = ["test_*.py"]


# numpy 2 warns wherever Keras 3.15 turns a variable into an array
_KERAS_ARRAY = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(_KERAS_ARRAY))


@pytest.fixture(scope="session", autouse=True)
def own_cpus() -> None:
    """Bind the threads of each of pytest's processes to other CPUs: all to the first would share it."""
    from bakeoff.baseline_tf import runtime

    first = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % len(runtime._CPUS_AT_START or [0])
    runtime._CPUS_AT_START = runtime._CPUS_AT_START[first:] + runtime._CPUS_AT_START[:first]


def make_catalogue(folder: Path, *, n_per_class: int = 10):
    from bakeoff.data.store import StoreWriter
    from bakeoff.data.table import load_catalogue
    from bakeoff.records.catalogue import LabelsRecord

    rng = np.random.default_rng(0)
    rows, splits = [], []
    with StoreWriter(folder / "images.arrow") as store:
        for number in range(n_per_class * len(LABELS)):
            label = LABELS[number % len(LABELS)]
            pixels = np.clip(np.array(COLOURS[label]) + rng.normal(0, 30, (48, 40, 3)), 0, 255).astype(np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            row = {"product_id": f"p{number}", "image": store.append(buffer.getvalue()), "label": label}
            row |= {"label_id": LABELS.index(label), "group_id": number, "weight": np.float32(1)}
            row |= {"official_split": None, "width": 40, "height": 48, "format": "PNG", "mode": "RGB"}
            rows.append(row)
            part = ("validation", "test")[number // len(LABELS)] if number < 2 * len(LABELS) else "train"
            splits.append({"product_id": f"p{number}", "split": part})
    pd.DataFrame(rows).to_parquet(folder / "products.parquet")
    pd.DataFrame(splits).to_parquet(folder / "splits.parquet")
    known = dataset(name="colours", kind="synthetic", licence="CC0-1.0", source_url=None, digest="d0")
    LabelsRecord(labels=LABELS, dataset=known).write(folder / "labels.json")
    return load_catalogue(folder, folder / "splits.parquet")


@pytest.fixture(scope="session")
def colours(tmp_path_factory):
    return make_catalogue(tmp_path_factory.mktemp("colours"))


@pytest.fixture(scope="session")
def backbone():
    """A random EfficientNet-B0 whose batch-norm statistics fit photos, so that its features tell them apart."""
    from bakeoff.baseline_tf.model import build_backbone
    from bakeoff.baseline_tf.runtime import keras

    keras.utils.set_random_seed(7)
    net = build_backbone(IMAGE_PX, imagenet_rescaling=True)
    mean, variance = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225]) ** 2
    norms = [layer for layer in net.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in net.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.load_own_variables({"0": mean, "1": variance, "2": np.int32(0)})
    rng = np.random.default_rng(1)
    photos = rng.uniform(0, 255, (64, 1, 1, 3)) + rng.normal(0, 30, (64, IMAGE_PX, IMAGE_PX, 3))
    for layer in norms:
        layer.momentum = 0.0
    net(np.clip(photos, 0, 255).astype(np.float32), training=True)
    for layer in norms:
        layer.momentum = 0.99
    return net


def build_three_layers(image_size: int, *, imagenet_rescaling: bool):
    """In EfficientNet-B0's place where any network will do: photos in 0-255 to 1,280 features, in less time."""
    from bakeoff.baseline_tf.model import N_FEATURES
    from bakeoff.baseline_tf.runtime import keras

    layers = keras.layers
    images = keras.Input((image_size, image_size, 3))
    maps = layers.Conv2D(N_FEATURES, 4, strides=8, activation="relu")(layers.Rescaling(1 / 127.5, -1)(images))
    return keras.Model(images, layers.GlobalAveragePooling2D()(maps), name="three_layers")


@pytest.fixture
def three_layers(monkeypatch):
    """A training starts from a small network, whatever weights it asks for."""

    def start(params, **_):
        return build_three_layers(params.image_size, imagenet_rescaling=False)

    monkeypatch.setattr("bakeoff.baseline_tf.train.initial_backbone", start)


@pytest.fixture(scope="session")
def pixels():
    """Four random photos, (4, 32, 32, 3) float32 in 0-255."""
    return np.random.default_rng(3).uniform(0, 255, (4, IMAGE_PX, IMAGE_PX, 3)).astype(np.float32)


@pytest.fixture(scope="session")
def notop_file(tmp_path_factory, backbone):
    """A file of the same format as Keras' published efficientnetb0_notop.h5, made here."""
    path = tmp_path_factory.mktemp("weights") / "efficientnetb0_notop.h5"
    write_legacy_weights(path, backbone)
    return path


def write_legacy_weights(path: Path, net) -> None:
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, net)


@pytest.fixture(scope="session")
def write_legacy():
    return write_legacy_weights


def baseline_params(**changes):
    from bakeoff.learning.params import BaselineParams

    schedule = {"epochs": 10, "learning_rate": 0.003, "max_steps": None}
    values = {
        "mode": "frozen",
        "network": "auto",
        "pretrained": "imagenet",
        "weights_file": None,
        "class_names": None,
        "image_size": IMAGE_PX,
        "batch_size": 8,
        "loss": "cross_entropy",
        "dropout": 0.2,
        "optimizer": {"name": "adamw", "weight_decay": 0.01},
        "early_stop_patience_epochs": None,
        "frozen": schedule,
        "finetune": {"epochs": 1, "learning_rate": 0.0002, "max_steps": 2},
    }
    return BaselineParams.model_validate(values | changes)


@pytest.fixture(scope="session")
def params():
    return baseline_params


@pytest.fixture(scope="session")
def weights_dir(notop_file):
    from bakeoff.records.weights import WeightsRecord

    record = WeightsRecord(
        model="baseline_tf",
        source="folder",
        file="efficientnetb0_notop.h5",
        url_or_id=None,
        revision=None,
        sha256=hashlib.sha256(notop_file.read_bytes()).hexdigest(),
        licence="Apache-2.0",
        commercial_use=True,
        reason=None,
    )
    record.write(notop_file.parent)
    return notop_file.parent


@pytest.fixture(scope="session")
def train(weights_dir, colours):
    """Train with changed params, an earlier project's file fetched as `bakeoff weights` does; returns training.json."""
    from bakeoff.backbones.params import WeightsParams
    from bakeoff.baseline_tf.train import prepare_run, train_baseline
    from bakeoff.core.machine import ComputeParams
    from bakeoff.weights.baseline import fetch_baseline_weights

    fetching = WeightsParams(policy="prefer", sources=["folder"], folder=None, hub_timeout_s=1.0)

    def run(out_dir: Path, *, weights: Path = weights_dir, seed: int = 0, cache_features: bool = True, **changes):
        compute = ComputeParams(device="cpu", threads=1)
        if changes.get("weights_file"):
            weights = out_dir.parent / "fetched"
            fetch_baseline_weights(fetching, baseline_params(**changes), weights)
        prepared = prepare_run(
            baseline_params(**changes), catalogue=colours, weights_dir=weights, seed=seed, compute=compute
        )
        return train_baseline(prepared, out_dir, cache_features=cache_features)

    return run


@pytest.fixture(scope="session")
def frozen_dir(tmp_path_factory, train):
    folder = tmp_path_factory.mktemp("frozen") / "training"
    train(folder)
    return folder
