"""What an explanation leaves: a figure with the raw maps beside it, and the candidates side by side."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np

from bakeoff.core.files import replacing
from bakeoff.core.names import visible
from bakeoff.data.figures import shorten
from bakeoff.interpret.explain import most_probable
from bakeoff.interpret.figures import Column, Panel, draw_compared, draw_explained
from bakeoff.interpret.methods import METHODS


class Answer(NamedTuple):
    """What a candidate says of a photo (H, W, 3) float32 in [0, 1], and why."""

    image: np.ndarray
    score: str
    """What is explained of a class: `logit` or `probability`."""
    labels: list[str]
    probabilities: np.ndarray
    """(K,) float64, calibrated."""
    classes: tuple[int, int]
    """The one that is explained, and the most probable of the others."""
    maps: dict[tuple[str, int], np.ndarray]
    """By method and class, (H, W) float32; without those that could not be had."""

    @property
    def said(self) -> list[str]:
        """The two classes with their probabilities."""
        return [f"{shorten(self.labels[label_id], 60)} {self.probabilities[label_id]:.2f}" for label_id in self.classes]


def write_answer(answer: Answer, figure: Path, title: str, notes: list[str]) -> None:
    """Draw the figure, and put the raw maps beside it (.npz, as docs/interpretation.md says)."""
    labels, shares, maps = answer.labels, answer.probabilities, answer.maps
    with replacing(figure.with_suffix(".npz")) as path, path.open("wb") as stream:
        held: dict[str, Any] = {f"{method}.{label_id}": values for (method, label_id), values in maps.items()}
        held |= {"photo": answer.image, "labels": np.array(labels), "probabilities": shares, "score": answer.score}
        np.savez_compressed(stream, classes=np.array(answer.classes), **held)
    told = ["explained: {}; compared with: {}".format(*answer.said), title, *notes]
    shown = [
        Panel(f"{METHODS[method].TITLE}: {shorten(labels[label_id], 24)}", values, method)
        for (method, label_id), values in maps.items()
    ]
    heading = "\n".join(line for text in told for line in wrap(visible(text), 110))
    probabilities = most_probable(labels, shares, answer.classes[0])
    draw_explained(answer.image, shown, figure, title=heading, probabilities=probabilities)


def write_comparison(figures: Mapping[str, Path], path: Path, title: str) -> None:
    """Draw what candidates, by name, say of the class that each explains, from the maps beside their figures."""
    columns = []
    for candidate, figure in figures.items():
        with np.load(figure.with_suffix(".npz")) as held:
            label_id, score = held["classes"][0], held["score"]
            said = f"{shorten(str(held['labels'][label_id]), 22)} {held['probabilities'][label_id]:.2f}"
            names = [name for name in METHODS if f"{name}.{label_id}" in held]
            maps = {METHODS[name].TITLE: Panel("", held[f"{name}.{label_id}"], f"{name} {score}") for name in names}
            columns.append(Column(f"{shorten(candidate, 28)}\n{said}", held["photo"], maps))
    draw_compared(columns, path, title="\n".join(wrap(visible(title), 60)))
