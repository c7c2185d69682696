"""The classes of new products, from their folders or a table's column; only the study's own are accepted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bakeoff.core.errors import DataError, ParamsError
from bakeoff.deploy.monitoring.sample import NO_LABEL
from bakeoff.deploy.prediction.sources import TABLE_SUFFIXES, Columns, Photos, folder_labels, list_photos, read_table

DEFAULT_COLUMN = "label"


def list_new_products(source: Path, labels: list[str] | None, *, label_column: str | None, columns: Columns) -> Photos:
    """Return new photos with their classes where the source gives any.

    A folder gives classes where one of its subfolders is named like a class of the study, a table where it has the
    column.

    Args:
        source: a folder or a table.
        labels: the study's classes; None = take the products as unlabelled.
        label_column: the table's column; None = `label` where the table has one.
        columns: the table's other columns.

    Raises:
        DataError: the source cannot be read, or a label is not one of the study's.
        ParamsError: a single photo, or a label column for a folder.
    """
    is_table = source.is_file() and source.suffix.lower() in TABLE_SUFFIXES
    if source.is_file() and not is_table:
        raise ParamsError(f"{source} is one file; monitoring needs a folder or a table of products, or take `predict`.")
    if not is_table:
        if label_column is not None:
            raise ParamsError(f"--label-column belongs to a table; {source} is a folder, whose subfolders are classes.")
        photos = list_photos(source)
        found = folder_labels(photos)
        return _with_labels(photos, found, labels) if labels and set(found) & set(labels) else photos
    if labels is None:
        return list_photos(source, Columns(columns.image, columns.id))
    column = label_column or (DEFAULT_COLUMN if DEFAULT_COLUMN in read_table(source) else None)
    photos = list_photos(source, Columns(columns.image, columns.id, column))
    return _with_labels(photos, photos.table["label"].tolist(), labels)


def encode_labels(photos: Photos, labels: list[str]) -> np.ndarray:
    """Return (N,) class indices, NO_LABEL where a product has none."""
    ids = {label: number for number, label in enumerate(labels)}
    return np.array([ids.get(label, NO_LABEL) for label in photos.table["label"]], dtype=np.int64)


def _with_labels(photos: Photos, found: list[str | None], labels: list[str]) -> Photos:
    unknown = sorted({label for label in found if label is not None} - set(labels))
    if unknown:
        listed = ", ".join(map(repr, unknown[:5])) + (", …" if len(unknown) > 5 else "")
        raise DataError(
            f"{len(unknown)} labels of the new products are not among the study's ({listed}); the study's are "
            f"{', '.join(map(repr, labels))}. Rename them, leave those products out, or add --unlabelled."
        )
    return Photos(photos.table.assign(label=np.array(found, dtype=object)), photos.n_left_out)
