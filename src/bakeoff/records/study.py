"""The three lists of params.yaml whose product is the study."""

import re
from typing import Annotated, Any

from pydantic import Field, field_validator

from bakeoff.core.modes import ModeName
from bakeoff.core.section import Section
from bakeoff.records.candidate import BASELINE, Candidate

_SAFE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._]*$")


class StudyLists(Section):
    """Models, modes and seeds; every combination is one training."""

    models: list[str]
    modes: list[ModeName]
    seeds: list[Annotated[int, Field(ge=0)]]

    def candidates(self) -> list[Candidate]:
        """Return every training of the study, the baseline's first."""
        baseline = [Candidate(BASELINE, seed) for seed in self.seeds]
        return baseline + [
            Candidate.of(model, mode, seed) for model in self.models for mode in self.modes for seed in self.seeds
        ]

    @field_validator("models")
    @classmethod
    def _safe_names(cls, models: list[str]) -> list[str]:
        for name in models:
            if not _SAFE_NAME.match(name):
                raise ValueError(
                    f"model name {name!r} must be letters, digits, '.' and '_' (it names folders); "
                    "give an hf:<id> backbone a file in conf/model/"
                )
        if len(set(models)) != len(models):
            raise ValueError(f"models lists a name twice: {models}")
        return models

    @field_validator("seeds", "modes")
    @classmethod
    def _no_repeats(cls, values: list[Any]) -> list[Any]:
        if not values or len(set(values)) != len(values):
            raise ValueError(f"needs at least one value and no repeats, got {values}")
        return values
