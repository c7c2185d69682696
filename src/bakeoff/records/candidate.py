"""A candidate's name, and where its trainings lie; nothing else reads or writes such names."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self, get_args

BASELINE = "baseline_tf"
Variant = Literal["original", "translated"]
"""Of the texts that a text model learns from; the second part of its candidates' names, as modes are of the others'."""
Modality = Literal["image", "text", "pair"]
_SEED = "seed_"


@dataclass(frozen=True)
class Candidate:
    """One training of a study, with its seed.

    `<model>-<mode>`, `<text model>-<variant>`, `<candidate>+<candidate>-<method>` or `baseline_tf`; the last hyphen
    separates.
    """

    name: str
    seed: int = 0

    @classmethod
    def of(cls, model: str, mode: str, seed: int = 0) -> Self:
        """Return the candidate of a model in a mode."""
        return cls(f"{model}-{mode}", seed)

    @classmethod
    def at(cls, folder: Path) -> Self:
        """Return the candidate whose training lies in runs/<name>/seed_<seed>."""
        return cls(folder.parent.name, int(folder.name.removeprefix(_SEED)))

    @property
    def is_baseline(self) -> bool:
        """Whether it is the TensorFlow baseline, which every study has."""
        return self.name == BASELINE

    @property
    def model(self) -> str:
        """The model, which is also the network that its speed belongs to."""
        return self.name if self.is_baseline else self.name.rpartition("-")[0]

    @property
    def mode(self) -> str | None:
        """`frozen`, `finetune`, a text candidate's variant; None for the baseline, whose training.json names it."""
        return None if self.is_baseline else self.name.rpartition("-")[2]

    @property
    def sides(self) -> tuple[Self, ...]:
        """The two candidates, of the same seed, that a pair's answers are made of; none of any other."""
        return tuple(replace(self, name=side) for side in self.model.split("+")) if "+" in self.model else ()

    @property
    def modality(self) -> Modality:
        """What it reads of a product; a pair reads the answers of two others."""
        if self.sides:
            return "pair"
        return "text" if self.mode in get_args(Variant) else "image"

    @property
    def environment(self) -> Literal["torch", "tf"]:
        """The environment it runs in."""
        return "tf" if self.is_baseline else "torch"

    @property
    def in_one_environment(self) -> bool:
        """Whether one environment holds all of it: not of a pair with the TensorFlow baseline."""
        return not any(side.is_baseline for side in self.sides)

    @property
    def title(self) -> str:
        """The name and the seed, for messages."""
        return f"{self.name} (seed {self.seed})"

    def folder(self, runs_dir: Path) -> Path:
        """Return runs/<name>/seed_<seed>, which holds training/, evaluation/ and interpretation/."""
        return runs_dir / self.name / f"{_SEED}{self.seed}"

    def seeds(self, runs_dir: Path, file: str = "training/training.json") -> list[Self]:
        """Return this candidate's seeds that have left `file`, ascending."""
        found = (self.at(path) for path in runs_dir.glob(f"{self.name}/{_SEED}*") if (path / file).is_file())
        return sorted(found, key=lambda one: one.seed)


def all_trained(runs_dir: Path, file: str = "training/training.json") -> Iterator[Candidate]:
    """Yield every candidate and seed that has left `file`, by name and seed."""
    found = [Candidate.at(path) for path in runs_dir.glob(f"*/{_SEED}*") if (path / file).is_file()]
    yield from sorted(found, key=lambda one: (one.name, one.seed))


def prune_runs(runs_dir: Path, candidates: Iterable[Candidate]) -> list[str]:
    """Remove the folders of `runs_dir` of none of `candidates`, which DVC's cache keeps, and return their names."""
    kept = {candidate.folder(runs_dir) for candidate in candidates}
    names = {folder.parent for folder in kept}
    removed = []
    for folder in sorted(path for path in runs_dir.glob("*") if path.is_dir() and not path.is_symlink()):
        lost = [folder] if folder not in names else sorted(set(folder.glob(f"{_SEED}*")) - kept)
        for path in lost:
            shutil.rmtree(path)
            removed.append(path.relative_to(runs_dir).as_posix())
    return removed
