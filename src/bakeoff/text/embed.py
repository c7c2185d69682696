"""Texts as the mean of fastText's vectors of their words and word n-grams, learned with the labels."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.core.errors import TrainingError
from bakeoff.records.text import FastTextParams

FILE = "model.bin"
_LABEL = "__label__"


class SentenceVectors:
    """A trained fastText model as a vectoriser; its output layer is the head on it."""

    def __init__(self, model: Any) -> None:
        """Hold fastText's model."""
        self.model = model

    @property
    def arrays(self) -> list[np.ndarray]:
        """The numbers that were learnt: vectors of words and n-grams."""
        return [self.model.get_input_matrix()]

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, dim) float32: means that count the end of the line as a word, so that no text has none."""
        rows = [self.model.get_sentence_vector(_line(text)) for text in texts]
        return np.array(rows, np.float32).reshape(len(texts), self.model.get_dimension())

    def output(self, classes: np.ndarray) -> np.ndarray:
        """Return what the vectors are multiplied with to score P classes, (P, dim) float32."""
        places = [self.model.get_labels().index(f"{_LABEL}{label}") for label in classes]
        return self.model.get_output_matrix()[places]


def fit_vectors(texts: Sequence[str], labels: np.ndarray, params: FastTextParams, *, seed: int) -> SentenceVectors:
    """Return vectors learned from N texts and labels (N,) int64, on one thread, as only that is reproducible.

    Raises:
        TrainingError: the loss became NaN.

    Source:
        Joulin et al.: Bag of tricks for efficient text classification, 2016, arXiv:1607.01759.
    """
    import fasttext

    options = {"lr": params.learning_rate, "dim": params.dim, "epoch": params.epochs, "bucket": params.buckets}
    options |= {"wordNgrams": params.word_ngrams, "seed": seed % 2**31, "thread": 1, "verbose": 0}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "train.txt"
        lines = [f"{_LABEL}{label} {_line(text)}\n" for label, text in zip(labels, texts, strict=True)]
        file.write_text("".join(lines), encoding="utf-8")
        try:
            return SentenceVectors(fasttext.train_supervised(str(file), **options))
        except RuntimeError as error:
            if "NaN" not in str(error):
                raise
            rate = params.learning_rate
            raise TrainingError(f"fastText's loss became NaN at learning_rate {rate:g}; set a smaller one.") from None


def _line(text: str) -> str:
    """Return a text as one line without what fastText would read as a label or as the line's end."""
    return " ".join(re.sub(f"{_LABEL}|</s>", " ", text).split())
