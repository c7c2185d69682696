"""Which products are compared: new ones, with the study's classes where they are known, and the study's own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.core.errors import DataError, EvaluationError, ParamsError
from bakeoff.core.machine import ComputeParams
from bakeoff.core.names import clean_label
from bakeoff.data.predictions import WITHOUT_INPUT, read_predictions, require_same_labels
from bakeoff.data.table import REPAIR, Catalogue, load_catalogue
from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.deploy.monitoring.sample import NO_LABEL, Sample, collect_sample, draw, log_vectors
from bakeoff.deploy.monitoring.texts import StudyTexts
from bakeoff.deploy.prediction.candidates import TrainedCandidate
from bakeoff.deploy.prediction.request import make_request, scored
from bakeoff.deploy.prediction.sources import Columns, Photos, is_table, list_photos, list_products
from bakeoff.evaluation.calibration import apply_temperature
from bakeoff.records.candidate import Candidate

SMALL_TEST = 200  # below this, validation products join test's; they chose the best epoch, which moves them little


def list_new_products(
    source: Path,
    labels: list[str] | None,
    *,
    label_column: str | None,
    columns: Columns,
    reader: Candidate | None = None,
) -> Photos:
    """Return new products, as `reader` reads them (None = photos), with their classes where the source gives any.

    A folder gives classes where one of its subfolders is named like a class of the study, below wrappers and splits
    too; a table where it has the column, by default `label`. Without `labels`, the study's classes, none is looked for.
    """
    if source.is_file() and not is_table(source):
        raise ParamsError(f"{source} is one file; monitoring needs a folder or a table of products, or take `predict`.")
    if source.is_dir() and label_column is not None:
        raise ParamsError(f"--label-column belongs to a table; {source} is a folder, whose subfolders are classes.")
    columns = replace(columns, label=label_column if labels else None, find_label=bool(labels))
    if reader is None:
        photos = list_photos(source, columns)
    else:
        photos = list_products(source, None, columns, name=reader.name, modality=reader.modality)
    known = set(map(clean_label, labels or []))
    if source.is_dir():
        ways = [map(clean_label, image.split("/")[:-1]) for image in photos.table["image"]]
        pairs = zip(ways, photos.table["label"], strict=True)
        classes = [next((part for part in way if part in known), label) for way, label in pairs]
        photos = replace(photos, table=photos.table.assign(label=pd.Series(classes, dtype=object)))
    found = set(photos.table["label"]) - {None}
    if not labels or (source.is_dir() and not found & known):
        return replace(photos, table=photos.table.assign(label=None))
    if found - known:
        unknown = sorted(found - known)
        listed = ", ".join(map(repr, unknown[:5])) + (", …" if len(unknown) > 5 else "")
        raise DataError(
            f"{len(unknown)} labels of the new products are not among the study's ({listed}); the study's are "
            f"{', '.join(map(repr, labels))}. Rename them, leave those products out, or add --unlabelled."
        )
    return photos


def encode_labels(photos: Photos, labels: list[str]) -> np.ndarray:
    """Return (N,) class indices, NO_LABEL where a product has none."""
    ids = {clean_label(label): number for number, label in enumerate(labels)}
    return np.array([ids.get(label, NO_LABEL) for label in photos.table["label"]], dtype=np.int64)


def score_reference(
    project: Path, candidate: TrainedCandidate, compute: ComputeParams
) -> tuple[Sample, Sample, list[str]]:
    """Return the reference, whose scores stay for the next time, the test split alone, and the reference's splits."""
    data = project / "data"
    reads = candidate.training.modality
    known = "image" if reads == "image" else None  # of texts those that there are none of are counted
    catalogue = load_catalogue(data / "catalogue", data / "splits" / "splits.parquet", reads=known).by_product()
    labels = candidate.training.labels
    require_same_labels(labels, catalogue.labels, given_by=candidate.name, expected_by="the catalogue")
    _require_same_data(candidate, catalogue)
    splits = reference_splits(catalogue)
    rows = np.concatenate([catalogue.rows(name) for name in splits])
    is_test = np.arange(len(rows)) < len(catalogue.rows("test"))
    if reads != "image":
        sample, sound = _predicted(project, candidate, catalogue, rows)
        return sample, replace(sample.rows(is_test[sound]), luck=_luck(project, candidate)), splits
    table = catalogue.products.iloc[rows]
    names = [name for name in ("image", "width", "height", REPAIR) if name in table]
    listing = table[names].reset_index(drop=True).fillna({REPAIR: ""})
    store = data / "catalogue" / "images.arrow"
    request = make_request(candidate, compute, title="the study's photos", store=store, more=True)
    with scored(request, listing, keep=True) as folder:
        label_ids, everything = catalogue.label_ids(rows), np.ones(len(rows), dtype=bool)
        sample = collect_sample(folder, label_ids, everything, temperature=candidate.calibration.temperature)
    return sample, replace(sample.rows(is_test), luck=_luck(project, candidate)), splits


def _predicted(
    project: Path, candidate: TrainedCandidate, catalogue: Catalogue, rows: np.ndarray
) -> tuple[Sample, np.ndarray]:
    """Return products of the study by the answers of predictions.parquet, and which of `rows` have what is read."""
    predictions = read_predictions(candidate.folder / "training" / "predictions.parquet", catalogue=catalogue)
    study = StudyTexts.read(project, candidate, catalogue)
    measures = study.measure([study.texts[row] for row in rows])
    sound = (predictions.products["origin"] != WITHOUT_INPUT).to_numpy()[rows]
    raw = predictions.probabilities[rows[sound]].astype(np.float64)
    probabilities = apply_temperature(raw, candidate.calibration.temperature)
    sample = Sample(
        probabilities=probabilities,
        vectors=log_vectors(probabilities[draw(np.ones(len(raw), dtype=bool))]),
        vector_kind="log_probabilities",
        label_ids=catalogue.label_ids(rows)[sound],
        **measures.of(sound, np.ones(len(rows), dtype=bool)),
    )
    return sample, sound


def _luck(project: Path, candidate: TrainedCandidate) -> float:
    """Return by how much choice.json corrects a winner's accuracy, 0 for another candidate or training."""
    choice = ChoiceRecord.read_current(project / "reports" / "choice.json")
    if choice is None or candidate.name not in choice.corrected:
        return 0.0
    accuracy = choice.corrected[candidate.name].accuracy
    return accuracy.measured - accuracy.estimate if candidate.training.key in choice.inputs.keys.values() else 0.0


def reference_splits(catalogue: Catalogue) -> list[str]:
    """Return `test`, and `validation` where the test split is small."""
    return ["test"] if len(catalogue.rows("test")) >= SMALL_TEST else ["test", "validation"]


def _require_same_data(candidate: TrainedCandidate, catalogue: Catalogue) -> None:
    """Check that the products to compare with are those of the training, their photos packed as new ones will be."""
    trained, found = candidate.training.dataset, catalogue.dataset
    for name in ("digest", "prepare"):
        if getattr(trained, name) != getattr(found, name):
            raise EvaluationError(
                f"{candidate.name} was trained on another state of data/catalogue ({name} {getattr(trained, name)}, it "
                f"holds {getattr(found, name)}); run `bakeoff run` (or `dvc repro`) to train it again."
            )
