"""What is known of a catalogue beside its products: source.json, labels.json, audit.json and split.json."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from bakeoff.core.section import PositiveFloat, PositiveInt, Section
from bakeoff.records.base import Record
from bakeoff.records.evaluation import SplitName

SplitMethod = Literal["holdout", "official", "kfold"]


class RawFile(Section):
    """A file of the source."""

    path: str  # below the data set's folder
    size: int  # in bytes
    sha256: str


class SourceRecord(Record):
    """data/source.json: the raw files that `prepare` reads, and where they are from."""

    STAGE: ClassVar[str] = "fetch"

    kind: str
    name: str
    root: str  # the folder of the raw files, below the main checkout
    licence: str | None
    source_url: str | None
    digest: str  # SHA-256 over the files' paths and contents
    fallback_reason: str | None  # why the generated catalogue stands in for the one that was asked for
    files: list[RawFile]


class Repair(Section):
    """A repair as a catalogue's train photos decided it; None where a step is off."""

    name: str
    splits: list[SplitName]  # whose photos are repaired
    crop_border: float | None  # largest share of a side that a frame, or bars, may lose
    saturation: float | None  # change of the colours of photos in which one channel dominates, such as -0.15
    dominance_above: float | None
    equalise_below: float | None  # contrast
    sharpen_below: float | None  # sharpness, as the next one: log10(1 + variance of the Laplacian)
    reject_below: float | None  # of the study's own products; a new photo gets its answer

    @property
    def is_for_new_photos(self) -> bool:
        """Return whether new photos are repaired: where test's are."""
        return "test" in self.splits


class PackLimits(Section):
    """Which photos are accepted and how one is packed."""

    store_px: Annotated[int, Field(ge=32)]
    max_megapixels: PositiveFloat
    min_side_px: PositiveInt


class PackParams(PackLimits):
    """What a candidate's new photos need as well: packing, and repair where the catalogue's photos have one."""

    repair: Repair | None = Field(default=None, exclude_if=lambda repair: repair is None)
    """Known once products are split."""


class Dataset(Section):
    """Which data set a catalogue holds, under which licence, and two digests of its content."""

    name: str
    kind: str
    licence: str | None
    source_url: str | None
    fallback_reason: str | None  # why the generated catalogue stands in for the one that was asked for
    digest: str
    """SHA-256 over ids, labels, groups and pixels, in order: what an image classifier learns from. Texts have their own
    (`AuditRecord.texts_digest`), so that mending a description retrains no image model."""
    prepare: PackParams

    @property
    def repair_name(self) -> str:
        """Return what repairs its photos, `none` where nothing does."""
        return self.prepare.repair.name if self.prepare.repair else "none"


class LabelsRecord(Record):
    """data/catalogue/labels.json: the K class names in the order of `label_id`, and the data set."""

    STAGE: ClassVar[str] = "prepare"

    labels: list[str]
    dataset: Dataset


class Quantiles(Section):
    """Five numbers of a distribution."""

    min: float
    p25: float
    median: float
    p75: float
    max: float

    @classmethod
    def of(cls, values: Any) -> Self:
        """Return those of a column of numbers."""
        shares = values.astype(float).quantile([0.0, 0.25, 0.5, 0.75, 1.0])
        return cls(**dict(zip(cls.model_fields, shares.tolist(), strict=True)))


class FindingSummary(Section):
    """How many products a finding flags, and beyond which value of its measure; None where no number decides."""

    n: int
    threshold: float | None


class ProductGroup(Section):
    """Products that belong together: near-duplicates, or of one group in the source."""

    n_products: int
    product_ids: list[str]  # the first ones of a large group


class AuditRecord(Record):
    """data/audit/audit.json: what was read, accepted and rejected, and what the accepted products are like."""

    FORMAT: ClassVar[int] = 2
    STAGE: ClassVar[str] = "audit"

    dataset: Dataset
    texts_digest: str  # SHA-256 over titles and descriptions, in order
    n_read: int
    n_accepted: int
    n_rejected: int
    rejected: dict[str, int]
    rejected_per_class: dict[str, int]
    per_class: dict[str, int]
    n_groups: int
    largest_groups: list[ProductGroup]  # of two products or more, the largest first
    formats: dict[str, int]
    modes: dict[str, int]
    width_px: Quantiles
    height_px: Quantiles
    n_without_photo: int | None = Field(default=None, exclude_if=lambda n: n is None)
    """As the next one: None where `prepare.require` is `image`."""
    n_without_text: int | None = Field(default=None, exclude_if=lambda n: n is None)
    n_with_title: int
    n_with_description: int
    languages: dict[str, int]  # by language of the texts, ISO 639-1, most common first; unsure ones are left out
    findings: dict[str, FindingSummary]  # every one looked for, by name; products are in findings.parquet


class SplitRepair(Section):
    """A split before and after repair: means over its photos, `bakeoff.catalogue.repair_split.LOOKS`."""

    n: int  # before; products that are unused since are in `RepairRecord.dropped`
    n_repaired: int
    before: dict[str, float]
    after: dict[str, float]


class RepairRecord(Section):
    """What a repair did."""

    repair: Repair
    steps: dict[str, int]  # step to photos that got it
    dropped: dict[str, int]  # reason to products that are unused for it
    splits: dict[str, SplitRepair]


class SplitRecord(Record):
    """data/splits/split.json: how the products were divided, from what, and with what result."""

    FORMAT: ClassVar[int] = 3
    STAGE: ClassVar[str] = "split"

    method: SplitMethod
    seed: int
    fold: int | None  # which fold is the test set, and of how many; None but for kfold
    n_folds: int | None
    counts: dict[str, dict[str, int]]  # split to class to products
    n_unused: int  # products in no split, since their group lies in the official test set
    n_leaks: int  # products of train or validation whose group lies in test too, counted in the finished split
    n_moved_from_official_split: int  # out of official validation or test, since their group is elsewhere
    digest: str  # SHA-256 over which product is where, sorted by product
    inputs: str
    """SHA-256 over what it was made from: labels, groups and official splits, section `split`, an earlier split, and
    `repair.repair`."""
    repair: RepairRecord | None

    @property
    def title(self) -> str:
        """Return what names the split, in English: `holdout, seed 0`, `5-fold, fold 2, seed 0`."""
        name = self.method if self.fold is None else f"{self.n_folds}-fold, fold {self.fold}"
        return f"{name}, seed {self.seed}"
