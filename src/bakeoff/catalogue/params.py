"""Sections `dataset`, `prepare`, `split`, `repair`: where products come from, what is accepted, divided, mended."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bakeoff.core.section import PositiveInt, Section, Share
from bakeoff.records.catalogue import PackLimits, SplitMethod
from bakeoff.records.evaluation import SplitName


class ColumnNames(Section):
    """Which column of an unknown table is what; null where the table has none."""

    id: str | None
    image: str | None
    label: str | None
    title: str | None
    description: str | None
    split: str | None = None  # the official split: train, validation or test, in any usual spelling
    group: str | None = None  # products of one group never lie in two splits


class SyntheticParams(Section):
    """Size of the generated catalogue: products per class, side in px, seed."""

    n_per_class: Annotated[int, Field(ge=3, le=10_000)]
    image_px: Annotated[int, Field(ge=32, le=1024)]
    seed: Annotated[int, Field(ge=0)]


DatasetKind = Literal[
    "stamps", "table", "flipkart", "huggingface", "folder", "synthetic", "rakuten", "food101", "cars", "webdataset"
]


class DatasetParams(Section):
    """Where the products come from (section `dataset`)."""

    name: str
    kind: DatasetKind
    fallback: DatasetKind | None
    root: str
    table: str | None
    sheet: str | None
    """Of a spreadsheet, or the configuration of a data set on the Hugging Face hub; null = the first, the only one."""
    images: str | None
    photos: Literal["first", "all"]  # of a table's product with several photos
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None  # of a text table's fields; null = found
    encoding: str | None = None  # of a text table; null = found
    columns: ColumnNames
    keep: list[str]  # columns that products.parquet has too
    drop: list[str]
    allow_pickle: bool
    label_level: Annotated[int, Field(ge=1, le=3)]
    label_separator: Annotated[str, Field(min_length=1)] | None
    several_labels: Literal["reject", "first"]
    classes: Annotated[list[str], Field(min_length=2)] | None
    exclude_labels: list[str]
    min_class_size: PositiveInt | None
    duplicates: Literal["drop", "group", "keep"]
    crop_to_box: Annotated[float, Field(ge=0, le=1)] | None
    """Margin around the box that the source gives of a photo's object, as a share of its sides; null = whole photos."""
    phash_distance: Annotated[int, Field(ge=0, le=32)]
    licence: str
    source_url: str | None
    synthetic: SyntheticParams | None


class PrepareParams(PackLimits):
    """What `prepare` accepts and how it packs (section `prepare`)."""

    class_too_small: Literal["reject", "error"]
    require: Literal["image", "text", "either"]
    """What a product must have to stay; without the other it does, and `products.parquet` says so (`HAS`)."""


class SplitParams(Section):
    """How products are divided (section `split`)."""

    method: SplitMethod
    train: Share
    validation: Share
    test: Share
    seed: Annotated[int, Field(ge=0)]
    n_folds: Annotated[int, Field(ge=3, le=100)]
    """At least 3, so that each class of three groups has one in train, validation and test of every fold."""
    fold: Annotated[int, Field(ge=0)]
    official_leaks: Literal["drop", "keep"]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.fold >= self.n_folds:
            raise ValueError(f"fold must be 0 to n_folds - 1 = {self.n_folds - 1}, got {self.fold}")
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test must be 1, got {total:g}")
        return self


Threshold = Annotated[float, Field(ge=0)] | Literal["audit"] | None
"""A value of the measure, or where the audit's rule puts it on the train photos; null = the step is off."""


class RepairParams(Section):
    """What is mended in a divided catalogue (section `repair`); it never touches a label."""

    name: str
    splits: Annotated[list[SplitName], Field(min_length=1)]
    exact_duplicates: Literal["keep", "drop"]
    near_duplicates: Literal["keep", "merge"]
    crop_border: Share | None  # the largest share of a side that a frame, or bars, may lose
    saturation: Annotated[float, Field(ge=-1, le=1)] | None
    equalise_below: Threshold  # contrast
    sharpen_below: Threshold  # sharpness, as the next one
    reject_below: Threshold
    drop_official_test: bool

    @property
    def is_on(self) -> bool:
        """Return whether it does anything."""
        steps = self.model_dump(exclude={"name", "splits", "drop_official_test"}).values()
        return any(step not in (None, "keep") for step in steps)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.is_on == (self.name == "none"):
            raise ValueError("name must be none where no step is on, and another one where a step is (repair=all)")
        return self
