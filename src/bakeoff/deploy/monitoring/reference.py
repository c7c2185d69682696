"""The study's own products that new ones are held against: the test split, with validation where that is small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.core.errors import EvaluationError
from bakeoff.data.table import Catalogue, load_catalogue
from bakeoff.deploy.monitoring.sample import Sample, collect_sample
from bakeoff.deploy.prediction.candidates import TrainedCandidate
from bakeoff.deploy.prediction.launch import StudyParams, make_request, scored
from bakeoff.records.files import require_same_labels

SMALL_TEST = 200
"""Below this many test products the validation products join in; they chose the best epoch, which moves them little."""


def score_reference(
    project: Path, candidate: TrainedCandidate, params: StudyParams
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
    request = make_request(candidate, params, title="the study's photos", store=store, more=True)
    with scored(request, listing, keep=True) as folder:
        sample = collect_sample(folder, catalogue.label_ids(rows), temperature=candidate.temperature)
    is_test = np.arange(len(rows)) < len(catalogue.rows("test"))
    return sample, sample.rows(is_test), splits


def _require_same_data(candidate: TrainedCandidate, catalogue: Catalogue) -> None:
    """Check that the photos to compare with are those of the training, packed as new ones will be."""
    trained = candidate.training.get("dataset") or {}
    for name in ("digest", "prepare"):
        if trained.get(name) != catalogue.dataset.get(name):
            raise EvaluationError(
                f"{candidate.name} was trained on another state of data/catalogue ({name} {trained.get(name)}, it "
                f"holds {catalogue.dataset.get(name)}); run `bakeoff run` (or `dvc repro`) to train it again."
            )


def reference_splits(catalogue: Catalogue) -> list[str]:
    """Return `test`, and `validation` where the test split is small."""
    return ["test"] if len(catalogue.rows("test")) >= SMALL_TEST else ["test", "validation"]
