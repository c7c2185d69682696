"""Opens a trained candidate as a `Subject`, the Keras baseline by a process in its own environment."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.core.errors import EvaluationError
from bakeoff.core.machine import ComputeParams
from bakeoff.core.modes import parse_mode
from bakeoff.core.paths import project_root
from bakeoff.core.seeding import default_threads
from bakeoff.interpret.keras_subject import open_keras_subject
from bakeoff.interpret.subject import Subject
from bakeoff.records.training import TrainingRecord

if TYPE_CHECKING:
    from bakeoff.predictors.torch_predictor import TorchPredictor


@contextlib.contextmanager
def open_subject(training_dir: Path, compute: ComputeParams, *, batch_px: int) -> Iterator[Subject]:
    """Open the candidate of a training folder for as long as the block runs.

    Raises:
        EvaluationError: the folder holds no training.
    """
    record = TrainingRecord.read(training_dir / "training.json")
    if record.modality != "image":
        what = "is a pair" if record.modality == "pair" else "reads texts, no photos"
        raise EvaluationError(f"{record.candidate} {what}; name a candidate of photos, or explain a text by --text.")
    if record.framework == "tensorflow":
        with open_keras_subject(project_root(), training_dir, compute, batch_px=batch_px) as subject:
            yield subject
        return
    from bakeoff.interpret.torch_subject import TorchSubject
    from bakeoff.predictors.torch_predictor import load_torch_predictor

    def load(fresh_seed: int | None = None) -> "TorchPredictor":
        predictor = load_torch_predictor(training_dir, device=compute.device, fresh_seed=fresh_seed)
        predictor.set_threads(compute.threads or default_threads())
        return predictor

    has_gradients = parse_mode(record.mode).has_gradients
    yield TorchSubject(load(), batch_px=batch_px, has_gradients=has_gradients, fresh=load)
