"""Which trained candidate answers: the one that is named, or the one that the study chose."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bakeoff.core.errors import EvaluationError
from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.decision.deployed import seed_or_deployed
from bakeoff.records.candidate import Candidate, all_trained
from bakeoff.records.evaluation import CALIBRATION, METRICS, CalibrationRecord, MetricsRecord
from bakeoff.records.training import TrainingRecord


@dataclass(frozen=True)
class TrainedCandidate:
    """One training of a candidate and the evaluation that belongs to it."""

    name: str
    seed: int
    folder: Path  # runs/<candidate>/seed_<s>
    training: TrainingRecord

    @cached_property
    def calibration(self) -> CalibrationRecord:
        """Its evaluation's calibration; an EvaluationError where it is missing, or belongs to an earlier training."""
        folder = self.folder / "evaluation"
        metrics = MetricsRecord.read(folder / METRICS)
        if metrics.training_key != self.training.key:
            raise EvaluationError(
                f"{folder} belongs to an earlier training of {self.name} (key {metrics.training_key}, the training's "
                f"is {self.training.key}); run `bakeoff run` (or `dvc repro`) to evaluate it again."
            )
        found = CalibrationRecord.read(folder / CALIBRATION)
        if found.key != metrics.key:
            raise EvaluationError(f"{folder} holds records of two evaluations; run `bakeoff run`.")
        return found


def find_candidate(project: Path, name: str | None, *, seed: int | None) -> TrainedCandidate:
    """Return a trained candidate, `<model>-<mode>` or `baseline_tf`, by default the one that the study chose.

    Of its seeds the default is the one to deploy, which the registry calls champion. An EvaluationError where none was
    chosen, or, with those that there are, for a training that is not there.
    """
    chosen = name or _chosen_candidate(project)
    runs_dir = project / "runs"
    folder = Candidate(chosen, seed_or_deployed(runs_dir, chosen, seed)).folder(runs_dir)
    if not (folder / "training" / "training.json").is_file():
        which = f"candidate {chosen!r}" + ("" if seed is None else f" with seed {seed}")
        found = [one.title for one in all_trained(runs_dir)]
        raise EvaluationError(
            f"no training of {which} in {runs_dir}; trained here: {', '.join(found) or 'none, run `bakeoff run`'}."
        )
    training = TrainingRecord.read(folder / "training" / "training.json")
    return TrainedCandidate(chosen, training.seed, folder, training)


def _chosen_candidate(project: Path) -> str:
    """Return the candidate that the study recommends."""
    path = project / "reports" / "choice.json"
    if not path.is_file():
        raise EvaluationError(
            f"{path} is missing, so no candidate has been chosen yet; run `bakeoff run`, or name one with --candidate."
        )
    best = ChoiceRecord.read(path).best
    if not best:
        raise EvaluationError(
            f"the study chose no candidate (`best` in {path} is empty: none keeps the limits of `compare`); "
            "name one with --candidate, or change the limits in conf/config.yaml."
        )
    return str(best["candidate"])
