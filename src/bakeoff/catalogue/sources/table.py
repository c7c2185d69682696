"""Products in a table (text, spreadsheet, Parquet, pickle when allowed) with their photos in files or in its cells."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from bakeoff.catalogue.params import DatasetParams
from bakeoff.catalogue.photo_file import Cell
from bakeoff.catalogue.sources.base import UNCOMMON, RawProduct, Source, split_of
from bakeoff.catalogue.table_file import SPREADSHEETS, TABLE_SUFFIXES, LabelRule, Table, read_class_names, read_table
from bakeoff.core.errors import DataError
from bakeoff.core.names import find_file, split_cell, table_label
from bakeoff.data.decode import Rejection

_SEVERAL = r"[|;]"
_Photo = tuple[str, Cell | None]


class TableSource(Source):
    """A label that is a category tree (`["A >> B >> C"]`) gives one of its levels; any other is taken as it is."""

    USES = UNCOMMON

    def __init__(self, *, default: str | None = None) -> None:
        """Take the table called `default` where params name none and it is there."""
        self._default = default

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether a table and the image folder are there."""
        return self._find_table(dataset, root) is not None and self.image_folder(dataset, root).is_dir()

    def _needs(self, dataset: DatasetParams, root: Path) -> str:
        table, photos = root / self._wanted(dataset), self.image_folder(dataset, root)
        return f"the table {table} and its photos in {photos}; put both there"

    def _wanted(self, dataset: DatasetParams) -> str:
        return dataset.table or self._default or "products.csv"

    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return one product per row of the table, or per photo of a row."""
        products = list[RawProduct]()
        tables = self._tables(dataset, root)
        for path, split in tables:
            stem = f"{path.stem}_" if len(tables) > 1 else ""
            given = dataset.model_dump(include={"allow_pickle", "separator", "encoding", "sheet"})
            table = read_table(path, **given)
            _check_columns(table, dataset)
            products += _read_rows(table, dataset, (root, self.image_folder(dataset, root)), split, stem=stem)
        return products

    def class_order(self, dataset: DatasetParams, root: Path) -> list[str] | None:
        """Return the classes that a Parquet file of Hugging Face's `datasets` names."""
        files = [path for path, _ in self._tables(dataset, root) if path.suffix.lower() == ".parquet"]
        known = filter(None, (read_class_names(path).get(str(dataset.columns.label)) for path in files))
        return [table_label(name, dataset.label_level) for name in next(known, [])]

    def _tables(self, dataset: DatasetParams, root: Path) -> list[tuple[Path, str | None]]:
        """Return the tables to read, and the official split of each."""
        if path := self._find_table(dataset, root):
            return [(path, None)]
        raise DataError(f"no table in {root}; expected {self._wanted(dataset)}.")

    def _find_table(self, dataset: DatasetParams, root: Path) -> Path | None:
        """Return the table that params name, else the default one, else the only one in the root."""
        if dataset.table:
            named = find_file(root, dataset.table)
            return named if named.is_file() else None
        if self._default and (root / self._default).is_file():
            return root / self._default
        files = [path for path in sorted(root.glob("[!.~]*")) if path.suffix.lower() in TABLE_SUFFIXES]
        tables = [path for path in files if path.suffix.lower() not in SPREADSHEETS] or files
        if len(tables) > 1:
            names = ", ".join(path.name for path in tables)
            raise DataError(f"{root} holds several tables ({names}); name one in dataset.table.")
        return tables[0] if tables else None


def _read_rows(
    table: Table, dataset: DatasetParams, folders: tuple[Path, Path], split: str | None, *, stem: str
) -> Iterator[RawProduct]:
    """Yield a table's products, each photo of a row one of its own with the row's id; folders: root and photos'."""
    names = dataset.columns
    words = _official_splits(table.texts(names.split), f"{table.path}, column {names.split}")
    columns = [table.texts(name) for name in (names.id, names.title, names.description, names.group)]
    kept = [table.texts(name) for name in dataset.keep]
    labels, photos = LabelRule.of(dataset).read(table.texts(names.label)), _find_photos(table, dataset, *folders)
    for row, (key, title, description, group) in enumerate(zip(*columns, strict=True)):
        label, refused = (None, found) if isinstance(found := labels[row], Rejection) else (found, None)
        if problem := table.malformed[row]:
            refused = Rejection("malformed_row", problem)
        known = (label, title, description, words[row] or split, refused)
        more = dict(zip(dataset.keep, (cells[row] for cells in kept), strict=True))
        for image, part in photos[row]:
            yield RawProduct(key or f"{stem}row_{row}", image, *known, part, group, more=more)


def _find_photos(table: Table, dataset: DatasetParams, root: Path, images: Path) -> list[list[_Photo]]:
    """Return each row's photos, the first alone unless params want all; a cell that names one file holds one photo."""
    column = str(dataset.columns.image)
    if cells := table.cells(column):
        if not table.path.is_relative_to(root):
            raise DataError(
                f"{table.path} holds the photos themselves, so it must lie in {root} (dataset.root); move it there."
            )
        place = table.path.relative_to(root).as_posix()
        return [[(place, cell)] for cell in cells]
    n_used = 1 if dataset.photos == "first" else None
    found = list[list[_Photo]]()
    for cell in table.texts(column):
        several = cell and re.search(rf"{_SEVERAL}|^\[", cell) and not os.path.lexists(find_file(images, cell))
        photos = split_cell(cell, _SEVERAL) if cell and several else [cell or ""]
        found.append([(photo, None) for photo in (photos or [""])[:n_used]])
    return found


def _check_columns(table: Table, dataset: DatasetParams) -> None:
    named = {f"dataset.columns.{field}": name for field, name in dataset.columns.model_dump().items() if name}
    for field in ("image", "label"):
        if f"dataset.columns.{field}" not in named:
            listed = ", ".join([*table.frame.columns, *table.pictures])
            raise DataError(f"dataset.columns.{field} must name a column of {table.path}; its columns: {listed}.")
    named |= {f"dataset.keep: {name}": name for name in dataset.keep}
    table.require(named | {f"dataset.drop: {name}": name for name in dataset.drop})
    if both := sorted(set(named.values()) & set(dataset.drop)):
        raise DataError(
            f"dataset.drop leaves out {', '.join(both)} of {table.path}, which dataset.columns or dataset.keep uses."
        )


def _official_splits(words: list[str | None], where: str) -> list[str | None]:
    """Return each row's split, None where the cell is empty."""
    known = {word: split_of(word) for word in words if word}
    if unknown := sorted(word for word, split in known.items() if split is None):
        raise DataError(
            f"{where} must hold train, validation or test (or nothing), got {', '.join(map(repr, unknown[:5]))}; "
            "correct it or set dataset.columns.split: null."
        )
    return [known[word] if word else None for word in words]
