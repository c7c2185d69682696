"""Which training answers: no framework needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakeoff.core.errors import EvaluationError
from bakeoff.deploy.prediction.candidates import find_candidate
from bakeoff.deploy.prediction.request import _stamp
from records_made import metrics_record, training_record


def write_seed(project: Path, seed: int, validation: float, test: float) -> None:
    folder = project / "runs" / "tiny-frozen" / f"seed_{seed}"
    training = training_record("tiny-frozen", seed=seed, key=f"k{seed}")
    training.write(folder / "training" / "training.json")
    metrics_record(training, validation=validation, test=test).write(folder / "evaluation" / "metrics.json")


def test_of_several_seeds_the_one_that_is_registered_answers(tmp_path):
    """The best on validation, as `bakeoff.tracking.registry` and `bakeoff serve` take it."""
    write_seed(tmp_path, 0, validation=0.7, test=0.9)
    write_seed(tmp_path, 3, validation=0.8, test=0.6)
    found = find_candidate(tmp_path, "tiny-frozen", seed=None)
    assert (found.seed, found.folder) == (3, tmp_path / "runs" / "tiny-frozen" / "seed_3")
    assert find_candidate(tmp_path, "tiny-frozen", seed=0).training.key == "k0"
    with pytest.raises(EvaluationError, match=r"no training of candidate 'swin_t-frozen' in .*tiny-frozen \(seed 0\)"):
        find_candidate(tmp_path, "swin_t-frozen", seed=None)
    with pytest.raises(EvaluationError, match="no training of candidate 'tiny-frozen' with seed 7 in"):
        find_candidate(tmp_path, "tiny-frozen", seed=7)


def test_a_training_that_was_not_evaluated_can_be_exported_and_an_empty_study_says_so(tmp_path):
    with pytest.raises(EvaluationError, match=r"no training of candidate 'x-frozen' in .* none, run `bakeoff run`"):
        find_candidate(tmp_path, "x-frozen", seed=None)
    write_seed(tmp_path, 4, validation=0.7, test=0.9)
    (tmp_path / "runs" / "tiny-frozen" / "seed_4" / "evaluation" / "metrics.json").unlink()
    assert find_candidate(tmp_path, "tiny-frozen", seed=None).seed == 4


def test_an_empty_path_is_not_the_working_folder():
    assert _stamp("") == ["", None]
