"""A study in a folder: raw photos packed by the product's own code, a tiny trained candidate, its evaluation."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from bakeoff.catalogue.pack import Packed, pack
from bakeoff.catalogue.photo_file import PhotoFile
from bakeoff.data.store import StoreWriter
from bakeoff.data.table import DIGESTS, Catalogue, load_catalogue
from bakeoff.records.catalogue import LabelsRecord
from prepared import PREPARE
from records_made import calibration_record, dataset, metrics_record

if TYPE_CHECKING:
    from bakeoff.records.training import TrainingRecord

LABELS = ["blue", "green", "red"]
COLOURS = {"red": (200, 60, 60), "green": (60, 200, 60), "blue": (60, 60, 200)}
STORE_PX = 64
"""Smaller than many of the photos: these are resized and encoded anew on their way into the store. The study's
params.yaml says another size: what a training recorded counts."""
_ROOT = Path(__file__).parents[2]
_FORMS = ("PNG", "JPEG", "RGBA", "L", "EXIF")


def photo_bytes(label: str, rng: np.random.Generator, *, form: str = "PNG", shade: float = 0.0) -> bytes:
    """A noisy flat photo of the label's colour, as a file of some kind."""
    width, height = (int(side) for side in rng.integers(40, 120, size=2))
    pixels = np.clip(np.asarray(COLOURS[label]) + shade + rng.normal(0, 40, (height, width, 3)), 0, 255)
    image = Image.fromarray(pixels.astype(np.uint8))
    buffer = io.BytesIO()
    if form == "EXIF":
        exif = Image.Exif()
        exif[0x0112] = 6
        image.save(buffer, format="JPEG", exif=exif)
    elif form == "RGBA":
        image.putalpha(Image.fromarray(rng.integers(100, 255, (height, width)).astype(np.uint8)))
        image.save(buffer, format="PNG")
    else:
        image.convert("L" if form == "L" else "RGB").save(buffer, format="JPEG" if form == "JPEG" else "PNG")
    return buffer.getvalue()


def write_params(project: Path, **changes: dict[str, Any]) -> None:
    """Write the repository's params.yaml for one thread of a CPU, with sections changed."""
    values = yaml.safe_load((_ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["compute"] = {"device": "cpu", "threads": 1}
    values["tracking"] |= {"system_metrics": False, "log_models": False}
    for section, changed in changes.items():
        values[section] = values[section] | changed if isinstance(changed, dict) else changed
    (project / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")


def write_catalogue(project: Path, *, n_per_class: int = 10) -> Catalogue:
    """Raw photos in raw/<split>/<label>/ and the catalogue that `prepare` would make of them."""
    rng, rows = np.random.default_rng(0), []
    prepare = PREPARE.model_copy(update={"store_px": STORE_PX})
    with StoreWriter(project / "data" / "catalogue" / "images.arrow") as writer:
        for number in range(n_per_class * len(LABELS)):
            label_id, place = number % len(LABELS), number // len(LABELS)
            split = "train" if place < n_per_class - 4 else "validation" if place < n_per_class - 2 else "test"
            label = LABELS[label_id]
            path = project / "raw" / split / label / f"p{number:03d}.{'png' if number % 2 else 'jpg'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photo_bytes(label, rng, form=_FORMS[number % len(_FORMS)]))
            packed = pack(PhotoFile(path), prepare)
            assert isinstance(packed, Packed)
            row = writer.append(packed.encoded)
            name = f"{label}/{path.name}"
            facts = (np.float32(1), packed.width, packed.height, packed.digest, split)
            rows.append((name, row, label, label_id, *facts))
    columns = ["product_id", "image", "label", "label_id", "weight", "width", "height", "digest", "split"]
    table = pd.DataFrame(rows, columns=columns).assign(group_id=np.arange(len(rows)))
    table[["product_id", "digest"]].to_parquet(project / "data" / "catalogue" / DIGESTS)
    table.drop(columns=["split", "digest"]).to_parquet(project / "data" / "catalogue" / "products.parquet")
    (project / "data" / "splits").mkdir()
    table[["product_id", "split"]].to_parquet(project / "data" / "splits" / "splits.parquet")
    known = dataset(name="colours", kind="synthetic", digest="abc", prepare=prepare)
    LabelsRecord(labels=LABELS, dataset=known).write(project / "data" / "catalogue" / "labels.json")
    return read_catalogue(project)


def read_catalogue(project: Path) -> Catalogue:
    return load_catalogue(project / "data" / "catalogue", project / "data" / "splits" / "splits.parquet")


def write_evaluation(folder: Path, training: TrainingRecord, *, temperature: float = 1.7) -> None:
    """The two records of an evaluation that predicting reads."""
    metrics_record(training).write(folder / "metrics.json")
    calibration_record(temperature=temperature).write(folder / "calibration.json")


def train_tiny(project: Path, catalogue: Catalogue, mode: str) -> Path:
    """Train timm's tiny ResNet for real and return runs/tiny-<mode>/seed_0, with a small evaluation."""
    import torch
    from safetensors.torch import save_file

    from bakeoff.backbones.compat import import_timm
    from bakeoff.backbones.params import BackboneDefaults, BackboneParams
    from bakeoff.backbones.registry import describe
    from bakeoff.core.machine import ComputeParams, ScanParams
    from bakeoff.core.modes import parse_mode
    from bakeoff.records.recipe import HeadParams
    from bakeoff.records.weights import WeightsRecord
    from bakeoff.training.plan import TrainingRequest, plan_training
    from bakeoff.training.run import train_candidate
    from training.conftest import recipe

    folder = project / "weights" / "tiny"
    if not folder.is_dir():
        folder.mkdir(parents=True)
        torch.manual_seed(1)
        network = import_timm().create_model("test_resnet.r160_in1k", num_classes=0)
        save_file(network.state_dict(), folder / "model.safetensors")
        digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        places = {"file": "model.safetensors", "url_or_id": "timm/test", "revision": "r", "sha256": digest}
        facts = {"licence": "apache-2.0", "commercial_use": True, "reason": None}
        WeightsRecord(model="tiny", source="folder", **places, **facts).write(folder)
    head = HeadParams(hidden=[], batch_norm=False, dropout=0.2)
    defaults = BackboneDefaults(source="timm", image_size=None, head=head, training={})
    settings = describe("tiny", {"tiny": BackboneParams(name="test_resnet.r160_in1k", image_size=64)}, defaults)
    compute, scan = ComputeParams(device="cpu", threads=1), ScanParams(implementation="auto")
    request = TrainingRequest(settings, parse_mode(mode), 0, recipe(mode), compute, scan)
    out = project / "runs" / f"tiny-{mode}" / "seed_0"
    training = train_candidate(plan_training(request, catalogue, weights_dir=folder), out / "training")
    write_evaluation(out / "evaluation", training)
    return out
