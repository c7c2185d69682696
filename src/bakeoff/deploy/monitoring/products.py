"""Which products are compared: new ones, with the study's classes where they are known, and the study's own."""

from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.core.errors import DataError, EvaluationError, ParamsError
from bakeoff.core.machine import ComputeParams
from bakeoff.data.table import Catalogue, load_catalogue
from bakeoff.deploy.monitoring.sample import NO_LABEL, Sample, collect_sample
from bakeoff.deploy.prediction.candidates import TrainedCandidate
from bakeoff.deploy.prediction.launch import make_request, scored
from bakeoff.deploy.prediction.sources import TABLE_SUFFIXES, Columns, Photos, folder_labels, list_photos, read_table
from bakeoff.records.files import require_same_labels

DEFAULT_COLUMN = "label"
SMALL_TEST = 200
"""Below this many test products the validation products join in; they chose the best epoch, which moves them little."""


def list_new_products(source: Path, labels: list[str] | None, *, label_column: str | None, columns: Columns) -> Photos:
    """Return new photos with their classes where the source gives any.

    A folder gives classes where one of its subfolders is named like a class of the study, a table where it has the
    column.

    Args:
        source: a folder or a table.
        labels: the study's classes; None = take the products as unlabelled.
        label_column: the table's column; None = `label` where the table has one.
        columns: the table's other columns.
    """
    is_table = source.is_file() and source.suffix.lower() in TABLE_SUFFIXES
    if source.is_file() and not is_table:
        raise ParamsError(f"{source} is one file; monitoring needs a folder or a table of products, or take `predict`.")
    if not is_table:
        if label_column is not None:
            raise ParamsError(f"--label-column belongs to a table; {source} is a folder, whose subfolders are classes.")
        photos = list_photos(source)
        found = folder_labels(photos)
        return _with_labels(photos, found, labels) if labels and set(found) & set(labels) else photos
    if labels is None:
        return list_photos(source, Columns(columns.image, columns.id))
    column = label_column or (DEFAULT_COLUMN if DEFAULT_COLUMN in read_table(source) else None)
    photos = list_photos(source, Columns(columns.image, columns.id, column))
    return _with_labels(photos, photos.table["label"].tolist(), labels)


def encode_labels(photos: Photos, labels: list[str]) -> np.ndarray:
    """Return (N,) class indices, NO_LABEL where a product has none."""
    ids = {label: number for number, label in enumerate(labels)}
    return np.array([ids.get(label, NO_LABEL) for label in photos.table["label"]], dtype=np.int64)


def _with_labels(photos: Photos, found: list[str | None], labels: list[str]) -> Photos:
    unknown = sorted({label for label in found if label is not None} - set(labels))
    if unknown:
        listed = ", ".join(map(repr, unknown[:5])) + (", …" if len(unknown) > 5 else "")
        raise DataError(
            f"{len(unknown)} labels of the new products are not among the study's ({listed}); the study's are "
            f"{', '.join(map(repr, labels))}. Rename them, leave those products out, or add --unlabelled."
        )
    return Photos(photos.table.assign(label=np.array(found, dtype=object)), photos.n_left_out)


def score_reference(
    project: Path, candidate: TrainedCandidate, compute: ComputeParams
) -> tuple[Sample, Sample, list[str]]:
    """Return the reference, the test split alone, and the names of the splits in the reference.

    The scores stay in .bakeoff/predictions/ for the next time.
    """
    data = project / "data"
    catalogue = load_catalogue(data / "catalogue", data / "splits" / "splits.parquet")
    require_same_labels(candidate.labels, catalogue.labels, given_by=candidate.name, expected_by="the catalogue")
    _require_same_data(candidate, catalogue)
    splits = reference_splits(catalogue)
    rows = np.concatenate([catalogue.rows(name) for name in splits])
    table = catalogue.products.iloc[rows]
    listing = pd.DataFrame({name: table[name].to_numpy() for name in ("image", "width", "height")})
    store = data / "catalogue" / "images.arrow"
    request = make_request(candidate, compute, title="the study's photos", store=store, more=True)
    with scored(request, listing, keep=True) as folder:
        label_ids, everything = catalogue.label_ids(rows), np.ones(len(rows), dtype=bool)
        sample = collect_sample(folder, label_ids, everything, temperature=candidate.calibration.temperature)
    is_test = np.arange(len(rows)) < len(catalogue.rows("test"))
    return sample, sample.rows(is_test), splits


def _require_same_data(candidate: TrainedCandidate, catalogue: Catalogue) -> None:
    """Check that the photos to compare with are those of the training, packed as new ones will be."""
    trained, found = candidate.training.dataset, catalogue.dataset
    for name in ("digest", "prepare"):
        if getattr(trained, name) != getattr(found, name):
            raise EvaluationError(
                f"{candidate.name} was trained on another state of data/catalogue ({name} {getattr(trained, name)}, it "
                f"holds {getattr(found, name)}); run `bakeoff run` (or `dvc repro`) to train it again."
            )


def reference_splits(catalogue: Catalogue) -> list[str]:
    """Return `test`, and `validation` where the test split is small."""
    return ["test"] if len(catalogue.rows("test")) >= SMALL_TEST else ["test", "validation"]
