"""Which trained candidate answers: the one that is named, or the one that the study chose."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bakeoff.core.errors import EvaluationError
from bakeoff.decision.deployed import deployed_folder
from bakeoff.records.files import read_training

ENVIRONMENTS = {"pytorch": "torch", "tensorflow": "tf"}
"""The environment that each framework's trainings need."""


@dataclass(frozen=True)
class TrainedCandidate:
    """One training of a candidate and the evaluation that belongs to it."""

    name: str
    seed: int
    folder: Path
    """runs/<candidate>/seed_<s>."""
    training: dict[str, Any]
    """training.json."""

    @property
    def labels(self) -> list[str]:
        """The K class names, in the order of the probabilities' columns."""
        return list(self.training["labels"])

    @property
    def environment(self) -> str:
        """`torch` or `tf`."""
        framework = self.training.get("framework")
        if framework not in ENVIRONMENTS:
            raise EvaluationError(
                f"{self.folder / 'training' / 'training.json'}: framework must be one of {', '.join(ENVIRONMENTS)}, "
                f"got {framework!r}; train {self.name} again with `dvc repro`."
            )
        return ENVIRONMENTS[framework]

    def evaluation(self, name: str) -> dict[str, Any]:
        """Return a JSON record of this training's evaluation folder.

        Raises:
            EvaluationError: it is missing, or belongs to an earlier training.
        """
        folder = self.folder / "evaluation"
        for needed in dict.fromkeys(("metrics.json", name)):
            if not (folder / needed).is_file():
                raise EvaluationError(
                    f"{folder / needed} is missing; run `bakeoff run` (or `dvc repro`) to evaluate {self.name}."
                )
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        if metrics.get("training_key") != self.training["key"]:
            raise EvaluationError(
                f"{folder} belongs to an earlier training of {self.name} (key {metrics.get('training_key')}, the "
                f"training's is {self.training['key']}); run `bakeoff run` (or `dvc repro`) to evaluate it again."
            )
        return metrics if name == "metrics.json" else json.loads((folder / name).read_text(encoding="utf-8"))

    @property
    def temperature(self) -> float:
        """The temperature that calibrates its probabilities, fitted on the validation products."""
        return float(self.evaluation("calibration.json")["temperature"])


def find_candidate(project: Path, name: str | None, *, seed: int | None) -> TrainedCandidate:
    """Return a trained candidate of the study.

    Args:
        project: the folder with runs/ and reports/.
        name: `<model>-<mode>` or `baseline_tf`; None = the one that reports/choice.json names best.
        seed: which of its trainings; None = the one to deploy, which the registry calls champion.

    Raises:
        EvaluationError: none was chosen, or there is no such training; the message lists those that there are.
    """
    chosen = name or chosen_candidate(project)
    runs_dir = project / "runs"
    is_trained = any(runs_dir.glob(f"{chosen}/seed_*/training/training.json"))
    if seed is None and is_trained:
        seed = int(deployed_folder(runs_dir, chosen).name.removeprefix("seed_"))
    folder = runs_dir / chosen / f"seed_{seed}"
    if not (folder / "training" / "training.json").is_file():
        trained = sorted(runs_dir.glob("*/seed_*/training/training.json"))
        which = f"candidate {chosen!r}" + ("" if seed is None else f" with seed {seed}")
        found = [f"{path.parents[2].name} (seed {path.parents[1].name.removeprefix('seed_')})" for path in trained]
        raise EvaluationError(
            f"no training of {which} in {runs_dir}; trained here: {', '.join(found) or 'none, run `bakeoff run`'}."
        )
    training = read_training(folder / "training")
    return TrainedCandidate(chosen, int(training["seed"]), folder, training)


def chosen_candidate(project: Path) -> str:
    """Return the candidate that the study recommends.

    Raises:
        EvaluationError: the study has not been compared yet, or it recommends none.
    """
    path = project / "reports" / "choice.json"
    if not path.is_file():
        raise EvaluationError(
            f"{path} is missing, so no candidate has been chosen yet; run `bakeoff run`, or name one with --candidate."
        )
    best = json.loads(path.read_text(encoding="utf-8")).get("best")
    if not best:
        raise EvaluationError(
            f"the study chose no candidate (`best` in {path} is empty: none keeps the limits of `compare`); "
            "name one with --candidate, or change the limits in conf/config.yaml."
        )
    return str(best["candidate"])
