"""Which products are asked about: a photo, a folder of photos, a table of paths or of texts, or one text."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import pandas as pd

from bakeoff.catalogue.params import DatasetParams
from bakeoff.catalogue.sources.base import list_files
from bakeoff.catalogue.sources.folder import PHOTO_SUFFIXES as SUFFIXES
from bakeoff.catalogue.table_file import TABLE_SUFFIXES, LabelRule, read_table
from bakeoff.core.errors import DataError, ParamsError
from bakeoff.core.names import clean_label, find_file, readable, visible
from bakeoff.core.section import load_section
from bakeoff.data.decode import Rejection
from bakeoff.records.candidate import Modality
from bakeoff.records.text import TextField

LABEL_COLUMN = "label"
LISTING = ["path", "malformed", "column"]  # the columns of `Photos.table` that a scoring needs
_SHOWN = 5
_SHOWN_CHARS = 60
FIELDS: tuple[str, ...] = get_args(TextField)
_ID_COLUMNS = ("product_id", "id", "sku")


@dataclass(frozen=True)
class Columns:
    """Which column of a table is what; None = found by its name, or not there."""

    image: str | None = "image"
    """None: the table has texts alone."""
    title: str | None = None
    description: str | None = None
    id: str | None = None
    label: str | None = None
    find_label: bool = False  # take LABEL_COLUMN where there is one and none is named
    separator: str | None = None
    encoding: str | None = None
    rule: LabelRule = field(default_factory=LabelRule)

    def as_in_study(self, project: Path) -> "Columns":
        """Return them with what params.yaml says of how tables and labels are read."""
        dataset = load_section(project / "params.yaml", DatasetParams)
        return replace(self, separator=dataset.separator, encoding=dataset.encoding, rule=LabelRule.of(dataset))


@dataclass(frozen=True)
class Photos:
    """The photos to look at, in a fixed order."""

    table: pd.DataFrame
    """id str, image str (as the source gives it), path str, label str or None (as `prepare` reads it), malformed str or
    None (why a table's row cannot be used), column str or None (that holds the picture, where path is the table whose
    rows these are); of a table that was asked for texts also title and description, str or None; index 0 to N-1."""
    left_out: str | None = None  # a sentence about the files of a folder that are not photos by their extension


def list_photos(source: Path, columns: Columns | None = None) -> Photos:
    """Return the photos of a source; they are not opened yet.

    It is a photo, a folder (searched with all folders below it; its first level gives labels), or a table whose paths
    are relative to the table's own folder. A DataError where there is no such file, photo or column.
    """
    columns = columns or Columns()
    if source.is_dir():
        return _list_folder(source)
    if not source.is_file():
        raise DataError(
            f"{source} is neither a file nor a folder; give a photo, a folder of photos, or a table "
            "(.csv or .parquet) with a column of paths."
        )
    if is_table(source):
        return _list_table(source, columns)
    return Photos(_frame([source.name], [str(source)], [None]))


def list_products(source: Path | None, text: str | None, columns: Columns, *, name: str, modality: Modality) -> Photos:
    """Return what a candidate is asked about, by what it reads.

    Raises:
        ParamsError: neither a source nor a text is given, or both.
        DataError: there is no such file or column, or the candidate reads something else than is given.
    """
    if (source is None) == (text is None):
        given = f"got neither for {name}" if text is None else f"got {source} and --text"
        raise ParamsError(f"give a photo, a folder or a table, or --text with a product's text; {given}.")
    if modality == "image" and (text is not None or columns.title or columns.description):
        raise DataError(f"{name} reads photos, no texts; give photos, or name a candidate of texts or a pair.")
    if text is not None:
        shown = visible(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…")
        return Photos(_frame([""], [""], [None], id=[shown], title=[text], description=[None]))
    assert source is not None
    if modality == "image":
        return list_photos(source, columns)
    if modality == "text" and not is_table(source):
        raise DataError(f"{name} reads texts; give a table of them (.csv, .xlsx, .parquet) or --text, not {source}.")
    if not is_table(source):
        photos = list_photos(source, columns)
        return replace(photos, table=photos.table.assign(title=None, description=None))
    table = read_table(source, separator=columns.separator, encoding=columns.encoding)
    chosen = {field: getattr(columns, field) or (field if table.has(field) else None) for field in FIELDS}
    image = columns.image
    unnamed = image in (None, Columns.image) and not {"image"} & {*table.frame.columns, *table.pictures}
    if not any(chosen.values()) and (modality == "text" or unnamed):
        has = ", ".join(map(str, table.frame.columns))
        raise DataError(f"{source} has no column title or description; name one by --title-column; it has {has}.")
    if modality == "text" or unnamed:
        image = None  # a pair of two candidates of texts, or products without photos
    found = _list_table(source, replace(columns, image=image, **chosen))
    return found if "title" in found.table else replace(found, table=found.table.assign(title=None, description=None))


def is_table(source: Path) -> bool:
    """Return whether a source is a table by its name."""
    return source.is_file() and source.suffix.lower() in (*TABLE_SUFFIXES, ".txt")


def _list_folder(folder: Path) -> Photos:
    files = list(list_files(folder))
    found = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not found:
        listed = ", ".join(sorted(SUFFIXES))
        raise DataError(f"{folder} holds {len(files)} files and no photo; photos end in {listed}.")
    names = [path.relative_to(folder) for path in found]
    labels = [clean_label(name.parts[0]) if len(name.parts) > 1 else None for name in names]
    table = _frame([name.as_posix() for name in names], [str(path) for path in found], labels)
    others = [visible(path.relative_to(folder).as_posix()) for path in files if path.suffix.lower() not in SUFFIXES]
    listed = ", ".join(others[:_SHOWN]) + (", …" if len(others) > _SHOWN else "")
    told = f"left out, not photos by their extension: {len(others)} of the folder's files ({listed})."
    return Photos(table, told if others else None)


def _list_table(path: Path, columns: Columns) -> Photos:
    table = read_table(path, separator=columns.separator, encoding=columns.encoding)
    identifier = columns.id or next((name for name in _ID_COLUMNS if table.has(name)), columns.image)
    named = {"--image-column": columns.image, "--id-column": identifier}
    named |= {f"--{field}-column": getattr(columns, field) for field in FIELDS}
    label = columns.label or (LABEL_COLUMN if columns.find_label and table.has(LABEL_COLUMN) else None)
    labelled = {"--label-column": label} if label else {}
    table.require({flag: name for flag, name in named.items() if name} | labelled)
    if not table.malformed:
        raise DataError(f"{path} has no rows; it needs one row per product.")
    if cells := columns.image and table.cells(columns.image):
        images, paths = [cell.name for cell in cells], [str(path)] * len(cells)
    else:
        images = [image or "" for image in table.texts(columns.image)]
        paths = [str(find_file(path.parent, image)) if image else "" for image in images]
    labels = [None if isinstance(one, Rejection) else one for one in columns.rule.read(table.texts(label))]
    keys = images if cells and identifier == columns.image else table.texts(identifier)
    ids = [cell or f"row_{row}" for row, cell in enumerate(keys)]
    held_in = [cells[0].column if cells else None] * len(paths)
    texts = {field: table.texts(name) for field in FIELDS if (name := getattr(columns, field))}
    asked = dict.fromkeys(FIELDS, [None] * len(paths)) | texts if texts else {}
    return Photos(_frame(images, paths, labels, id=ids, malformed=table.malformed, column=held_in, **asked))


def _frame(
    images: list[str], paths: list[str], labels: Sequence[str | None], **others: Sequence[str | None]
) -> pd.DataFrame:
    """Return `Photos.table`; of the other columns those that are not given are empty, and ids are the images."""
    shown, nothing = list(map(readable, images)), [None] * len(paths)
    columns = {"id": shown, "image": shown, "path": paths, "label": labels, "malformed": nothing, "column": nothing}
    return pd.DataFrame(columns | others, dtype=object)  # a path need not be text
