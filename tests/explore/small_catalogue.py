"""The tables of a small catalogue whose numbers are known by hand, and of a large one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.catalogue.measures import AUDITED
from bakeoff.data.table import DIGESTS, MEASURES_FILE, PRODUCT_COLUMNS, TEXT_COLUMNS
from bakeoff.records.catalogue import LabelsRecord
from records_made import audit_record, dataset


def write_catalogue(root: Path, labels: list[str], *, mapped: bool = True, **columns: list) -> Path:
    """Write data/{catalogue,audit,splits,examination}; `columns` replace ordinary ones, or come beside them."""
    n, catalogue = len(labels), root / "data" / "catalogue"
    ids = [f"p{number}" for number in range(n)]
    given = {
        **{"product_id": ids, "image": range(n), "label": labels, "group_id": range(n), "weight": 1.0},
        **{"label_id": pd.factorize(pd.Series(labels), sort=True)[0], "official_split": None},
        **{"width": 100, "height": 50, "format": "JPEG", "mode": "RGB", "digest": ids, "cluster": range(n)},
        **{"title": [f"A title of {one}" for one in labels], "description": None},
        **{"split": ["train", "train", "test", "validation"] * (n // 4) + ["unused"] * (n % 4)},
        **dict.fromkeys(AUDITED, 0.5),
        **{"aspect_ratio": 2.0, "megapixels": 0.005, "x": np.cos(np.arange(n)), "y": np.sin(np.arange(n))},
        **columns,
    }
    table = pd.DataFrame(given).astype(PRODUCT_COLUMNS | TEXT_COLUMNS)
    for folder in ("catalogue", "audit", "splits", "examination"):
        (root / "data" / folder).mkdir(parents=True)
    others = [
        name for name in columns if name not in {*PRODUCT_COLUMNS, *TEXT_COLUMNS, *AUDITED, "digest", "split", "x", "y"}
    ]
    table[[*PRODUCT_COLUMNS, *others]].to_parquet(catalogue / "products.parquet")
    table[list(TEXT_COLUMNS)].to_parquet(catalogue / "texts.parquet")
    table[["product_id", *AUDITED]].to_parquet(catalogue / MEASURES_FILE)
    table[["product_id", "digest", "cluster"]].to_parquet(catalogue / DIGESTS)
    table[["product_id", "split"]].to_parquet(root / "data" / "splits" / "splits.parquet")
    if mapped:
        table[["product_id", "x", "y"]].to_parquet(root / "data" / "examination" / "products.parquet")
    LabelsRecord(labels=sorted({*labels}), dataset=dataset()).write(catalogue / "labels.json")
    audit_record().write(root / "data" / "audit" / "audit.json")
    (root / "params.yaml").write_text("language: en\n")
    return root


def many_classes(root: Path, n_classes: int = 196) -> Path:
    """Write a catalogue of so many classes, of 4 to 13 products."""
    labels = [f"Make{label % 17} Model {label}" for label in range(n_classes) for _ in range(4 + label % 10)]
    titles = [f"{label} number {place % 5}" for place, label in enumerate(labels)]
    boxes = {"box_left": 10, "box_top": 10, "box_right": 90, "box_bottom": 40}
    makes, years = [label.split()[0] for label in labels], [1990 + place % 20 for place in range(len(labels))]
    return write_catalogue(root, labels, title=titles, make=makes, year=years, **boxes)
