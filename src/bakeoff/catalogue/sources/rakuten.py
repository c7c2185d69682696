"""Rakuten France's challenge: 84,916 products with photo and text in 27 classes, and 13,812 without a label.

Source: https://challengedata.ens.fr/challenges/35, as published there and in copies with other file names.
"""

from pathlib import Path

from bakeoff.catalogue.params import DatasetParams
from bakeoff.catalogue.sources.base import RawProduct, Source
from bakeoff.catalogue.table_file import Table, read_table
from bakeoff.core.errors import DataError
from bakeoff.core.section import read_yaml
from bakeoff.data.decode import Rejection

_TABLES = {
    "X_train": ("X_train_update.csv", "X_train.csv"),
    "Y_train": ("Y_train_CVw08PX.csv", "Y_train.csv"),
    "X_test": ("X_test_update.csv", "X_test.csv"),
}
_PHOTOS = {
    "train": ("images/images/image_train", "images/image_train", "images/image_training"),
    "test": ("images/images/image_test", "images/image_test"),
}
CLASSES = {int(code): str(name) for code, name in read_yaml(Path(__file__).with_suffix(".yaml")).items()}
"""What the challenge's `prdtypecode` means, in numeric order."""


class RakutenSource(Source):
    """Label = code and name; tables are joined by their index column, whatever the order of their rows."""

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether the training tables and their photos are there."""
        return all(_find(root, names) for names in (_TABLES["X_train"], _TABLES["Y_train"], _PHOTOS["train"]))

    def _needs(self, dataset: DatasetParams, root: Path) -> str:
        tables = " and ".join(" or ".join(_TABLES[name]) for name in ("X_train", "Y_train"))
        return f"{tables} in {root}, and the photos in {' or '.join(_PHOTOS['train'])} below it; put them there"

    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return the products of X_train, and those of X_test where it is there as ones without a label.

        Raises:
            DataError: a column is missing, or the indexes of X_train and Y_train differ.
        """
        described, coded = (_read(root, name) for name in ("X_train", "Y_train"))
        codes, rows = dict(zip(_index(coded), coded.texts("prdtypecode"), strict=True)), _rows(described)
        if lacking := [row["index"] for row in rows if row["index"] not in codes and not row["malformed"]]:
            raise DataError(
                f"{coded.path} has no row for {len(lacking)} products of {described.path} (the first: index "
                f"{lacking[0]}); both must come from the same version of the challenge."
            )
        photos, others = ([name for name in _PHOTOS[part] if (root / name).exists()] for part in ("train", "test"))
        products = [_product(row, photos[0], label=_label(codes.get(str(row["index"])))) for row in rows]
        if others and _find(root, _TABLES["X_test"]):
            products += [_product(row, others[0], label=None) for row in _rows(_read(root, "X_test"))]
        return products

    def class_order(self, dataset: DatasetParams, root: Path) -> list[str]:
        """Return the classes by their code as a number."""
        return [_label(str(code)) for code in CLASSES]


def code_of(label: str) -> str:
    """Return the `prdtypecode` of a class, for a file that the challenge takes."""
    return label.split(" ", maxsplit=1)[0]


def _label(code: str | None) -> str:
    known = CLASSES.get(int(code)) if code and code.isdecimal() else None
    return f"{code} {known}" if known else code or ""


def _find(root: Path, names: tuple[str, ...]) -> Path | None:
    return next((root / name for name in names if (root / name).exists()), None)


def _read(root: Path, name: str) -> Table:
    if (path := _find(root, _TABLES[name])) is None:
        raise DataError(f"{root} has no {' or '.join(_TABLES[name])}.")
    table = read_table(path)
    needed = ["prdtypecode"] if name == "Y_train" else ["designation", "description", "productid", "imageid"]
    table.require(
        {f"as the challenge publishes {name}": needed[0]} | {f"{name}, {column}": column for column in needed}
    )
    return table


def _index(table: Table) -> list[str]:
    return [str(cell) for cell in table.frame.iloc[:, 0]]


def _rows(table: Table) -> list[dict[str, str | None]]:
    columns = {name: table.texts(name) for name in ("designation", "description", "productid", "imageid")}
    rows = zip(_index(table), table.malformed, *columns.values(), strict=True)
    return [dict(zip(("index", "malformed", *columns), row, strict=True)) for row in rows]


def _product(row: dict[str, str | None], folder: str, *, label: str | None) -> RawProduct:
    return RawProduct(
        row["malformed"].partition(" has ")[0] if row["malformed"] else str(row["index"]),
        f"{folder}/image_{row['imageid']}_product_{row['productid']}.jpg",
        label,
        row["designation"],
        row["description"],
        refused=Rejection("malformed_row", row["malformed"]) if row["malformed"] else None,
        group=row["productid"],
        is_unlabelled=label is None,
    )
