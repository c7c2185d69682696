"""What is compared of new products' texts: length, words that train's texts lack, language, and how many have none."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from bakeoff.data.table import Catalogue, read_prepared
from bakeoff.deploy.prediction.candidates import TrainedCandidate
from bakeoff.deploy.prediction.sides import sides_of
from bakeoff.records.text import TextSettings
from bakeoff.text.clean import join_fields
from bakeoff.text.detect import detect_languages
from bakeoff.text.plain import plain_text

TEXT_MEASURES = ("text_length", "unknown_words")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class TextMeasures:
    """What was found out about N products' texts; of candidates that read no texts nothing."""

    names: tuple[str, ...]
    values: np.ndarray  # (N, len(names)): characters; share of distinct words that train has not, 0 without words
    languages: np.ndarray | None  # (N,) str, ISO 639-1 or `und`
    is_empty: np.ndarray  # (N,) bool

    def of(self, chosen: np.ndarray, counted: np.ndarray) -> dict[str, Any]:
        """Return the fields of a `Sample` of the `chosen` ones (N,) bool, which are some of those `counted` (N,)."""
        return {
            "measured": self.names,
            "measures": self.values[chosen],
            "languages": None if self.languages is None else self.languages[chosen],
            "without_text": (int(self.is_empty[counted].sum()), int(counted.sum())) if self.names else None,
        }


@dataclass(frozen=True)
class StudyTexts:
    """The texts of the study's products, as a candidate or a side of a pair reads them."""

    fields: list[str]
    """Empty where no side reads texts."""
    texts: list[str]
    """(N,) in the order of the catalogue."""
    splits: dict[tuple[str, str], str]
    """Of each product, by its id and its text."""
    words: frozenset[str]
    """That train's texts have."""
    needs_text: bool
    """Whether a product without a text is refused: no side reads photos."""

    @classmethod
    def read(cls, project: Path, candidate: TrainedCandidate, catalogue: Catalogue) -> Self:
        """Return the texts of a catalogue, one row per product."""
        settings = [side.training.settings for side in sides_of(project, candidate)]
        reading = [one for one in settings if isinstance(one, TextSettings)]
        fields: list[str] = [*dict.fromkeys(field for one in reading for field in one.cleaning.join)]
        ids, splits = catalogue.products["product_id"].tolist(), catalogue.products["split"].tolist()
        table = read_prepared(project / "data" / "catalogue", "texts.parquet").set_index("product_id")
        texts = join_fields(table.loc[ids], fields)
        train = (text for text, split in zip(texts, splits, strict=True) if split == "train")
        known = dict(zip(zip(ids, texts, strict=True), splits, strict=True))
        return cls(fields, texts, known, frozenset().union(*map(_words, train)), len(reading) == len(settings))

    def measure(self, texts: Sequence[str]) -> TextMeasures:
        """Return the measures of N texts."""
        is_empty = np.array([not text.strip() for text in texts], dtype=bool)
        if not self.fields:
            return TextMeasures((), np.zeros((len(texts), 0)), None, is_empty)
        words = [_words(text) for text in texts]
        unknown = [len(own - self.words) / max(1, len(own)) for own in words]
        values = np.array([[*map(len, texts)], unknown], dtype=np.float64).T
        return TextMeasures(TEXT_MEASURES, values, np.array(detect_languages(texts), dtype=object), is_empty)

    def find_splits(self, table: pd.DataFrame) -> np.ndarray:
        """Return the study's split of products that are its own by id and text, (N,) str; empty for others."""
        texts = join_fields(table, self.fields)
        return np.array([self.splits.get(own, "") for own in zip(table["id"], texts, strict=True)], dtype=object)


def _words(text: str) -> set[str]:
    return {*_WORD.findall(plain_text(text, html=True).casefold())}
