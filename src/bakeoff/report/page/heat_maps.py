"""Explained photos on a page: one photo as all candidates see it, on one scale a method; a candidate's own photos."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bakeoff.decision.collect import Evaluated
from bakeoff.interpret.figures import Panel, method_title, overlay, panels, read_map, read_photo, scales
from bakeoff.interpret.photos import SHARED
from bakeoff.records.interpretation import INTERPRETATION_FILE, ExplainedPhoto, Explanation, InterpretationRecord
from bakeoff.report.page.embedding import Budget

_BOX_COLOUR = (0.85, 0.37, 0.01)
_BOX_PX = 2


class Interpreted(NamedTuple):
    """A candidate whose photos were explained."""

    candidate: str
    learned: bool
    folder: Path
    record: InterpretationRecord

    def photos(self, label: str | None = None, *, shared: bool) -> list[ExplainedPhoto]:
        """Return the photos that all candidates share or its own ones, of one true class or of all."""
        return [
            photo
            for photo in self.record.photos
            if (photo.kind == SHARED) == shared
            and label in (None, photo.true)
            and (self.folder / photo.photo).is_file()
        ]

    def items(self, photo: ExplainedPhoto) -> list[Explanation]:
        """Return what was made of a photo."""
        return [item for item in self.record.items if item.product_id == photo.product_id]


class Column(NamedTuple):
    """What a candidate says of a photo; `maps` are data URIs by method or title, None where there is none."""

    candidate: str
    learned: bool
    photo: ExplainedPhoto
    maps: dict[str, str | None]
    picture: str | None = None
    """The photo, where it is the candidate's own."""


class Comparison(NamedTuple):
    """One photo, with its picture, and a column per candidate.

    `methods` are the rows' names to their titles; `scores` are the candidates by what is explained of a class.
    """

    photo: ExplainedPhoto
    picture: str | None
    methods: dict[str, str]
    scores: dict[str, list[str]]
    columns: list[Column]


def read_interpreted(records: Sequence[Evaluated]) -> list[Interpreted]:
    """Return the candidates whose trainings, as they are now, were interpreted, in the given order."""
    found = []
    for one in records:
        folder = one.folder / "interpretation"
        record = InterpretationRecord.read_current(folder / INTERPRETATION_FILE)
        if record and record.training_key == one.training.key:
            found.append(Interpreted(one.candidate.name, one.training.learned, folder, record))
    return found


def shared_products(interpreted: Sequence[Interpreted], label: str | None = None) -> list[str]:
    """Return the ids of the products that any candidate shares, each once, of one true class or of all."""
    return list(dict.fromkeys(photo.product_id for one in interpreted for photo in one.photos(label, shared=True)))


def compare_photo(product_id: str, interpreted: Sequence[Interpreted], budget: Budget) -> Comparison:
    """Return what the candidates that have the photo see in it; a method's maps have one scale, whoever's they are.

    It is that of the candidates that learned, if any did: a random start's features may be ten times as large. Each
    candidate's map is of the class that it predicts. Logits and probabilities do not share a scale.
    """
    seen = [
        (one, photo, _panels(one, photo))
        for one in interpreted
        for photo in one.photos(shared=True)
        if photo.product_id == product_id
    ]
    full, columns, scores = scales([panel for *_, own in seen for panel in own.values()]), [], {}
    full |= scales([panel for one, _, own in seen if one.learned for panel in own.values() if panel.values.any()])
    for one, photo, own in seen:
        image = read_photo(one.folder, photo)
        maps = {name: budget.embed_array(overlay(image, of.values, full[of.scale])) for name, of in own.items()}
        columns.append(Column(one.candidate, one.learned, photo, maps))
        scores.setdefault(one.record.score, []).append(one.candidate)
    methods = {item.method: method_title(item.method) for one, photo, _ in seen for item in one.items(photo)}
    first, photo, _ = seen[0]
    return Comparison(photo, _picture(first, photo, budget), methods, scores, columns)


def _panels(one: Interpreted, photo: ExplainedPhoto) -> dict[str, Panel]:
    """Return the maps of the predicted class by method, those of the same score on one scale."""
    read = {item.method: read_map(one.folder, item) for item in one.items(photo) if item.target == photo.predicted}
    score = one.record.score
    return {name: Panel(name, values, f"{name} {score}") for name, values in read.items() if values is not None}


def own_photo(one: Interpreted, photo: ExplainedPhoto, budget: Budget) -> Column:
    """Return one candidate's photo with its maps by title, the two classes of a method on one scale."""
    shown, image = panels(one.folder, one.items(photo)), read_photo(one.folder, photo)
    full = scales(shown)
    maps = {panel.title: budget.embed_array(overlay(image, panel.values, full[panel.scale])) for panel in shown}
    return Column(one.candidate, one.learned, photo, maps, _picture(one, photo, budget))


def notes_of(interpreted: Iterable[Interpreted], label: str | None = None) -> dict[str, list[str]]:
    """Return what the readers of the maps, of one true class or of all, must know, to the candidates it is said of."""
    found: dict[str, list[str]] = {}
    for one in interpreted:
        products = {photo.product_id for shared in (True, False) for photo in one.photos(label, shared=shared)}
        missing = [item.note for item in one.record.items if item.note and item.product_id in products]
        for note in dict.fromkeys([*one.record.notes, *missing]):
            found.setdefault(note, []).append(one.candidate)
    return found


def scale_picture(budget: Budget) -> str | None:
    """Return the colours from -1 to 1 as they lie over a photo, as a data URI."""
    return budget.embed_array(overlay(np.full((12, 240, 3), 0.5), np.tile(np.linspace(-1, 1, 240), (12, 1)), 1.0))


def _picture(one: Interpreted, photo: ExplainedPhoto, budget: Budget) -> str | None:
    """Return the photo, with its object's box where that is known, as a data URI."""
    picture = read_photo(one.folder, photo)
    if photo.box:
        left, top, right, bottom = (max(0, round(end)) for end in photo.box)
        inside = picture[top:bottom, left:right]
        for edge in (inside[:_BOX_PX], inside[-_BOX_PX:], inside[:, :_BOX_PX], inside[:, -_BOX_PX:]):
            edge[...] = _BOX_COLOUR
    return budget.embed_array(picture)
