"""The prepared catalogue as every later stage sees it: products with their split, labels, and the image store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.core.errors import DataError
from bakeoff.data.photo import crop_of, stored_size
from bakeoff.data.products import StoredProducts
from bakeoff.data.store import ImageStore
from bakeoff.data.transforms import box_in_view
from bakeoff.records.candidate import Modality
from bakeoff.records.catalogue import Dataset, LabelsRecord, Repair
from bakeoff.records.settings import Geometry

SPLITS = ("train", "validation", "test")
UNUSED = "unused"  # in splits.parquet: of no split, and so of no `Catalogue`; its column `reason` says why
REPAIR = "repair"
"""In splits.parquet, where photos are repaired: each one's steps; in its metadata (`DataFrame.attrs`): `Repair`."""
PRODUCT_COLUMNS = {
    "product_id": "string",
    "image": "int64",
    "label": "string",
    "label_id": "int64",
    "group_id": "int64",
    "weight": "float32",
    "official_split": "string",
    "width": "int32",
    "height": "int32",
    "format": "string",
    "mode": "string",
}
"""Of products.parquet, with their types: a column that is null throughout stays text."""
BOX_COLUMNS = ("box_left", "box_top", "box_right", "box_bottom")
"""Of the object in a photo of `width` × `height` px, half-open; only where the source knows it."""
PHOTO_OF = "photo_of"
"""With `dataset.photos: all` a row is a photo, and this its product, which the first of its photos is called by."""
TEXT_COLUMNS = dict.fromkeys(("product_id", "title", "description"), "string")
"""Of texts.parquet, one row per product; null where it has none."""
HAS = {"image": "has_photo", "text": "has_text"}
"""Of products.parquet, bool, by modality; only where `prepare.require` is not `image`: else all have a photo."""
_INPUT = "has_input"
UNLABELLED = "unlabelled.parquet"
"""Products whose source keeps the labels to itself: product_id, image, title, description, for `bakeoff predict`."""
DIGESTS = "digests.parquet"
"""product_id, digest of the original photo's pixels (`bakeoff.data.decode.pixel_digest`), and cluster, int64: one
number for all products that show the same or nearly the same picture."""
MEASURES_FILE = "measures.parquet"
"""product_id, and what each photo is like (`bakeoff.catalogue.measures.AUDITED`), float32."""


