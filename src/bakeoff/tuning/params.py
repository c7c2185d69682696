"""Section `tune`: whose recipe is searched for, in which space, with how many trials."""

from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from bakeoff.core.section import PositiveInt, Section


class Choices(Section):
    """One of some values, whatever a recipe takes: numbers, names, `{name: …, …}`."""

    choices: list[Any]


class Range(Section):
    """A number between two, both included; whole where both are, by its logarithm where `log`."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError(f"low must be below high (and above 0 with log), got {self.low} and {self.high}")
        return self


class TuneParams(Section):
    """Section `tune`; docs/tuning.md."""

    studies: list[str]
    """Candidates, `<model>-<mode>`, that stage `tune` takes."""
    trials: PositiveInt
    measure: Literal["accuracy", "loss"]
    """On validation, of the epoch that would be kept."""
    pruner: Literal["median", "hyperband", "none"]
    space: dict[str, Choices | Range]
    """By a field of the recipe (`learning_rate`, `optimizer.weight_decay`), of the head (`head.dropout`), or
    `image_size`."""

    @field_validator("space")
    @classmethod
    def _is_something(cls, space: dict[str, Any]) -> dict[str, Any]:
        if not space:
            raise ValueError("needs at least one field to search over")
        return space
