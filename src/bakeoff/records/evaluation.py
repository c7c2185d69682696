"""What `evaluate` finds in one candidate's predictions: metrics.json, calibration.json and confusions.json."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bakeoff.core.errors import BakeoffError, EvaluationError
from bakeoff.core.section import Section
from bakeoff.records.base import Record

METRICS, CALIBRATION, CONFUSIONS = "metrics.json", "calibration.json", "confusions.json"
SplitName = Literal["train", "validation", "test"]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Figure = int | Finite | None  # None where it is undefined


class _OfEvaluation(Record):
    STAGE: ClassVar[str] = "evaluate evaluate_baseline"
    ERROR: ClassVar[type[BakeoffError]] = EvaluationError

    key: str


class IntervalRecord(Section):
    """An interval of a metric, and how it was made."""

    low: Finite
    high: Finite
    level: float
    method: str
    n_resamples: int | None


class ClassMetrics(Section):
    """One class against the rest on the test split, with 95% intervals; None where undefined."""

    precision: Figure
    recall: Figure
    f1: Figure
    support: int
    roc_auc: Figure
    average_precision: Figure
    precision_low: Figure
    precision_high: Figure
    recall_low: Figure
    recall_high: Figure
    f1_low: Figure
    f1_high: Figure


class Overfitting(Section):
    """How far training and test lie apart, and whether the stated rule calls that overfitting."""

    accuracy_gap: Finite
    log_loss_gap: Finite
    overfits: bool
    max_gap: float
    rule: str


class MetricsRecord(_OfEvaluation):
    """metrics.json: every metric (`bakeoff.evaluation.metrics`) of each split, intervals of test, each class."""

    FORMAT: ClassVar[int] = 2

    candidate: str
    model: str
    mode: str
    seed: int
    probabilities: str
    training_key: str
    training_loss_name: str
    splits: dict[SplitName, dict[str, Figure]]
    n_without_input: int | None = Field(default=None, exclude_if=lambda n: n is None)
    """Test products that the candidate had nothing to read of; None where there is none."""
    n_effective: Finite  # how many independent products test is worth; fewer than n where some belong together
    intervals: dict[SplitName, dict[str, IntervalRecord]]
    overfitting: Overfitting
    per_class: dict[str, ClassMetrics]

    def accuracy(self, split: SplitName) -> float:
        """Return a split's accuracy, in [0, 1]."""
        return float(self.splits[split]["accuracy"] or 0)

    def n(self, split: SplitName) -> int:
        """Return a split's number of products."""
        return int(self.splits[split]["n"] or 0)


class ReliabilityBin(Section):
    """Products whose confidence lies in (low, high]: how many, how sure, how often right; None without products."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None


class Calibration(Section):
    """How far the test split's probabilities can be believed."""

    ece_equal_width: float
    ece_equal_mass: float
    ece_low: float
    ece_high: float
    method: str
    n_resamples: int | None
    log_loss: float
    brier: float
    reliability: list[ReliabilityBin]


class BeforeAfter(Section):
    """The test split without and with the temperature."""

    before: Calibration
    after: Calibration


class Coverage(Section):
    """What answering only from a confidence on would mean: the share of products answered, and how often rightly."""

    threshold: float
    coverage: float
    n: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None


class Automation(Section):
    """What a candidate classifies alone at a promised precision: threshold from validation, the rest from test."""

    promised: float
    threshold: float | None  # on the calibrated confidence; None where no threshold keeps the promise on validation
    share: float
    share_low: float
    share_high: float
    n: int
    precision: float | None
    precision_low: float | None
    precision_high: float | None

    @property
    def refuted(self) -> bool:
        """Whether the test products speak against the promise: its interval lies below."""
        return self.precision_high is not None and self.precision_high < self.promised

    @property
    def usable_share(self) -> float:
        """The share, 0 where the promise is refuted."""
        return 0.0 if self.refuted else self.share


class CalibrationRecord(_OfEvaluation):
    """calibration.json: the temperature that validation asks for, and what it does to the test split."""

    FORMAT: ClassVar[int] = 2

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    fitted_on: Literal["validation"]
    n_validation: int
    bins: int
    test: BeforeAfter
    coverage: list[Coverage]
    automation: Automation
    warning: str | None


class Group(Section):
    """Classes that are taken for each other: mistakes among them, and their share of all mistakes."""

    label_ids: list[int]
    n_confused: int
    share: float


class Pair(Section):
    """Products of one class taken for another, the surest mistakes first."""

    true: int
    predicted: int
    count: int
    total: int  # test products of the true class
    product_ids: list[str]
    confidences: list[float]
    picture: str  # where their photos are drawn, below the evaluation's folder


class ConfusionsRecord(_OfEvaluation):
    """confusions.json: which classes get mixed up on the test split."""

    order: list[int]  # all classes, confused ones side by side
    groups: list[Group]
    group_rule: str
    pairs: list[Pair]
    never_predicted: list[int]
    n_test: int
