"""reports/explore.html: one file that needs nothing else, drawn by its templates, with word clouds laid out here."""

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import ImageFont
from rich.cells import cell_len
from sklearn.feature_extraction.text import CountVectorizer
from wordcloud import STOPWORDS, WordCloud

from bakeoff.catalogue.findings.base import Column, Table
from bakeoff.core.section import LanguageCode
from bakeoff.core.translation import N_
from bakeoff.data.figures import font_file, shorten
from bakeoff.records.exploration import ExplorationRecord
from bakeoff.report.labels import place_labels
from bakeoff.report.page.plot import Scale, scale_around
from bakeoff.report.render import Sections, write_page

_LEFT, _RIGHT, _TOP, _FLOOR = 52, 510, 10, 260
_BINS, CELL_PX = 40, 8
MAP_PX, _COLOURED, _LETTERS = 720, 8, 24
CLOUDS, WIDTH_PX, HEIGHT_PX = 30, 360, 220
_TAG, _WORD = re.compile(r"<[^<>]*>"), re.compile(r"\b[^\W\d_]\w+\b")
_LEAST_SHARE, _WORDS, _TIMES = 0.05, 40, 2.0


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


def distinctive_words(texts: Any, labels: Any, languages: Any) -> dict[str, dict[str, float]]:
    """Return each of the largest classes with the words that set it apart, and how much: a cloud's sizes.

    A word's weight is n log(n / e), its share of the divergence: how many of the class's products use it, and how many
    would if they used it as often as those of other classes in the same language, per product or per word, whichever is
    more. Words below 2 e weigh nothing, so articles and prepositions fall out in every language; a list of stop words
    there is of English alone, wordcloud's. Texts are those of the products of all classes; a language is null where
    unsure.

    Source: Tomokiyo and Hurst 2003, doi:10.3115/1119282.1119287 (pointwise divergence), here of products instead of
    occurrences, and with half a product added to e.
    """
    texts = texts.map(lambda text: html.unescape(_TAG.sub(" ", text)).lower())
    has_words, shares = texts.map(_WORD.search).notna(), languages.value_counts() / max(1, len(texts))
    if not has_words.any():
        return {}
    languages = languages.astype("string").where(languages.isin(shares.index[shares >= _LEAST_SHARE])).fillna("")
    counter = CountVectorizer(token_pattern=_WORD.pattern, binary=True)
    uses, words = counter.fit_transform(texts), counter.get_feature_names_out()
    is_stop, found = np.isin(words, list(STOPWORDS)), {}
    for label in labels[has_words].value_counts().index[:CLOUDS]:
        n, expected = np.zeros(len(words)), np.full(len(words), 0.5)
        for code in languages.unique():
            is_in = (languages == code, labels == label)
            here, there = uses[(is_in[0] & is_in[1]).to_numpy()], uses[(is_in[0] & ~is_in[1]).to_numpy()]
            n += np.asarray(here.sum(axis=0)).ravel()
            more = max(here.shape[0] / max(there.shape[0], 1), here.sum() / max(there.sum(), 1))
            expected += more * np.asarray(there.sum(axis=0)).ravel()
        weights = np.where((n < 2) | (n < _TIMES * expected) | is_stop, 0, n * np.log(np.maximum(n, 1) / expected))
        top = sorted(np.flatnonzero(weights), key=lambda place: (-weights[place], words[place]))[:_WORDS]
        found[label] = {str(words[place]): float(weights[place]) for place in top}
    return found


def lay_out(weights: dict[str, float]) -> list[dict[str, Any]]:
    """Return where each word of a cloud stands, the heaviest first: left, baseline, width and size of type, px."""
    font, placed = font_file("".join(weights)), list[dict[str, Any]]()
    options: Any = {"max_font_size": 42, "min_font_size": 9, "relative_scaling": 0.4, "margin": 6}  # stubs want text
    cloud = WordCloud(font, WIDTH_PX, HEIGHT_PX, prefer_horizontal=1, random_state=0, **options)
    for (word, _), size_px, (top, left), *_ in cloud.generate_from_frequencies(weights).layout_:
        start, above, end, _ = ImageFont.truetype(font, size_px).getbbox(word, anchor="ls")
        place = {"x": round(left - start), "y": round(top - above), "width": round(end - start)}
        placed.append({"word": word, "size": size_px, **place})
    return placed


_SECTIONS: Sections = {
    "classes": (N_("Classes"), lambda _: {}),
    "identity": (N_("Identity"), lambda _: {}),
    "sizes": (N_("Sizes"), lambda _: {}),
    "colour": (N_("Colour"), lambda _: {}),
    "texts": (N_("Texts"), _clouds),
    "map": (N_("Map"), _map),
}
"""What each section is called and shows beside record and products; templates/explore/<name>.html shows it."""
