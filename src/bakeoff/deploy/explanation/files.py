"""What an explanation leaves: a figure with the raw maps beside it, and the candidates side by side."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np

from bakeoff.core.files import replacing
from bakeoff.core.names import visible
from bakeoff.data.figures import shorten
from bakeoff.deploy.explanation.answers import Answer
from bakeoff.interpret.figures import Column, Panel, draw_compared, draw_explained
from bakeoff.interpret.methods import METHODS

_TOP = 5


def write_answer(answer: Answer, figure: Path, title: str, notes: list[str]) -> None:
    """Draw the figure, and put the raw maps beside it (.npz, as docs/interpretation.md says)."""
    labels, shares = answer.labels, answer.probabilities
    with replacing(figure.with_suffix(".npz")) as path, path.open("wb") as stream:
        held: dict[str, Any] = {f"{method}.{label_id}": values for (method, label_id), values in answer.maps.items()}
        held |= {"photo": answer.image, "labels": np.array(labels), "probabilities": shares, "score": answer.score}
        np.savez_compressed(stream, classes=np.array([answer.chosen, answer.counter]), **held)
    sentence = f"explained: {answer.said(answer.chosen)}; compared with: {answer.said(answer.counter)}"
    most = dict.fromkeys([*np.argsort(-shares, kind="stable")[:_TOP].tolist(), answer.chosen])
    draw_explained(
        answer.image,
        [
            Panel(f"{METHODS[method].TITLE}: {shorten(labels[label_id], 24)}", values, method)
            for (method, label_id), values in answer.maps.items()
        ],
        figure,
        title="\n".join(line for text in (sentence, title, *notes) for line in wrap(visible(text), 110)),
        probabilities={labels[label_id]: float(shares[label_id]) for label_id in most},
    )


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
