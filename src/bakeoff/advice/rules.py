"""Reads rules.yaml, two decision trees as data, and walks them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any, NamedTuple

import yaml
from pydantic import Field

from bakeoff.core.section import Section, read_yaml, validate_section

FILE = Path(__file__).with_name("rules.yaml")


class Leaf(Section):
    """Where a path ends: backbones to try, or modes with their learning rates, a batch size and choices for `-S`."""

    end: str
    models: list[str] = Field(default_factory=list)
    modes: dict[str, float] = Field(default_factory=dict)
    batch_size: int = 0
    overrides: list[str] = Field(default_factory=list)


class Question(Section):
    """Is the fact below a number, or below another fact?"""

    title: str = ""
    ask: str
    fact: str
    below: float | str
    why: str
    source: str = ""
    then: Question | Leaf
    otherwise: Question | Leaf


class Rules(Section):
    """The whole of rules.yaml."""

    finetune_epochs: int
    measured_cores: int
    measured_images_per_s: dict[str, float]
    family: Question
    machine: Question


class Step(NamedTuple):
    """One question on a path, with what was compared, and the answer."""

    question: Question
    value: float
    threshold: float
    answer: bool


@cache
def rules() -> Rules:
    """Return rules.yaml."""
    return validate_section(Rules, read_yaml(FILE), where=str(FILE))


def walk(tree: Question | Leaf, facts: Mapping[str, float]) -> tuple[list[Step], Leaf]:
    """Return the questions on the way, with their answers, and where the way ends; `facts` holds all it asks for."""
    steps = []
    while isinstance(tree, Question):
        threshold = facts[tree.below] if isinstance(tree.below, str) else tree.below
        step = Step(tree, facts[tree.fact], threshold, facts[tree.fact] < threshold)
        steps.append(step)
        tree = tree.then if step.answer else tree.otherwise
    return steps, tree


def messages(file: IO[bytes], *_: Any, **__: Any) -> Iterator[tuple[int, None, str, list[str]]]:
    """Yield what is translated of the rules, in the form that Babel's extraction asks for."""
    for number, line in enumerate(file, start=1):
        if re.match(rb"\s*(title|ask|why|end):", line):  # each on one line
            (text,) = yaml.safe_load(line).values()
            yield number, None, text, []
