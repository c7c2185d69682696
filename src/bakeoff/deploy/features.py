"""The features of a frozen candidate as four files, for classifiers trained elsewhere."""

from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.core.errors import EvaluationError, ParamsError
from bakeoff.core.files import replacing, write_json
from bakeoff.core.machine import ComputeParams
from bakeoff.core.modes import parse_mode
from bakeoff.core.section import load_section
from bakeoff.data.table import UNLABELLED, load_catalogue
from bakeoff.deploy.prediction.candidates import TrainedCandidate, find_candidate
from bakeoff.deploy.prediction.request import make_request, scored
from bakeoff.deploy.prediction.scores import read_chunks
from bakeoff.deploy.prediction.sources import LISTING, list_photos
from bakeoff.fusion.features import photo_features
from bakeoff.learning.key import now_utc

_MADE_BY = {"candidate", "model", "seed", "architecture", "labels", "weights", "device", "threads", "versions"}


def export_features(project: Path, name: str, out_dir: Path, *, seed: int | None = None, force: bool = False) -> str:
    """Write a frozen candidate's features, as docs/deploy.md says, and return a line about them.

    An EvaluationError where there is no such training, or its backbone learned or is not PyTorch's; a ParamsError where
    `out_dir` is a file or holds something, and `force` is false.
    """
    if out_dir.is_file() or (not force and out_dir.is_dir() and any(out_dir.iterdir())):
        raise ParamsError(f"{out_dir} must be a new or an empty folder; choose another one, or add --force.")
    trained = find_candidate(project, name, seed=seed)
    record, labels = trained.training, trained.training.labels
    if record.framework != "pytorch" or parse_mode(record.mode).trained != 0:
        raise EvaluationError(
            f"{name} is a {record.framework} training in mode {record.mode}; features are exported of a PyTorch "
            "candidate whose backbone is frozen: <model>-frozen, <model>-probe_<head>."
        )
    compute = load_section(project / "params.yaml", ComputeParams)
    features, products = _labelled(project, trained, compute)
    source = project / "data" / "catalogue" / UNLABELLED
    is_test = (products["split"] == "test").to_numpy() & (not source.is_file())
    parts = {"train": (features[~is_test], products[~is_test]), "test": (features[is_test], products[is_test])}
    if source.is_file():
        parts["test"] = _unlabelled(source, trained, compute)
    label_ids = parts["train"][1]["label_id"].to_numpy(np.int64)
    arrays = {f"{split}_features_{record.model}": rows for split, (rows, _) in parts.items()}
    for stem, array in (arrays | {"train_labels": label_ids}).items():
        with replacing(out_dir / f"{stem}.npy") as partial, partial.open("wb") as handle:
            np.save(handle, array)
    weights = len(label_ids) / (len(labels) * np.bincount(label_ids, minlength=len(labels)).clip(1))
    told = record.model_dump(mode="json", include=_MADE_BY) | {"created_at": now_utc()}
    told["preprocessing"] = record.backbone.preprocessing.model_dump(mode="json")
    told["class_weights"] = dict(zip(labels, weights.tolist(), strict=True))
    for split, (rows, table) in parts.items():
        columns = {str(name): table[name].tolist() for name in table}
        told[split] = {"shape": rows.shape, **columns, **table.attrs}
    write_json(out_dir / "metadata.json", told)
    return f"{out_dir}: " + ", ".join(f"{stem}.npy {array.shape}" for stem, array in arrays.items())


def _labelled(project: Path, trained: TrainedCandidate, compute: ComputeParams) -> tuple[np.ndarray, pd.DataFrame]:
    """Return (N, D) float32 of the study's products, and their ids, splits and labels."""
    catalogue = load_catalogue(project / "data" / "catalogue", project / "data" / "splits" / "splits.parquet")
    features = photo_features(trained.training, trained.folder / "training", catalogue, compute)
    products = catalogue.by_product().products
    return features, products.loc[:, ["product_id", "split", "label_id"]]


def _unlabelled(source: Path, trained: TrainedCandidate, compute: ComputeParams) -> tuple[np.ndarray, pd.DataFrame]:
    """Return (M, D) float32 of the products whose label the source keeps to itself, and their ids.

    A photo that cannot be read has no row; `attrs` of the table say why, by id.
    """
    photos = list_photos(source).table
    request = make_request(trained, compute, title=f"{trained.training.model} features, unlabelled", more=True)
    with scored(request, photos.loc[:, LISTING], keep=True) as folder:
        chunks = list(read_chunks(folder, len(photos)))
    reasons = pd.Series([reason for chunk in chunks for reason in chunk.reasons], index=photos["id"])
    features = np.concatenate([chunk.features for chunk in chunks if chunk.features is not None])
    table = pd.DataFrame({"product_id": photos["id"][reasons.isna().to_numpy()]})
    table.attrs["rejected"] = reasons.dropna().to_dict()
    return features[reasons.isna()], table
