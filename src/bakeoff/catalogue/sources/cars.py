"""Stanford Cars: 16,185 photos of 196 models, with boxes and an official half for testing.

Source: Krause, Stark, Deng and Fei-Fei, 3D Object Representations for Fine-Grained Categorization (2013),
doi:10.1109/ICCVW.2013.77. Read as published (devkit, cars_train, cars_test) and as Kaggle packs it again.
"""

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.catalogue.params import DatasetParams
from bakeoff.catalogue.sources.base import RawProduct, Source
from bakeoff.core.errors import DataError

_BOX = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")
_META, _TRAIN, _ALL = "cars_meta.mat", "cars_train_annos.mat", "cars_annos.mat"
_TEST, _UNLABELLED = "cars_test_annos_withlabels.mat", "cars_test_annos.mat"


class CarsSource(Source):
    """Label = make, model and year; file names start again at 00001 in cars_test, so ids and paths carry the folder."""

    IMAGES = "."
    NEEDS = f"devkit/{_META}, devkit/{_TRAIN}, devkit/{_TEST}, cars_train/ and cars_test/ in {{root}}; put them there"

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether annotations and photos are there."""
        published = _find(root, _META) and _find(root, _TRAIN) and _folder(root, "cars_train")
        return bool(published or (_find(root, _ALL) and _folder(root, "car_ims")))

    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return the photos of both halves; of the test half without labels as ones that `predict` takes."""
        names = self.class_order(dataset, root)
        test = next((name for name in (_TEST, _UNLABELLED) if _find(root, name)), None)
        halves = {"cars_train": _TRAIN, "cars_test": test} if _find(root, _TRAIN) else {"car_ims": _ALL}
        products = []
        for half, annotations in halves.items():
            if annotations and (folder := _folder(root, half)):
                place = folder.relative_to(root).as_posix()
                products += [_product(entry, half, place, names=names) for entry in _annotations(root, annotations)]
        return products

    def class_order(self, dataset: DatasetParams, root: Path) -> list[str]:
        """Return the class names by their number."""
        return [str(name) for name in np.ravel(_load(root, _META if _find(root, _META) else _ALL)["class_names"])]


def _find(root: Path, name: str) -> Path | None:
    return next(iter(sorted(root.rglob(name))), None)


def _folder(root: Path, name: str) -> Path | None:
    """Return the folder of a half that holds photos; Kaggle's copy has it twice, one in the other."""
    places = (root / name / name, root / name)
    return next((place for place in places if place.is_dir() and next(place.glob("*.jpg"), None)), None)


def _load(root: Path, name: str) -> dict[str, Any]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    path = _find(root, name)
    try:
        return loadmat(str(path), squeeze_me=True, struct_as_record=True)
    except (MatReadError, zlib.error, ValueError, TypeError, OSError, NotImplementedError) as error:
        raise DataError(f"{path} cannot be read as a MATLAB file ({error}); get it again.") from None


def _annotations(root: Path, name: str) -> list[dict[str, Any]]:
    """Return one dict per photo; numbers of several unsigned types become int."""
    table = np.atleast_1d(_load(root, name).get("annotations", np.empty(0)))
    fields = table.dtype.names or ()
    if missing := [field for field in _BOX if field not in fields]:
        raise DataError(f"{name} has no {', '.join(missing)} in its annotations; expected them as published.")
    return [{field: np.ravel(row[field]).tolist()[0] for field in fields} for row in table]


def _product(entry: dict[str, Any], half: str, folder: str, *, names: list[str]) -> RawProduct:
    """Return an entry's product; boxes count from 1 and include their last pixel."""
    left, top, right, bottom = (int(entry[field]) for field in _BOX)
    file = Path(str(entry.get("fname") or entry["relative_im_path"])).name
    number = int(entry["class"]) if "class" in entry else None
    label = names[number - 1] if number and number <= len(names) else None
    year = re.search(r"\b(\d{4})$", label or "")
    is_test = half == "cars_test" or bool(entry.get("test"))
    return RawProduct(
        f"{half}/{Path(file).stem}",
        f"{folder}/{file}",
        label,
        official_split="test" if is_test else "train",
        box=(left - 1, top - 1, right, bottom),
        more={"make": label.split()[0], "year": int(year[1]) if year else None} if label else {},
        is_unlabelled=number is None,
    )
