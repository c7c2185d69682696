"""A small catalogue whose classes differ by colour, and requests that train tiny networks on it."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.modes import parse_mode
from bakeoff.data.store import StoreWriter
from bakeoff.data.table import Catalogue, load_catalogue
from bakeoff.learning.recipe import Recipe
from bakeoff.records.catalogue import LabelsRecord
from records_made import dataset

LABELS = ["blue", "green", "red"]
_COLOURS = {"red": (200, 60, 60), "green": (60, 200, 60), "blue": (60, 60, 200)}


def encoded_photo(label: str, rng: np.random.Generator) -> bytes:
    width, height = (int(side) for side in rng.integers(40, 90, size=2))
    pixels = np.clip(np.asarray(_COLOURS[label]) + rng.normal(0, 40, (height, width, 3)), 0, 255)
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def make_catalogue(folder: Path, *, n_per_class: int = 8, labels: list[str] = LABELS) -> Catalogue:
    """Six of eight products of each class train, one validates, one tests."""
    rng = np.random.default_rng(0)
    rows = []
    with StoreWriter(folder / "catalogue" / "images.arrow") as writer:
        for number in range(n_per_class * len(labels)):
            label_id = number % len(labels)
            place = number // len(labels)
            split = {n_per_class - 2: "validation", n_per_class - 1: "test"}.get(place, "train")
            row = writer.append(encoded_photo(labels[label_id], rng))
            rows.append((f"p{number}", row, labels[label_id], label_id, np.float32(1), split))
    table = pd.DataFrame(rows, columns=["product_id", "image", "label", "label_id", "weight", "split"])
    table["group_id"] = np.arange(len(table))
    table.drop(columns="split").to_parquet(folder / "catalogue" / "products.parquet")
    table[["product_id", "split"]].to_parquet(folder / "splits.parquet")
    known = dataset(name="colours", kind="synthetic", digest="abc")
    LabelsRecord(labels=labels, dataset=known).write(folder / "catalogue" / "labels.json")
    return load_catalogue(folder / "catalogue", folder / "splits.parquet")


def recipe(mode: str = "frozen", **changes: Any) -> Recipe:
    values = {
        "start": "random",
        "probe": {"c": 0.1, "n_trees": 20, "n_neighbours": 3},
        "epochs": 4 if mode == "frozen" else 2,
        "learning_rate": 0.01 if mode == "frozen" else 0.001,
        "max_steps": None,
        "head_learning_rate": None,
        "layer_decay": 1.0,
        "scheduler": "constant",
        "optimizer": {"name": "adamw", "weight_decay": 0.01},
        "loss": "cross_entropy",
        "class_weights": "none",
        "balance": "none",
        "augment": "none",
        "cache_views": None,
        "mix": None,
        "normalise": "weights",
        "batch_size": 6,
        "accumulate": 1,
        "clip_norm": None,
        "ema": None,
        "batch_norm": "train",
        "gradient_checkpointing": False,
        "compile": False,
        "mixed_precision": "auto",
        "select": "accuracy",
        "early_stop_patience_epochs": None,
        "random_start_max_steps": None,
    }
    return Recipe.model_validate(values | changes)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return make_catalogue(tmp_path / "data")


@pytest.fixture
def weights_dir(tmp_path: Path) -> Path:
    from bakeoff.records.weights import WeightsRecord

    folder = tmp_path / "weights" / "tiny"
    WeightsRecord(
        model="tiny",
        source="random",
        file=None,
        url_or_id=None,
        revision=None,
        sha256=None,
        licence="none",
        commercial_use=True,
        reason="offline_by_params",
    ).write(folder)
    return folder


@pytest.fixture
def make_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a maker of training requests; checkpoints and features go below tmp_path."""
    pytest.importorskip("torch")
    from bakeoff.backbones.params import BackboneDefaults, BackboneParams
    from bakeoff.backbones.registry import describe
    from bakeoff.records.recipe import HeadParams
    from bakeoff.training.plan import TrainingRequest

    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path / "root"))
    head = HeadParams(hidden=[], batch_norm=False, dropout=0.2)
    defaults = BackboneDefaults(source="timm", image_size=None, head=head, training={})

    def make(name: str = "test_resnet.r160_in1k", mode: str = "frozen", **changes: Any) -> Any:
        seed, head_params, workers = changes.pop("seed", 0), changes.pop("head", head), changes.pop("workers", 0)
        backbones = {"tiny": BackboneParams(name=name, image_size=64, head=head_params)}
        return TrainingRequest(
            settings=describe("tiny", backbones, defaults),
            mode=parse_mode(mode),
            seed=seed,
            recipe=recipe(mode, **changes),
            compute=ComputeParams(device="cpu", threads=1, loader_workers=workers),
            scan=ScanParams(implementation="auto"),
        )

    return make


@pytest.fixture(scope="session")
def kept_trainings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Path]]:
    """Where finished trainings are kept for later tests, and the folder that each was made in."""
    return tmp_path_factory.mktemp("trainings"), {}


@pytest.fixture
def train_once(
    catalogue: Catalogue,
    weights_dir: Path,
    make_request: Callable[..., Any],
    tmp_path: Path,
    kept_trainings: tuple[Path, dict[str, Path]],
) -> Callable[..., Path]:
    """Return a maker of trainings: of equal options the first is a training, the others are copies, caches included."""
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate

    kept, made_in = kept_trainings

    def train(out: Path, **options: Any) -> Path:
        key = repr(sorted(({"mode": "frozen", "name": "test_resnet.r160_in1k"} | options).items()))
        keep = kept / str(list(made_in).index(key) if key in made_in else len(made_in))
        shutil.rmtree(out, ignore_errors=True)
        if key not in made_in:
            train_candidate(plan_training(make_request(**options), catalogue, weights_dir=weights_dir), out)
            shutil.copytree(out, keep / "training")
            if (tmp_path / "root").is_dir():
                shutil.copytree(tmp_path / "root", keep / "root")
            made_in[key] = tmp_path
            return out
        shutil.copytree(keep / "training", out)
        if (keep / "root").is_dir():
            shutil.copytree(keep / "root", tmp_path / "root", dirs_exist_ok=True)
        record = (out / "training.json").read_text(encoding="utf-8")
        (out / "training.json").write_text(record.replace(str(made_in[key]), str(tmp_path)), encoding="utf-8")
        return out

    return train
