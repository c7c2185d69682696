"""What the tests compare: one set of photos as numbers; a few per photo, and the features of 1,000 of them."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from bakeoff.catalogue.measures import MEASURES
from bakeoff.deploy.monitoring.texts import TextMeasures
from bakeoff.deploy.prediction.scores import read_chunks
from bakeoff.evaluation.calibration import apply_temperature

MAX_FEATURES = 1000  # photos whose features are compared at most, drawn at random: time and memory grow as its square
NO_LABEL = -1


@dataclass(frozen=True)
class Sample:
    """Products that could be read."""

    probabilities: np.ndarray  # (N, K) float64, calibrated
    measures: np.ndarray  # (N, len(measured))
    vectors: np.ndarray  # (M, D): features of at most MAX_FEATURES photos, or log probabilities without features
    vector_kind: str  # `features` or `log_probabilities`
    label_ids: np.ndarray  # (N,) int64 below K, NO_LABEL where the class is not known
    n_refused: int = 0
    reasons: tuple[tuple[str, int], ...] = ()  # why photos could not be read, and how many
    measured: tuple[str, ...] = tuple(MEASURES)  # of photos; of texts `.texts.TEXT_MEASURES`
    languages: np.ndarray | None = None  # (N,) str; None where no texts are read
    without_text: tuple[int, int] | None = None  # how many of how many products, those that could not be read included
    luck: float = 0.0  # of the winner's test products: how much its accuracy owes to having been chosen by them

    def __len__(self) -> int:
        """Return N."""
        return len(self.probabilities)

    @property
    def predicted(self) -> np.ndarray:
        """The predicted classes, (N,) int64."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        """The probability of the predicted class, (N,)."""
        return self.probabilities.max(axis=1)

    @property
    def labelled(self) -> np.ndarray:
        """Whose class is known, (N,) bool."""
        return self.label_ids != NO_LABEL

    def rows(self, chosen: np.ndarray) -> Self:
        """Return the products where `chosen` (N,) bool is true; vectors stay as they are."""
        names = ("probabilities", "measures", "label_ids", *(() if self.languages is None else ("languages",)))
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})


def collect_sample(
    folder: Path, label_ids: np.ndarray, wanted: np.ndarray, *, temperature: float, texts: TextMeasures | None = None
) -> Sample:
    """Return a folder of chunks with measures, or with those of `texts`, as a sample, calibrated by a temperature.

    `label_ids` (N,) are of all products in order, NO_LABEL where unknown; `wanted` (N,) bool says which ones count.
    """
    n = len(label_ids)
    kept = draw(wanted)
    probabilities, measures, features, sound = [], [], [], []
    reasons: Counter[str] = Counter()
    start = 0
    for scores in read_chunks(folder, n):
        fine = np.array([reason is None for reason in scores.reasons]) & wanted[start : start + len(scores.reasons)]
        reasons.update(reason for reason in scores.reasons if reason is not None)
        probabilities.append(scores.probabilities[fine].astype(np.float64))
        if texts is None:
            measures.append(np.asarray(scores.measures)[fine])
        chosen = fine & kept[start : start + len(fine)]
        if scores.features is not None:
            features.append(scores.features[chosen])
        sound.append(fine)
        start += len(fine)
    all_sound = np.concatenate(sound)
    all_probabilities = apply_temperature(np.concatenate(probabilities), temperature)
    vectors = np.concatenate(features) if features else log_vectors(all_probabilities[kept[all_sound]])
    return Sample(
        probabilities=all_probabilities,
        **({"measures": np.concatenate(measures)} if texts is None else texts.of(all_sound, wanted)),
        vectors=vectors,
        vector_kind="features" if features else "log_probabilities",
        label_ids=label_ids[all_sound],
        n_refused=reasons.total(),
        reasons=tuple(reasons.most_common()),
    )


def draw(wanted: np.ndarray) -> np.ndarray:
    """Return MAX_FEATURES of the `wanted` (N,) bool at most, drawn at random, likewise."""
    kept = np.zeros(len(wanted), dtype=bool)
    kept[np.random.default_rng(0).permutation(np.flatnonzero(wanted))[:MAX_FEATURES]] = True
    return kept


def log_vectors(probabilities: np.ndarray) -> np.ndarray:
    """Return (N, K) log probabilities, which spread out what lies close to 0 and 1."""
    return np.log(np.clip(probabilities, 1e-6, 1))