@dataclass(frozen=True)
class Catalogue:
    """Products, labels and images; "rows" and "positions" count `products`, not the rows of the store."""

    products: pd.DataFrame
    """products.parquet and its `split`, index 0 to N-1, in the order of products.parquet, less the unused ones.

    Where photos are repaired, also `repair`, each one's steps as text or null.
    """
    labels: list[str]  # K class names; `label_id` indexes them
    store: ImageStore
    dataset: Dataset
    reads: Modality | None = None
    """What the candidate that it is for reads; `rows` leaves out products without it."""

    @property
    def has_input(self) -> np.ndarray:
        """Which products its candidate has something to read of, (N,) bool; all where that is not known."""
        known = next((name for name in (_INPUT, HAS.get(str(self.reads))) if name in self.products), None)
        return self.products[known].to_numpy(dtype=bool) if known else np.ones(len(self.products), dtype=bool)

    def reading(self, has_input: np.ndarray) -> "Catalogue":
        """Return it for a candidate that has something to read of these products, (N,) bool."""
        return replace(self, products=self.products.assign(**{_INPUT: has_input}))

    def readable(self) -> "Catalogue":
        """Return it without the products that there is nothing to read of."""
        return replace(self, products=self.products[self.has_input].reset_index(drop=True))

    def by_product(self) -> "Catalogue":
        """Return it with one row per product, that of its first photo: itself unless products have several."""
        return replace(self, products=first_photos(self.products)) if PHOTO_OF in self.products else self

    def mean_of_photos(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of what each product's photos have, (N, D), in the order of `by_product`."""
        if PHOTO_OF not in self.products:
            return values
        ids = pd.Index(self.by_product().products["product_id"])
        places, sums = ids.get_indexer(self.products[PHOTO_OF].tolist()), np.zeros((len(ids), values.shape[1]))
        np.add.at(sums, places, values)
        return (sums / np.bincount(places)[:, None]).astype(values.dtype)

    def rows(self, split: str) -> np.ndarray:
        """Return the positions of one split's products, (N_split,) int64, ascending; DataError for any other.

        For a candidate, of those that it has something to read of.
        """
        if split not in SPLITS:
            raise DataError(f"split must be one of {', '.join(SPLITS)}, got {split!r}.")
        return np.flatnonzero((self.products["split"] == split).to_numpy() & self.has_input).astype(np.int64)

    def only(self, split: str) -> "Catalogue":
        """Return it with one split's rows alone, renumbered."""
        return replace(self, products=self.products.iloc[self.rows(split)].reset_index(drop=True))

    def at(self, positions: np.ndarray | Sequence[int]) -> StoredProducts:
        """Return the products at `positions`, for a predictor or a loader."""
        return StoredProducts(self.store, self._column("image", positions), self.repairs)

    @cached_property
    def repairs(self) -> dict[int, str]:
        """Row of the store to the steps that repair its photo (`bakeoff.data.photo`)."""
        if REPAIR not in self.products:
            return {}
        known = self.products.dropna(subset=REPAIR)
        return dict(zip(known["image"].tolist(), known[REPAIR].tolist(), strict=True))

    def label_ids(self, positions: np.ndarray | Sequence[int]) -> np.ndarray:
        """Return the class indices of `positions`, (N,) int64 below K."""
        return self._column("label_id", positions)

    def boxes_in_view(self, positions: np.ndarray | Sequence[int], used: Geometry) -> np.ndarray:
        """Return the boxes of the objects at `positions` in the squares that a network of this geometry gets.

        (N, 4) float64 left, top, right, bottom px, half-open, clipped; NaN where none is known or nothing is left.
        """
        products = self.products.iloc[np.asarray(positions, dtype=np.int64)]
        boxes = products.reindex(columns=list(BOX_COLUMNS)).to_numpy(dtype=np.float64, na_value=np.nan)
        for place in np.flatnonzero(np.isfinite(boxes).all(axis=1)):
            product = products.iloc[int(place)]
            original = (int(product["width"]), int(product["height"]))
            stored = stored_size(original, self.dataset.prepare.store_px)
            left, top, right, bottom = crop_of(self.repairs.get(int(product["image"]))) or (0, 0, *stored)
            box = boxes[place] * np.tile(np.divide(stored, original), 2) - (left, top, left, top)
            boxes[place] = box_in_view(box, (right - left, bottom - top), used)
        return boxes

    def weights(self, positions: np.ndarray | Sequence[int]) -> np.ndarray:
        """Return the training weights of `positions`, (N,) float32, each above 0.

        Both trainers multiply each product's loss by it and divide a batch's sum by the sum of its weights. The weight
        of a product is shared among its photos, so that it counts once.

        Raises:
            DataError: a weight is not a positive number.
        """
        n_photos = self.products.groupby(PHOTO_OF)["image"].transform("size") if PHOTO_OF in self.products else 1
        values = (self.products["weight"] / n_photos).to_numpy(np.float32)[np.asarray(positions, dtype=np.int64)]
        wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
        if len(wrong):
            first = self.products["product_id"].to_numpy()[np.asarray(positions, dtype=np.int64)[wrong[0]]]
            raise DataError(
                f"the training weight of {len(wrong)} products is not a positive number (products.parquet, column "
                f"weight; first {first}: {values[wrong[0]]}); run `dvc repro prepare`."
            )
        return values

    def _column(self, name: str, positions: np.ndarray | Sequence[int]) -> np.ndarray:
        return self.products[name].to_numpy(dtype=np.int64)[np.asarray(positions, dtype=np.int64)]


def load_catalogue(catalogue_dir: Path, splits_file: Path, *, reads: Modality | None = "image") -> Catalogue:
    """Return the catalogue that `prepare` and `split` wrote, for what reads this; None = for all products alike."""
    header = LabelsRecord.read(catalogue_dir / "labels.json")
    joined = read_divided(catalogue_dir, splits_file)
    used = joined.loc[joined["split"] != UNUSED, :].reset_index(drop=True)
    store, dataset = ImageStore(catalogue_dir / "images.arrow"), header.dataset
    if fitted := joined.attrs.get(REPAIR):
        prepare = dataset.prepare.model_copy(update={"repair": Repair.model_validate(fitted)})
        dataset = dataset.model_copy(update={"prepare": prepare})
    return Catalogue(products=used, labels=header.labels, store=store, dataset=dataset, reads=reads)


def read_divided(catalogue_dir: Path, splits_file: Path) -> pd.DataFrame:
    """Return products.parquet with each product's `split` and, where photos are repaired, `repair`; unused ones too.

    Raises:
        DataError: a file is missing, or the split belongs to another catalogue.
    """
    products = read_prepared(catalogue_dir)
    if not Path(splits_file).is_file():
        raise DataError(f"split {splits_file} is missing; run `dvc repro split`.")
    splits = pd.read_parquet(splits_file)
    kept = [name for name in ("product_id", "split", REPAIR) if name in splits]
    joined = products.merge(splits[kept], on="product_id", how="left", validate="one_to_one")
    if joined["split"].isna().to_numpy().any() or len(splits) != len(products):
        raise DataError(
            f"{splits_file} lists {len(splits)} products, {catalogue_dir} holds {len(products)}, and they must be the "
            "same ones; run `dvc repro split`."
        )
    joined.attrs = splits.attrs
    return joined


def first_photos(products: pd.DataFrame) -> Any:
    """Return the first photo of each product, renumbered; all rows where each product has one photo."""
    if PHOTO_OF not in products:
        return products
    return products[products["product_id"] == products[PHOTO_OF]].reset_index(drop=True)


def source_columns(products: pd.DataFrame) -> list[str]:
    """Return the columns that the source alone has (`dataset.keep`, make, year)."""
    ours = {*PRODUCT_COLUMNS, *BOX_COLUMNS, *HAS.values(), _INPUT, PHOTO_OF, "split", REPAIR}
    return [name for name in products.columns if name not in ours]


def count_values(values: Any, n_shown: int | None = None) -> dict[str, int]:
    """Return how often each value of a column occurs, the most frequent first, of equally frequent ones by value."""
    counts = values.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return {str(value): int(n) for value, n in counts[:n_shown].items()}


def read_groups(products_file: Path | None) -> dict[str, int]:
    """Return each product's group, by product id; empty without a file."""
    if products_file is None or not products_file.is_file():
        return {}
    table = pd.read_parquet(products_file, columns=["product_id", "group_id"])
    return dict(zip(table["product_id"].astype(str), table["group_id"].astype(int), strict=True))


def read_prepared(catalogue_dir: Path, name: str = "products.parquet") -> pd.DataFrame:
    """Return a table that `prepare` wrote, one row per product, index 0 to N-1.

    Raises:
        DataError: the file is missing.
    """
    path = Path(catalogue_dir) / name
    if not path.is_file():
        raise DataError(f"{path} is missing; run `dvc repro prepare`.")
    return pd.read_parquet(path).reset_index(drop=True)
