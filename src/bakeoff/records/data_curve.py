"""runs/<candidate>/seed_<s>/data_curve: accuracy against the number of training photos.

Not a learning curve over the epochs of one training, which is history.csv's and reports/learning_curves.csv's.
"""

from typing import ClassVar, Literal

from bakeoff.core.section import Section
from bakeoff.records.base import Record

FOLDER, FILE, FIGURE = "data_curve", "data_curve.json", "data_curve.png"


class Point(Section):
    """Accuracy after training on a number of photos, and its 95 % interval."""

    n_photos: float
    accuracy: float
    low: float
    high: float


class PowerLaw(Section):
    """error(n) = a + b * n^-c."""

    a: float
    b: float
    c: float


class Gain(Section):
    """What accuracy gains, a share, and its 95 % interval: of all classes together, or of one of them."""

    name: str
    """`per_class`, `double`, or the class."""
    gain: float
    low: float
    high: float


class DataCurveRecord(Record):
    """data_curve.json: what was measured, the power law through it, and what it says of more photos."""

    COMMAND: ClassVar[str] = "bakeoff learning-curve"
    STAGE: ClassVar[str] = "CANDIDATE"

    candidate: str
    training_key: str
    """Of the training whose features and recipe these are."""
    seed: int
    n_repeats: int
    """Folds of the train split, each held out once and measured."""
    n_products: int
    """All of the train split, measured once per point."""
    n_photos: int
    """Of the train split, from where gains count."""
    points: list[Point]
    problem: Literal["flat", "few_points"] | None
    """Why there is no law: accuracy did not rise measurably, or too few points."""
    law: PowerLaw | None
    curve: list[Point]
    """The law and its band up to twice the photos."""
    per_class: int
    """How many photos more of each class the gain of that name is for."""
    gains: list[Gain]
    """Of more photos; none where the law says nothing that far."""
    classes: list[Gain]
    """Classes that surely gained from the step from half of the photos to all of them, the largest gain first."""
