"""The lists of params.yaml whose products are the study."""

import re
from dataclasses import replace
from itertools import product
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from bakeoff.core.modes import ModeName
from bakeoff.core.section import Section
from bakeoff.records.candidate import BASELINE, Candidate, Variant

_SAFE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._]*$")


def _safe_names(models: list[str]) -> list[str]:
    for name in models:
        if not _SAFE_NAME.match(name):
            raise ValueError(
                f"model name {name!r} must be letters, digits, '.' and '_' (it names folders); "
                "give an hf:<id> backbone a file in conf/model/"
            )
    if BASELINE in models:
        raise ValueError(f"{BASELINE} is the baseline's own name; call the model something else")
    return each_once(models)


def each_once(values: list[str]) -> list[str]:
    """Return a list as it is; a ValueError where something stands in it twice."""
    if len(set(values)) != len(values):
        raise ValueError(f"lists a name twice: {values}")
    return values


def _no_repeats(values: list[Any]) -> list[Any]:
    if not values or len(set(values)) != len(values):
        raise ValueError(f"needs at least one value and no repeats, got {values}")
    return values


_Names = Annotated[list[str], AfterValidator(_safe_names)]
_EachOnce = Annotated[list[str], AfterValidator(each_once)]
_OnceEach = AfterValidator(_no_repeats)


class ImageLists(Section):
    """Models and modes; every combination with a seed is one training."""

    models: _Names
    modes: Annotated[list[ModeName], _OnceEach]
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], _OnceEach]


class TextModels(Section):
    """The text models alone."""

    text_models: _Names = Field(default=[])


class TextLists(TextModels):
    """Text models and the variants of the texts that they learn from, likewise."""

    text_variants: Annotated[list[Variant], _OnceEach] = Field(default=["original"])


class PairLists(Section, extra="ignore"):
    """Every first candidate with every second one by every method; the rest of section `fuse` is no list."""

    first: _EachOnce
    second: _EachOnce
    methods: _EachOnce


class StudyLists(ImageLists, TextLists):
    """All trainings of a study."""

    fuse: PairLists = Field(default=PairLists(first=[], second=[], methods=[]))

    def candidates(self) -> list[Candidate]:
        """Return every training of the study, the baseline's first and pairs last."""
        pairs = [
            Candidate.of(f"{one}+{other}", method)
            for one, other, method in product(self.fuse.first, self.fuse.second, self.fuse.methods)
        ]
        return [replace(one, seed=seed) for one in [*self._alone(), *pairs] for seed in self.seeds]

    def _alone(self) -> list[Candidate]:
        named = [*product(self.models, self.modes), *product(self.text_models, self.text_variants)]
        return [Candidate(BASELINE), *(Candidate.of(model, mode) for model, mode in named)]

    @model_validator(mode="after")
    def _sides_are_of_the_study(self) -> Self:
        known = [one.name for one in self._alone()]
        for name in (*self.fuse.first, *self.fuse.second):
            if name not in known:
                raise ValueError(f"fuse: {name!r} is no candidate of the study; it has {', '.join(known)}")
        if both := sorted({*self.fuse.first} & {*self.fuse.second}):
            raise ValueError(f"fuse: first and second both name {', '.join(both)}")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if both := sorted({*self.models} & {*self.text_models}):
            raise ValueError(f"models and text_models both name {', '.join(both)}")
        return self
