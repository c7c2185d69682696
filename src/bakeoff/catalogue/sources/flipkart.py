"""Products in a table (text, Parquet, pickled DataFrame when allowed) with a folder of images, as Flipkart's sample."""

from pathlib import Path

from bakeoff.catalogue.params import ColumnNames, DatasetParams
from bakeoff.catalogue.sources.base import RawProduct, Source, split_of
from bakeoff.catalogue.table_file import SPREADSHEETS, TABLE_SUFFIXES, Table, read_table
from bakeoff.core.errors import DataError
from bakeoff.core.names import find_file, table_label
from bakeoff.data.decode import Rejection

DEFAULT_TABLE = "flipkart_com-ecommerce_sample_1050.csv"


class FlipkartSource(Source):
    """A label that is a category tree (`["A >> B >> C"]`) gives its first level; any other label is taken as it is."""

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether a table and the image folder are there."""
        return _find_table(dataset, root) is not None and self.image_folder(dataset, root).is_dir()

    def _needs(self, dataset: DatasetParams, root: Path) -> str:
        table, photos = root / (dataset.table or DEFAULT_TABLE), self.image_folder(dataset, root)
        return f"the table {table} and its photos in {photos}; put both there"

    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return one product per row of the table.

        Raises:
            DataError: no table, one that cannot be read, an unknown column, or a pickle that params do not allow.
        """
        path = _find_table(dataset, root)
        if path is None:
            raise DataError(f"no table in {root}; expected {dataset.table or DEFAULT_TABLE}.")
        table = read_table(
            path, allow_pickle=dataset.allow_pickle, separator=dataset.separator, encoding=dataset.encoding
        )
        _check_columns(table, dataset)
        columns = {field: table.texts(getattr(dataset.columns, field)) for field in ColumnNames.model_fields}
        columns["split"] = _official_splits(columns["split"], f"{path}, column {dataset.columns.split}")
        columns["label"] = [table_label(cell) if cell else None for cell in columns["label"]]
        refused = [problem and Rejection("malformed_row", problem) for problem in table.malformed]
        groups = columns.pop("group")
        rows = enumerate(zip(*columns.values(), refused, strict=True))
        return [
            RawProduct(key or f"row_{row}", image or "", *others, group=groups[row])
            for row, (key, image, *others) in rows
        ]


def _find_table(dataset: DatasetParams, root: Path) -> Path | None:
    """Return the table that params name, else Flipkart's, else the only one in the root."""
    if dataset.table:
        named = find_file(root, dataset.table)
        return named if named.is_file() else None
    if (root / DEFAULT_TABLE).is_file():
        return root / DEFAULT_TABLE
    files = [path for path in sorted(root.glob("*")) if path.is_file()]
    tables = [path for path in files if path.suffix.lower() in TABLE_SUFFIXES]
    tables = tables or [path for path in files if path.suffix.lower() in SPREADSHEETS]  # refused with what to do
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables)
        raise DataError(f"{root} holds several tables ({names}); name one in dataset.table.")
    return tables[0] if tables else None


def _check_columns(table: Table, dataset: DatasetParams) -> None:
    named = {f"dataset.columns.{field}": name for field, name in dataset.columns.model_dump().items() if name}
    for field in ("image", "label"):
        if f"dataset.columns.{field}" not in named:
            listed = ", ".join(table.frame.columns)
            raise DataError(f"dataset.columns.{field} must name a column of {table.path}; its columns: {listed}.")
    table.require(named | {f"dataset.drop: {name}": name for name in dataset.drop})
    both = sorted(set(named.values()) & set(dataset.drop))
    if both:
        raise DataError(f"dataset.drop leaves out {', '.join(both)} of {table.path}, which dataset.columns uses.")


def _official_splits(words: list[str | None], where: str) -> list[str | None]:
    """Return each row's split, None where the cell is empty."""
    known = {word: split_of(word) for word in words if word}
    if unknown := sorted(word for word, split in known.items() if split is None):
        raise DataError(
            f"{where} must hold train, validation or test (or nothing), got {', '.join(map(repr, unknown[:5]))}; "
            "correct it or set dataset.columns.split: null."
        )
    return [known[word] if word else None for word in words]
