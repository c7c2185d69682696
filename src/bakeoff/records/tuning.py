"""What a search for a recipe found: tuning/<candidate>/tuning.json."""

from typing import Any, ClassVar, Literal

from bakeoff.core.section import Section
from bakeoff.records.base import Record

FILE, TRIALS, TUNED = "tuning.json", "trials.csv", "tuned.yaml"


class Trial(Section):
    """One recipe that was tried."""

    number: int
    values: dict[str, Any]  # by path: `optimizer.weight_decay`
    state: Literal["complete", "pruned", "failed"]
    value: float | None  # the measure; of a pruned trial the last that was seen
    n_epochs: int
    seconds: float


class TuningRecord(Record):
    """tuning.json."""

    STAGE: ClassVar[str] = "tune"

    candidate: str
    measure: str
    n_validation: int
    present: float | None  # what the present recipe gives; None where it is not in the space
    best: float
    values: dict[str, Any]  # of the best trial
    importances: dict[str, float]  # share of variance by field (fANOVA); empty below ten complete trials
    trials: list[Trial]
