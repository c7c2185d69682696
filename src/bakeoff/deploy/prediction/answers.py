"""From raw scores to what a person or a shop system reads: class, calibrated probability, top k, or why not."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.core.names import visible
from bakeoff.deploy.prediction.scores import CHUNK, read_chunks
from bakeoff.evaluation.calibration import apply_temperature

Answer = dict[str, Any]
"""id, image, label, probability, review, top ([{label, probability}]), study_split (null for a photo that is not the
study's own), reason, detail: the last two, or label to top, are null."""
_REFUSED: Answer = dict.fromkeys(("label", "probability", "review", "top"))


@dataclass
class Tally:
    """What is told at the end."""

    n: int = 0
    n_review: int = 0
    study_splits: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    first_refusal: str = ""

    @property
    def n_refused(self) -> int:
        """Photos that could not be read."""
        return self.reasons.total()


def answer_all(
    folder: Path, photos: pd.DataFrame, labels: list[str], *, temperature: float, top_k: int, threshold: float
) -> Iterator[list[Answer]]:
    """Yield the answers to `photos` (columns id, image, study_split; in the order of the scores) chunk by chunk.

    Each has `top_k` of the K classes, and is marked for a human where the first one's probability, calibrated by the
    temperature, is below the threshold.
    """
    for number, scores in enumerate(read_chunks(folder, len(photos))):
        rows = photos.iloc[number * CHUNK : (number + 1) * CHUNK][["id", "image", "study_split"]].to_dict("records")
        sound = np.array([reason is None for reason in scores.reasons])
        calibrated = iter(apply_temperature(scores.probabilities[sound].astype(np.float64), temperature))
        answers = []
        for photo, reason, detail in zip(rows, scores.reasons, scores.details, strict=True):
            own = {"study_split": photo["study_split"] or None, "reason": reason, "detail": detail}
            found = _REFUSED if reason else _classified(next(calibrated), labels, top_k=top_k, threshold=threshold)
            answers.append(photo | found | own)
        yield answers


def count(chunks: Iterable[list[Answer]]) -> Tally:
    """Return what is told of all answers at the end."""
    tally = Tally()
    for answer in chain.from_iterable(chunks):
        tally.n += 1
        tally.n_review += bool(answer["review"])
        tally.study_splits.update(filter(None, [answer["study_split"]]))
        if answer["reason"] is not None:
            tally.first_refusal = tally.first_refusal or visible(
                f"{answer['image'] or answer['id']}: {answer['detail']}"
            )
            tally.reasons[answer["reason"]] += 1
    return tally


def _classified(probabilities: np.ndarray, labels: list[str], *, top_k: int, threshold: float) -> Answer:
    """Return the answer of (K,) float64 probabilities; ties go to the earlier label."""
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    top = [{"label": labels[index], "probability": float(probabilities[index])} for index in order]
    return {**top[0], "review": top[0]["probability"] < threshold, "top": top}
