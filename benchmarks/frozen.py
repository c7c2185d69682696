"""What does the feature cache save? 25 frozen epochs from it against the same loop with the backbone at each epoch.

    PYTHONPATH=src .venv-torch/bin/python benchmarks/frozen.py [--full]

Both are `bakeoff.training.run`'s own training, of a random EfficientNet-B0 on photos made here; one trains on features,
the other on photos. `ratio`: seconds of the epochs of the second over those of the first, its extraction included.
`difference`: how far the probabilities of the test products are apart. Small photos and few by default (a minute);
`--full` takes 224 px and 600 photos (half an hour).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.backbones.params import BackboneDefaults, BackboneParams
from bakeoff.backbones.registry import describe
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.modes import parse_mode
from bakeoff.core.section import load_section
from bakeoff.data.predictions import read_predictions
from bakeoff.data.store import ImageStore, StoreWriter
from bakeoff.data.table import Catalogue
from bakeoff.learning.recipe import TrainingParams
from bakeoff.records.catalogue import Dataset, PackParams
from bakeoff.records.recipe import HeadParams
from bakeoff.records.training import CostRecord
from bakeoff.records.weights import WeightsRecord
from bakeoff.training.plan import TrainingPlan, TrainingRequest, plan_training
from bakeoff.training.run import train_candidate
from data import photo

EPOCHS = 25


class FromPhotos(TrainingPlan):
    """A plan that is trained as if there were no cache."""

    uses_features = False  # type: ignore[assignment]


def make_catalogue(folder: Path, n_products: int, n_photos: int = 10**9) -> Catalogue:
    """Return products of two classes; beyond `n_photos` the same photos come again."""
    n_photos = min(n_photos, n_products)
    with StoreWriter(folder / "images.arrow") as writer:
        for number in range(n_photos):
            writer.append(photo(number))
    rows = np.arange(n_products)
    label_ids, splits = rows % 2, np.array(["train"] * 8 + ["validation", "test"])[rows // 2 % 10]
    known = {"image": rows % n_photos, "label_id": label_ids, "weight": np.float32(1), "split": splits}
    table = pd.DataFrame({"product_id": [f"p{row}" for row in rows], "label": label_ids.astype(str), **known})
    packing = PackParams(store_px=512, max_megapixels=80, min_side_px=16)
    facts: dict[str, Any] = dict.fromkeys(("licence", "source_url", "fallback_reason"))
    dataset = Dataset(name="benchmark", kind="synthetic", digest="0", prepare=packing, **facts)
    return Catalogue(table, ["0", "1"], ImageStore(folder / "images.arrow"), dataset)


def make_plan(folder: Path, catalogue: Catalogue, *, image_size: int, threads: int | None = 2) -> TrainingPlan:
    """Return a frozen EfficientNet-B0 from random weights, ready to train on a CPU."""
    facts: dict[str, Any] = dict.fromkeys(("file", "url_or_id", "revision", "sha256"))
    record = WeightsRecord(
        model="b0", source="random", licence="none", commercial_use=True, reason="offline_by_params", **facts
    )
    record.write(folder / "weights" / "b0")
    head = HeadParams(hidden=[], batch_norm=False, dropout=0.0)
    defaults = BackboneDefaults(source="timm", image_size=None, head=head, training={})
    backbones = {"b0": BackboneParams(name="efficientnet_b0.ra_in1k", image_size=image_size)}
    own = {"epochs": EPOCHS, "learning_rate": 0.001, "max_steps": None, "early_stop_patience_epochs": None}
    recipe = load_section(Path("params.yaml"), TrainingParams).recipe("frozen", {"frozen": own})
    request = TrainingRequest(
        settings=describe("b0", backbones, defaults),
        mode=parse_mode("frozen"),
        seed=0,
        recipe=recipe,
        compute=ComputeParams(device="cpu", threads=threads),
        scan=ScanParams(implementation="auto"),
    )
    return plan_training(request, catalogue, weights_dir=folder / "weights" / "b0")


def trained(plan: TrainingPlan, out: Path) -> tuple[float, np.ndarray]:
    """Return what the training took, s, features included, and the probabilities of the test products."""
    train_candidate(plan, out)
    found = read_predictions(out / "predictions.parquet").split("test")[1]
    return CostRecord.read(out / "cost.json").train_time_s, found


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    image_size, n_products = (224, 600) if parser.parse_args().full else (64, 200)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["BAKEOFF_ROOT"] = scratch
        catalogue = make_catalogue(folder, n_products)
        plan = make_plan(folder, catalogue, image_size=image_size)
        state = {name: tensor.clone() for name, tensor in plan.model.state_dict().items()}
        cached_s, cached = trained(plan, folder / "cached")
        plan.model.load_state_dict(state)
        photos_s, found = trained(
            FromPhotos(**{name: getattr(plan, name) for name in plan.__dataclass_fields__}), folder / "photos"
        )
    figures = {"ratio": round(photos_s / cached_s, 1), "difference": float(np.abs(found - cached).max())}
    print(json.dumps({"benchmark": "frozen", "figures": figures, "bars": {"ratio": 20, "difference": 1e-5}}))


if __name__ == "__main__":
    main()
