"""The audit's contact sheets, whose photos stand where their class is named."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from PIL import Image

from bakeoff.catalogue.audit import draw_groups, draw_samples
from bakeoff.data.figures import new_sheet, paste
from bakeoff.data.store import ImageStore, StoreWriter

COLOURS = {"red": (200, 30, 30), "Home Decor & Festive Needs": (30, 200, 30)}


def rendered(figure) -> np.ndarray:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100)
    return np.asarray(Image.open(buffer).convert("RGB")).astype(int)


def test_a_pasted_photo_keeps_its_shape_in_the_middle_of_its_square():
    figure, sheet = new_sheet(3, 2)
    paste(sheet, np.full((10, 20, 3), (200, 30, 30), np.uint8), left=1, bottom=0.5, side=1)
    pixels = rendered(figure)
    assert pixels.shape == (200, 300, 3)
    coloured = np.argwhere(np.abs(pixels - (200, 30, 30)).sum(axis=2) < 10)
    np.testing.assert_allclose(coloured.min(axis=0), (75, 100), atol=1)  # 100 px wide, 50 high
    np.testing.assert_allclose(coloured.max(axis=0), (124, 199), atol=1)


def test_the_contact_sheet_has_a_row_for_each_class(tmp_path):
    rows = []
    with StoreWriter(tmp_path / "images.arrow") as store:
        for label, n in (("red", 12), ("Home Decor & Festive Needs", 3)):
            for _ in range(n):
                buffer = io.BytesIO()
                Image.new("RGB", (40, 40), COLOURS[label]).save(buffer, "PNG")
                rows.append({"label": label, "image": store.append(buffer.getvalue())})
    figure = draw_samples(pd.DataFrame(rows), ImageStore(tmp_path / "images.arrow"))
    texts = [text.get_text().replace("\n", " ") for text in figure.axes[0].texts]
    assert texts == list(COLOURS)
    assert len(figure.axes[0].images) == 8 + 3  # eight of a class at most
    pixels = rendered(figure)
    for middle, colour, n in ((105, COLOURS["red"], 8), (235, COLOURS["Home Decor & Festive Needs"], 3)):
        line = (np.abs(pixels[middle] - colour).sum(axis=1) < 10).astype(int)
        assert (np.diff(line) == 1).sum() == n, "photos side by side with white between"


def test_the_groups_sheet_names_how_many_and_which_classes(tmp_path):
    with StoreWriter(tmp_path / "images.arrow") as store:
        for _ in range(12):
            buffer = io.BytesIO()
            Image.new("RGB", (40, 40), "red").save(buffer, "PNG")
            store.append(buffer.getvalue())
    groups = [
        pd.DataFrame({"label": list("aaaaaaaaab"), "image": range(10)}),
        pd.DataFrame({"label": "c", "image": [10, 11]}),
    ]
    figure = draw_groups(groups, ImageStore(tmp_path / "images.arrow"))
    assert [text.get_text() for text in figure.axes[0].texts] == ["10: a, b", "2: c"]
    assert len(figure.axes[0].images) == 8 + 2
