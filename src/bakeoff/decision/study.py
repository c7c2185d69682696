"""Which candidates a study has: models x modes x seeds and the baseline, by name and never by globbing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.core.errors import ParamsError
from bakeoff.core.section import MODE_NAMES
from bakeoff.records.pruning import BASELINE


@dataclass(frozen=True)
class Slot:
    """One training that the study asks for; `mode` is None for the baseline, whose record names it."""

    candidate: str
    model: str
    mode: str | None
    seed: int

    def folder(self, runs_dir: Path) -> Path:
        """Return runs/<candidate>/seed_<seed>, which holds training/, evaluation/ and interpretation/."""
        return runs_dir / self.candidate / f"seed_{self.seed}"

    @property
    def name(self) -> str:
        """The candidate and its seed, for messages."""
        return f"{self.candidate} (seed {self.seed})"


@dataclass(frozen=True)
class Study:
    """The three lists of params.yaml whose product is the study."""

    models: tuple[str, ...]
    modes: tuple[str, ...]
    seeds: tuple[int, ...]
    unfinished: frozenset[str] = frozenset()
    """Candidates one of whose stages failed in this run: what runs/ still holds of them is older and does not count."""
    choices: tuple[str, ...] | None = ()
    """What `-S` takes to compose its params.yaml from conf/; None where no choices do."""

    @classmethod
    def from_params(cls, values: Mapping[str, Any], *, where: str) -> Study:
        """Return the study that params.yaml names.

        Args:
            values: params.yaml as plain values.
            where: its path, for errors.

        Raises:
            ParamsError: one of the three is missing, no list, or holds a value of the wrong kind.
        """
        models = _list_of(values, "models", str, where)
        modes = _list_of(values, "modes", str, where)
        seeds = _list_of(values, "seeds", int, where)
        unknown = [mode for mode in modes if mode not in MODE_NAMES]
        if unknown:
            raise ParamsError(f"{where}: unknown mode {unknown[0]!r} in modes; legal: {', '.join(MODE_NAMES)}.")
        if not seeds:
            raise ParamsError(f"{where}: seeds needs at least one value, e.g. `seeds: [0]`.")
        return cls(tuple(models), tuple(modes), tuple(seeds))

    def slots(self) -> list[Slot]:
        """Return every training of the study, the baseline's first."""
        baseline = [Slot(BASELINE, BASELINE, None, seed) for seed in self.seeds]
        candidates = [
            Slot(f"{model}-{mode}", model, mode, seed)
            for model in self.models
            for mode in self.modes
            for seed in self.seeds
        ]
        return baseline + candidates


def _list_of(values: Mapping[str, Any], key: str, kind: type, where: str) -> list[Any]:
    given = values.get(key)
    if not isinstance(given, list) or not all(isinstance(value, kind) for value in given):
        raise ParamsError(f"{where}: {key} must be a list of {kind.__name__}, got {given!r}; run `bakeoff params`.")
    return given
