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
        """Return the products of X_train, and those of X_test where it is there as ones without a label."""
        described, coded = (_read(root, name) for name in ("X_train", "Y_train"))
        labels = {index: _label(code) for index, code in zip(_index(coded), coded.texts("prdtypecode"), strict=True)}
        rows = zip(_index(described), described.malformed, strict=True)
        if lacking := [index for index, malformed in rows if index not in labels and not malformed]:
            raise DataError(
                f"{coded.path} has no row for {len(lacking)} products of {described.path} (the first: index "
                f"{lacking[0]}); both must come from the same version of the challenge."
            )
        photos, others = ([name for name in _PHOTOS[part] if (root / name).exists()] for part in ("train", "test"))
        products = _read_products(described, photos[0], labels)
        if others and _find(root, _TABLES["X_test"]):
            products += _read_products(_read(root, "X_test"), others[0], None)
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


def _read_products(table: Table, folder: str, labels: dict[str, str] | None) -> list[RawProduct]:
    columns = [table.texts(name) for name in ("designation", "description", "productid", "imageid")]
    rows = zip(_index(table), table.malformed, *columns, strict=True)
    return [
        RawProduct(
            problem.partition(" has ")[0] if problem else index,
            f"{folder}/image_{image}_product_{product}.jpg",
            labels.get(index, "") if labels is not None else None,
            title,
            description,
            refused=Rejection("malformed_row", problem) if problem else None,
            group=product,
            is_unlabelled=labels is None,
        )
        for index, problem, title, description, product, image in rows
    ]
