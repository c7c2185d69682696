"""A picture sheet per finding: what it flags, the worst first, with measure, id, label; beside each what it is like."""

from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.catalogue.findings.base import Table
from bakeoff.core.failures import drawing
from bakeoff.data.figures import Figure, new_sheet, paste, shorten
from bakeoff.data.photo import as_image
from bakeoff.data.store import ImageStore

_COLUMNS, _ROWS = 6, 4
_CELL_IN, _TEXT_IN, _HEAD_IN = 1.5, 0.5, 0.5
_LETTERS = 24
_PHOTO_PX = 200
_RANKED = {
    "outliers": "The products farthest from the 10 nearest others, by the mean cosine distance of their features",
    "leaks": "Test photos and the most similar one in train, by the cosine similarity of their features",
}
"""Titles of sheets that show the first ones whether or not they are flagged."""


def draw_sheets(flagged: Table, products: Table, store: ImageStore, out_dir: Path) -> None:
    """Write figures/<finding>.png below `out_dir` for every finding with photos in the store.

    `flagged` has rows of findings.parquet, the worst of each finding first; `products` is products.parquet.
    """
    products = products.set_index("product_id")[["image", "label"]]
    for finding, rows in flagged.groupby("finding", sort=False):
        if len(shown := rows[rows["product_id"].isin(products.index)]):
            with drawing(out_dir / "figures" / f"{finding}.png", out_dir) as path:
                draw_sheet(str(finding), shown, products, store).savefig(path, dpi=110)


def draw_sheet(finding: str, rows: Table, products: Table, store: ImageStore) -> Figure:
    """Return the sheet of one finding: 24 photos, or 12 pairs where each product was compared with another one.

    `rows` are its rows of findings.parquet, the worst first; `products` has image, the row of the store, and label, of
    one line or two, by product_id.
    """
    has_others = bool(rows["other_product"].notna().any())
    shown = rows.head(_COLUMNS * _ROWS // (1 + has_others))
    cells = []
    for row in shown.itertuples():
        cells += [(row.product_id, f"{row.measure:.3g}"), (row.other_product, "like")][: 1 + has_others]
    step_in = _CELL_IN + _TEXT_IN
    height_in = _HEAD_IN + step_in * -(-len(cells) // _COLUMNS)
    figure, sheet = new_sheet(_CELL_IN * _COLUMNS, height_in)
    for number, (product_id, told) in enumerate(cells):
        left, bottom = number % _COLUMNS * _CELL_IN, height_in - _HEAD_IN - step_in * (1 + number // _COLUMNS)
        if product_id in products.index:
            image, label = products.loc[product_id]
            photo = as_image(store.read(int(image)))
            photo.thumbnail((_PHOTO_PX, _PHOTO_PX))
            paste(sheet, np.asarray(photo), left=left + 0.05, bottom=bottom + _TEXT_IN, side=_CELL_IN - 0.1)
            text = "\n".join(shorten(line, _LETTERS) for line in (told, product_id, *label.split("\n")))
            sheet.text(left + _CELL_IN / 2, bottom + _TEXT_IN - 0.04, text, ha="center", va="top", fontsize=6.5)
    for pair in range(1, _COLUMNS // 2) if has_others else ():
        sheet.axvline(2 * pair * _CELL_IN, ymax=1 - _HEAD_IN / height_in, color="silver", linewidth=0.8)
    threshold = rows["threshold"].iloc[0]
    beyond = "" if pd.isna(threshold) else f", beyond {threshold:.3g}"
    some = f", the {len(shown)} worst" if len(shown) < len(rows) else ", the worst first"
    found = f"{finding.replace('_', ' ').capitalize()}: {len(rows):,} found{beyond}{some}"
    figure.suptitle(_RANKED.get(finding, found), x=0.06 / _COLUMNS, y=1 - 0.12 / height_in, ha="left", va="top")
    return figure
