"""A candidate asked about photos, one after the other: its classes, and each method's maps of two of them."""

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from bakeoff.backbones.names import unknown_name
from bakeoff.core.errors import BakeoffError
from bakeoff.core.machine import ComputeParams
from bakeoff.core.names import clean_label
from bakeoff.core.progress import progress_bar
from bakeoff.data.decode import Rejection
from bakeoff.data.figures import shorten
from bakeoff.data.photo import open_packed, repair_photo
from bakeoff.data.products import Photos
from bakeoff.data.table import load_catalogue
from bakeoff.deploy.prediction.candidates import TrainedCandidate
from bakeoff.deploy.prediction.scoring import read_files
from bakeoff.evaluation.calibration import apply_temperature
from bakeoff.interpret.explain import Explained, background, explain
from bakeoff.interpret.opening import open_subject
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.subject import Subject


class Asked(NamedTuple):
    """What is asked of every candidate."""

    methods: list[str]
    params: InterpretParams
    compute: ComputeParams
    target: str | None

    def class_of(self, candidate: TrainedCandidate) -> int | None:
        """Return the index of the class that is to be explained; None for the predicted one.

        Raises:
            ParamsError: the candidate knows no such class.
        """
        if self.target is None:
            return None
        labels, wanted = candidate.training.labels, clean_label(self.target)
        if wanted not in labels:
            raise unknown_name("class", wanted, labels)
        return labels.index(wanted)


class Answer(NamedTuple):
    """What a candidate says of a photo, and why."""

    image: np.ndarray
    """As the network sees it, (H, W, 3) float32 in [0, 1]."""
    score: str
    """What is explained of a class: `logit` or `probability`."""
    labels: list[str]
    probabilities: np.ndarray
    """(K,) float64, calibrated."""
    chosen: int
    """The class that is explained."""
    counter: int
    """The class that might have been: the most probable of the others."""
    explained: dict[tuple[str, int], Explained]
    """By method and class."""

    @property
    def maps(self) -> dict[tuple[str, int], np.ndarray]:
        """The maps that there are, (H, W) float32 each."""
        return {key: one.map for key, one in self.explained.items() if one.map is not None}

    @property
    def n_methods(self) -> str:
        """How many of the methods gave a map."""
        gave, asked = ({method for method, _ in found} for found in (self.maps, self.explained))
        return f"{len(gave)} of {len(asked)}"

    @property
    def notes(self) -> list[str]:
        """Why the others gave none."""
        return [one.note for one in self.explained.values() if one.note]

    def said(self, label_id: int) -> str:
        """Return a class with its probability."""
        return f"{shorten(self.labels[label_id], 60)} {self.probabilities[label_id]:.2f}"


Said = tuple[str, str, Answer]
"""A photo's name for files, its title and the answer."""


def ask(
    project: Path, candidate: TrainedCandidate, photos: pd.DataFrame, asked: Asked, refused: dict[str, str]
) -> Iterator[Said]:
    """Yield what is said of each photo; those that cannot be read go into `refused` by their paths."""
    target, temperature = asked.class_of(candidate), candidate.calibration.temperature
    nothing, prepare = [None] * len(photos), candidate.training.dataset.prepare
    with open_subject(candidate.folder / "training", asked.compute, batch_px=asked.params.batch_px) as subject:
        _give_background(subject, candidate, project)
        with progress_bar() as bar:
            n_maps = 2 * len(asked.methods)
            task = bar.add_task(candidate.name, total=len(photos) * n_maps)
            packed = read_files(list(photos["path"]), prepare, malformed=nothing)
            for one, photo in zip(photos.to_dict("records"), packed, strict=True):
                if isinstance(photo, Rejection):
                    refused[one["path"]] = photo.detail
                    bar.advance(task, n_maps)
                    continue
                image = subject.images(Photos([repair_photo(open_packed(photo.encoded), photo.steps)]))[0]
                shares = apply_temperature(subject.probabilities(image[None]), temperature)[0]
                classes = _two_classes(shares, target)
                explained = {}
                for method, label_id in product(asked.methods, classes):
                    explained[method, label_id] = explain(subject, image, label_id, method, asked.params)
                    bar.advance(task)
                subject.divided.clear()  # a photo is asked about once
                yield (
                    one["name"],
                    one["id"],
                    Answer(image, subject.score, list(subject.labels), shares, *classes, explained),
                )


def _two_classes(shares: np.ndarray, target: int | None) -> tuple[int, int]:
    """Return the class to explain, by default the most probable one, and the most probable of the others."""
    order = np.argsort(-shares, kind="stable").tolist()
    chosen = order[0] if target is None else target
    return chosen, next(label_id for label_id in order if label_id != chosen)


def _give_background(subject: Subject, candidate: TrainedCandidate, project: Path) -> None:
    """Show the subject train photos of the study; where they are gone, that is said and it keeps its mid-grey."""
    try:
        catalogue = load_catalogue(project / "data" / "catalogue", project / "data" / "splits" / "splits.parquet")
    except BakeoffError as error:
        why = str(error)
    else:
        if catalogue.dataset.digest == candidate.training.dataset.digest:
            subject.background = background(subject, catalogue)
            return
        why = f"data/catalogue is no longer what {candidate.name} was trained on."
    sys.stderr.write(f"{why} Mid-grey stands for the train photos that some methods compare with.\n")
