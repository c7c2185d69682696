"""What a prepared catalogue is made of and what may be wrong in it: JSON, findings.parquet, figures and sheets."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.text import Text

from bakeoff.catalogue.findings.base import read_examined
from bakeoff.catalogue.findings.rules import FINDINGS
from bakeoff.catalogue.findings.sheets import draw_sheets
from bakeoff.core.failures import drawing
from bakeoff.core.progress import screen
from bakeoff.data.figures import Figure, new_sheet, paste, shorten
from bakeoff.data.photo import Photo, as_image
from bakeoff.data.products import evenly_spaced
from bakeoff.data.store import ImageStore
from bakeoff.data.table import HAS, TEXT_COLUMNS, count_values
from bakeoff.records.catalogue import AuditRecord, LabelsRecord, ProductGroup, Quantiles

PER_ROW_SHOWN = 8
_CLASSES_SHOWN = 30
_GROUPS_SHOWN, _GROUP_LISTED = 20, 50
_CELL_IN, _LABEL_IN = 1.3, 1.4


def audit(catalogue_dir: Path, out_dir: Path) -> AuditRecord:
    """Write audit.json, findings.parquet and figures/ of a prepared catalogue and return the record."""
    rejected = pd.read_csv(catalogue_dir / "rejected.csv", dtype=str, keep_default_na=False)
    examined = read_examined(catalogue_dir, rejected)
    table, texts = examined.products, examined.products[list(TEXT_COLUMNS)]
    examinations = {name: examine(examined) for name, examine in FINDINGS.items()}
    shown = table[table.get(HAS["image"], pd.Series(True, table.index))]
    lacking = {name: int((~table[column]).sum()) for name, column in HAS.items() if column in table}
    several = table[table["group_id"].duplicated(keep=False)]
    largest = sorted((own for _, own in several.groupby("group_id")), key=len, reverse=True)[:_GROUPS_SHOWN]
    contents = texts.astype(object).where(texts.notna(), None).to_numpy().tolist()
    record = AuditRecord(
        dataset=LabelsRecord.read(catalogue_dir / "labels.json").dataset,
        texts_digest=hashlib.sha256(json.dumps(contents).encode()).hexdigest(),
        n_read=len(table) + len(rejected),
        n_accepted=len(table),
        n_rejected=len(rejected),
        rejected=count_values(rejected["reason"]),
        rejected_per_class=count_values(rejected["label"]),
        per_class=count_values(table["label"]),
        n_groups=len(set(table["group_id"])),
        largest_groups=[
            ProductGroup(n_products=len(own), product_ids=own["product_id"].head(_GROUP_LISTED).tolist())
            for own in largest
        ],
        formats=count_values(table["format"]),
        modes=count_values(table["mode"]),
        width_px=Quantiles.of(shown["width"]),
        height_px=Quantiles.of(shown["height"]),
        n_without_photo=lacking.get("image"),
        n_without_text=lacking.get("text"),
        n_with_title=len(texts["title"].dropna()),
        n_with_description=len(texts["description"].dropna()),
        languages=count_values(examined.languages),
        findings={name: examination.summary() for name, examination in examinations.items()},
    )
    record.write(out_dir / "audit.json")
    flagged = pd.concat([examination.rows(name) for name, examination in examinations.items()], ignore_index=True)
    flagged.to_parquet(out_dir / "findings.parquet", index=False)
    store = ImageStore(catalogue_dir / "images.arrow")
    with drawing(out_dir / "figures" / "samples.png", out_dir) as path:
        draw_samples(table, store).savefig(path, dpi=130)
    if largest:
        with drawing(out_dir / "figures" / "largest_groups.png", out_dir) as path:
            draw_groups(largest, store).savefig(path, dpi=130)
    draw_sheets(flagged, table, store, out_dir)
    return record


def list_findings(record: AuditRecord) -> str:
    """Return what was found, and how often, in one line, and how many products lack a photo or a text in another."""
    told = [f"{found.n} {name.replace('_', ' ')}" for name, found in record.findings.items() if found.n]
    found = f"findings: {', '.join(told) or 'none'}"
    if record.n_without_photo is None:
        return found
    return f"{found}\nproducts without a photo: {record.n_without_photo}; without a text: {record.n_without_text}"


def draw_samples(table: pd.DataFrame, store: ImageStore) -> Figure:
    """Return a contact sheet: a row of evenly spaced products for each class (the largest classes first)."""
    classes = table["label"].value_counts().index
    shown = [(str(label), table.loc[table["label"] == label, "image"]) for label in classes[:_CLASSES_SHOWN]]
    rows = [(label, own.iloc[evenly_spaced(len(own), PER_ROW_SHOWN)].tolist()) for label, own in shown]
    title = "Products as stored, some of each class"
    if len(classes) > _CLASSES_SHOWN:
        title += f", the {_CLASSES_SHOWN} largest of {len(classes):,} classes"
    return draw_rows(rows, store.read, title)


def draw_groups(groups: list[pd.DataFrame], store: ImageStore) -> Figure:
    """Return a contact sheet: a row of the first products of each group."""
    told = [f"{len(own)}: {', '.join(own['label'].unique()[:3])}" for own in groups]
    rows = [(text, own["image"].tolist()[:PER_ROW_SHOWN]) for text, own in zip(told, groups, strict=True)]
    return draw_rows(rows, store.read, "The largest groups of products that stay together: how many, and their classes")


def draw_rows(rows: list[tuple[str, Any]], read: Callable[[Any], Photo], title: str) -> Figure:
    """Return a sheet with a row for each name, of what `read` gives for its up to PER_ROW_SHOWN photos."""
    height_in = _CELL_IN * len(rows) + 0.4
    figure, sheet = new_sheet(_LABEL_IN + _CELL_IN * PER_ROW_SHOWN, height_in)
    for number, (name, images) in enumerate(rows, start=1):
        bottom = height_in - 0.4 - _CELL_IN * number
        middle = (_LABEL_IN - 0.1, bottom + _CELL_IN / 2)
        lines = [line.plain.rstrip() for line in Text(shorten(name, 48)).wrap(screen(), 17)]
        sheet.text(*middle, "\n".join(lines), ha="right", va="center", fontsize=9)
        for column, image in enumerate(images):
            picture = as_image(read(image)).copy()
            picture.thumbnail((160, 160))
            left = _LABEL_IN + column * _CELL_IN
            paste(sheet, np.asarray(picture), left=left + 0.03, bottom=bottom + 0.03, side=_CELL_IN - 0.06)
    figure.suptitle(title, y=1 - 0.1 / height_in, va="top")
    return figure
