"""reports/explore.html: one file that needs nothing else; its pictures are drawn by its templates."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.cells import cell_len

from bakeoff.catalogue.findings.base import Column, Table
from bakeoff.core.section import LanguageCode
from bakeoff.core.translation import N_
from bakeoff.data.figures import shorten
from bakeoff.explore.words import CLOUDS, HEIGHT_PX, WIDTH_PX, distinctive_words, lay_out
from bakeoff.records.exploration import ExplorationRecord
from bakeoff.report.labels import place_labels
from bakeoff.report.page.plot import Scale, scale_around
from bakeoff.report.render import Sections, write_page

_LEFT, _RIGHT, _TOP, _FLOOR = 52, 510, 10, 260
_BINS, CELL_PX = 40, 8
MAP_PX, _COLOURED, _LETTERS = 720, 8, 24


def write_exploration(
    record: ExplorationRecord, products: Table, path: Path, *, language: LanguageCode, failures_dir: Path
) -> None:
    """Write the page; a section that fails leaves a sentence in its place and its traceback in `failures_dir`."""
    context = {"record": record, "products": products, "histogram": histogram, "density": density}
    write_page(path, "explore", _SECTIONS, products, failures_dir=failures_dir, language=language, **context)


def histogram(values: Column) -> dict[str, Any]:
    """Return how often values occur, as (low, high, n), and scales in px of a figure 520 × 300."""
    values = values.dropna().astype(float)
    x = scale_around(values, _LEFT, _RIGHT, margin=0.02)
    edges = (np.geomspace if x.log else np.linspace)(x.low, x.high, _BINS + 1)
    counts = np.histogram(values, edges)[0].tolist()
    return {"x": x, "y": Scale(0, max(counts), _FLOOR, _TOP), "bars": list(zip(edges, edges[1:], counts, strict=False))}


def density(across: Column, up: Column) -> dict[str, Any]:
    """Return how many products lie in each cell of a plane, (left, top) px to n, and scales as in `histogram`."""
    x, y = scale_around(across, _LEFT, _RIGHT), scale_around(up, _FLOOR, _TOP)
    cells = pd.DataFrame({"x": across.map(x), "y": up.map(y)}) // CELL_PX * CELL_PX
    return {"x": x, "y": y, "cells": cells.value_counts().to_dict()}


def _clouds(products: Table) -> dict[str, Any]:
    sampled = products[products["is_sampled"]]
    words = distinctive_words(sampled["text"], sampled["label"], sampled["language"])
    clouds = {label: lay_out(weights) for label, weights in words.items() if weights}
    return {"clouds": clouds, "n_clouds": CLOUDS, "width_px": WIDTH_PX, "height_px": HEIGHT_PX}


def _map(products: Table) -> dict[str, Any]:
    """Return the mapped products of each class, the largest first, scales, and where names of the coloured ones go."""
    mapped = products.dropna(subset=["x", "y"])
    if mapped.empty:
        return {"classes": {}}
    x, y = (scale_around(mapped[name].astype(float), 8, MAP_PX - 8, margin=0.02) for name in ("x", "y"))
    classes = {label: mapped[mapped["label"] == label] for label in mapped["label"].value_counts().index}
    coloured = list(classes)[:_COLOURED]
    middles = np.array([[x(classes[label]["x"].median()), y(classes[label]["y"].median())] for label in coloured])
    names = [shorten(label, _LETTERS) for label in coloured]
    boxes = place_labels(["n" * cell_len(name) for name in names], middles, (0, 0, MAP_PX, MAP_PX), font_px=15)
    placed = list(zip(names, boxes.round().tolist(), strict=True))
    return {"classes": classes, "coloured": coloured, "x": x, "y": y, "names": placed, "side_px": MAP_PX}


_SECTIONS: Sections = {
    "classes": (N_("Classes"), lambda _: {}),
    "identity": (N_("Identity"), lambda _: {}),
    "sizes": (N_("Sizes"), lambda _: {}),
    "colour": (N_("Colour"), lambda _: {}),
    "texts": (N_("Texts"), _clouds),
    "map": (N_("Map"), _map),
}
"""What each section is called and shows beside record and products; templates/explore/<name>.html shows it."""
