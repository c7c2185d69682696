"""Opens a trained candidate as a predictor; the framework is imported only here, and only the one that is needed."""

from pathlib import Path

from bakeoff.predictors.protocol import Predictor
from bakeoff.records.training import TrainingRecord


def load_predictor(training_dir: Path, *, device: str = "auto", weights_root: Path | None = None) -> Predictor:
    """Return the predictor of a training folder, in whose framework's environment this must run.

    `weights_root` has weights/<model>, for a frozen PyTorch candidate that lies outside its project. An EvaluationError
    where the folder holds no training.
    """
    if TrainingRecord.read(training_dir / "training.json").framework == "tensorflow":
        from bakeoff.predictors.keras_predictor import load_keras_predictor

        return load_keras_predictor(training_dir, device=device)
    from bakeoff.predictors.torch_predictor import load_torch_predictor

    return load_torch_predictor(training_dir, weights_root=weights_root, device=device)
