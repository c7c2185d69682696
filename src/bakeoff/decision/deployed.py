"""Which of a candidate's trainings is the one to deploy: the seed with the best validation accuracy."""

from collections.abc import Mapping
from pathlib import Path

from bakeoff.core.errors import EvaluationError
from bakeoff.records.candidate import Candidate, all_trained
from bakeoff.records.evaluation import METRICS, MetricsRecord

_EVALUATED = f"evaluation/{METRICS}"


def deployed_seed(accuracies: Mapping[int, float | None]) -> int:
    """Return the seed whose validation accuracy, in [0, 1], is highest, the smallest of equals; None is the worst.

    The test split has no say in it: choosing a seed by its test accuracy would make that accuracy too good.

    Raises:
        EvaluationError: there is no seed.
    """
    if not accuracies:
        raise EvaluationError("a seed to deploy needs at least one finished training, got none; run `dvc repro`.")
    known = {seed: -1.0 if accuracy is None else accuracy for seed, accuracy in accuracies.items()}
    return min(known, key=lambda seed: (-known[seed], seed))


def deployed_folder(runs_dir: Path, candidate: str) -> Path:
    """Return runs/<candidate>/seed_<s> of the seed to deploy.

    Raises:
        EvaluationError: no training of this candidate was evaluated; the message lists those that were.
    """
    found = {
        one.seed: MetricsRecord.read(one.folder(runs_dir) / _EVALUATED).accuracy("validation")
        for one in Candidate(candidate).seeds(runs_dir, _EVALUATED)
    }
    if not found:
        known = sorted({one.name for one in all_trained(runs_dir, _EVALUATED)})
        raise EvaluationError(
            f"{candidate} has no evaluated training under {runs_dir}; there are: {', '.join(known) or 'none'}. "
            "Run `dvc repro` or `dvc pull` for more."
        )
    return Candidate(candidate, deployed_seed(found)).folder(runs_dir)


def seed_or_deployed(runs_dir: Path, candidate: str, seed: int | None) -> int:
    """Return the seed that was asked for, or else the one to deploy; the smallest where none was evaluated."""
    if seed is None and Candidate(candidate).seeds(runs_dir, _EVALUATED):
        return Candidate.at(deployed_folder(runs_dir, candidate)).seed
    return next((one.seed for one in Candidate(candidate).seeds(runs_dir)), 0) if seed is None else seed
