"""Opens a trained candidate as a predictor; the framework is imported only here, and only the one that is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bakeoff.records.training import TrainingRecord

if TYPE_CHECKING:
    from bakeoff.baseline_tf.predictor import KerasPredictor
    from bakeoff.predictors.torch_predictor import TorchPredictor


def load_predictor(
    training_dir: Path, *, device: str = "auto", weights_root: Path | None = None
) -> TorchPredictor | KerasPredictor:
    """Return the predictor of a training folder, in whose framework's environment this must run.

    Args:
        training_dir: runs/<candidate>/seed_<s>/training.
        device: auto, cpu, cuda or mps.
        weights_root: folder with weights/<model>, for a frozen PyTorch candidate that lies outside its project.

    Raises:
        EvaluationError: the folder holds no training.
    """
    if TrainingRecord.read(training_dir / "training.json").framework == "tensorflow":
        from bakeoff.baseline_tf.predictor import load_keras_predictor

        return load_keras_predictor(training_dir, device=device)
    from bakeoff.predictors.torch_predictor import load_torch_predictor

    return load_torch_predictor(training_dir, weights_root=weights_root, device=device)
