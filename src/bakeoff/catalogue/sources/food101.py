"""Food-101: 101 dishes of 1,000 photos each, with an official test set.

Source: Bossard, Guillaumin and Van Gool, Food-101 (ECCV 2014), doi:10.1007/978-3-319-10599-4_29.
"""

from pathlib import Path

from bakeoff.catalogue.params import DatasetParams
from bakeoff.catalogue.sources.base import RawProduct, Source, read_lines
from bakeoff.core.errors import DataError

_LISTS = {"train": "train.txt", "test": "test.txt"}


class Food101Source(Source):
    """Label = a dish as the folder is called; validation is cut from the official training photos by `split`."""

    NEEDS = "images/ and meta/ of http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz in {root}; unpack it there"

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether `images/` and the three lists in `meta/` are there, also below a folder `food-101`."""
        base = self.image_folder(dataset, root).parent
        return all((base / "meta" / name).is_file() for name in (*_LISTS.values(), "classes.txt"))

    def image_folder(self, dataset: DatasetParams, root: Path) -> Path:
        """Return `images/` in the root or in its `food-101`."""
        folders = (root / "images", root / "food-101" / "images")
        return next((folder for folder in folders if folder.is_dir()), folders[0])

    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return one product per line of the lists, whether or not its photo is there."""
        known = set(self.class_order(dataset, root))
        products = []
        for split, name in _LISTS.items():
            for line in read_lines(self.image_folder(dataset, root).parent / "meta" / name):
                label = line.split("/")[0]
                if label not in known:
                    raise DataError(f"meta/{name} names {line!r}, but meta/classes.txt has no class {label!r}.")
                products.append(RawProduct(line, f"{line}.jpg", label, official_split=split))
        return products

    def class_order(self, dataset: DatasetParams, root: Path) -> list[str]:
        """Return classes.txt as it is; its order is not that of Python's sorting."""
        return read_lines(self.image_folder(dataset, root).parent / "meta" / "classes.txt")
