"""What is in a catalogue, in numbers: explore.json, which the page reports/explore.html shows."""

from typing import ClassVar

from bakeoff.core.section import Section
from bakeoff.records.base import Record
from bakeoff.records.catalogue import Dataset, Quantiles


class ValueCount(Section):
    """Products with one value of a column (None: missing), and of how many classes they are."""

    value: str | None
    n: int
    n_classes: int
    entropy: float  # of their classes, divided by that of all classes equally frequent: 0 one class, 1 balanced


class ColumnBalance(Section):
    """How products are distributed over a column's values; normalised entropy and largest ÷ smallest of the values."""

    name: str
    n_values: int
    imbalance: float
    entropy: float
    is_ordered: bool  # whether `counts` go by value (numbers, dates), not by frequency
    counts: list[ValueCount]  # of the most frequent values


class ClassFacts(Section):
    """What the products of a class are like: means of measures in [0, 1], medians of the lengths of texts."""

    label: str
    n: int
    splits: dict[str, int]
    n_rejected: int
    red: float
    green: float
    blue: float
    brightness: float
    saturation: float
    red_dominance: float  # R / (R + G + B), a third where red does not dominate
    n_without_title: int
    n_without_description: int
    characters: float | None
    words: float | None
    languages: dict[str, int]  # of the sampled texts


class ExplorationRecord(Record):
    """data/explore/explore.json: what is in the catalogue; counts have the most frequent first."""

    STAGE: ClassVar[str] = "explore"

    dataset: Dataset
    n_products: int
    columns: list[ColumnBalance]  # the first is the class
    columns_left_out: dict[str, int]  # columns in which hardly a value comes twice, with their number of values
    identity: dict[str, int]  # distinct values by column, photos, and titles of several products or classes
    group_sizes: dict[str, int]  # products of a group to groups
    photo_sizes: dict[str, int]  # width × height in px to photos
    distributions: dict[str, Quantiles]  # of sizes in px, shares and lengths, by column; object_share where boxes are
    classes: list[ClassFacts]
    languages: dict[str, int]
    n_texts: int  # products with a title or a description
    n_texts_sampled: int  # of which languages by class and words were taken
    mapped_by: str | None  # whose frozen features the map is of
