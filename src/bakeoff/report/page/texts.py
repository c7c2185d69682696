"""Explained texts on a page: each class's terms, candidates side by side, and texts with their words marked."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from bakeoff.decision.collect import Evaluated
from bakeoff.interpret.photos import SHARED
from bakeoff.records.explained_texts import TEXTS_FILE, ExplainedText, TextsRecord, Weighted, strongest

_FAINT = 0.05
"""Of the scale; words that matter less are not marked, which keeps long texts readable and the page small."""
_N_STRONGEST = 5


class Told(NamedTuple):
    """A text candidate whose words were explained."""

    candidate: str
    learned: bool
    record: TextsRecord

    def texts(self, label: str | None = None, *, shared: bool) -> list[ExplainedText]:
        """Return the texts that all text candidates share or its own ones, of one true class or of all."""
        found = [one for one in self.record.texts if (one.kind == SHARED) == shared]
        return [one for one in found if label in (None, one.true)]

    def terms(self, label: str) -> list[Weighted]:
        """Return the terms that speak most for a class; a forest's are of all classes."""
        return self.record.terms.get(label, self.record.terms.get("", []))


class Marked(NamedTuple):
    """A candidate's text: each word with its side and its share (0 to 1) of the largest of all the candidate's words.

    Beside it the words that speak most for the class and against it.
    """

    told: Told
    text: ExplainedText
    words: list[tuple[str, Literal["for", "against", ""], float]]
    strongest: tuple[list[Weighted], list[Weighted]]


def read_told(records: Iterable[Evaluated]) -> list[Told]:
    """Return the text candidates whose trainings, as they are now, were explained, in the given order."""
    found = []
    for one in records:
        record = TextsRecord.read_current(one.folder / "interpretation" / TEXTS_FILE)
        if record and record.training_key == one.training.key:
            found.append(Told(one.candidate.name, one.training.learned, record))
    return found


def compare_texts(told: Sequence[Told], label: str | None = None) -> list[list[Marked]]:
    """Return the shared texts, of one true class or of all, each as every candidate that explains it sees it.

    Those come first in which the most candidates find a word that counts.
    """
    found: dict[str, list[Marked]] = {}
    for one in told:
        for text in one.texts(label, shared=True):
            found.setdefault(text.product_id, []).append(_mark(one, text))
    return sorted(found.values(), key=lambda items: -sum(any(one.strongest) for one in items))


def own_texts(told: Sequence[Told], label: str) -> list[Marked]:
    """Return the candidates' own texts of a true class."""
    return [_mark(one, text) for one in told for text in one.texts(label, shared=False)]


def _mark(told: Told, text: ExplainedText) -> Marked:
    full = max((abs(value) for one in told.record.texts for _, value in one.words), default=0.0) or 1.0
    words = []
    for word, value in text.words:
        share = abs(value) / full
        words.append((word, "" if share < _FAINT else "for" if value > 0 else "against", share))
    return Marked(told, text, words, strongest(text.words, _N_STRONGEST))
