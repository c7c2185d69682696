"""runs/<candidate>/seed_<s>/data_curve: accuracy by number of training photos, not by epoch as in history.csv."""

from typing import ClassVar, Literal

from bakeoff.core.section import Section
from bakeoff.records.base import Record

FOLDER, FILE, FIGURE = "data_curve", "data_curve.json", "data_curve.png"


class Estimate(Section):
    """A number and its 95 % interval: an accuracy after training on `at` photos, or what accuracy gains by `at`."""

    at: float | str  # photos; or `per_class`, `double`, or a class
    value: float
    low: float
    high: float


class DataCurveRecord(Record):
    """data_curve.json: what was measured on held-out train products, and the power law through it."""

    COMMAND: ClassVar[str] = "bakeoff learning-curve"
    STAGE: ClassVar[str] = "CANDIDATE"

    candidate: str
    training_key: str  # of the training whose features and recipe these are
    seed: int
    n_repeats: int
    n_products: int
    n_photos: int  # all of the train split, from where gains count
    points: list[Estimate]
    problem: Literal["flat", "few_points"] | None  # why no law: accuracy did not rise measurably, or too few points
    law: tuple[float, float, float] | None  # a, b and c of error(n) = a + b * n^-c
    curve: list[Estimate]  # the law and its band, as far as it is asked
    per_class: int  # how many more photos of each class the gain `per_class` is for
    gains: list[Estimate]  # of more photos, where they are not too many to tell
    classes: list[Estimate]  # classes that surely gained from half of the photos to all, the largest gain first
