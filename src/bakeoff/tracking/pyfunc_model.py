"""The script that MLflow stores with a candidate and runs to load it: nothing is unpickled."""

import sys
from pathlib import Path
from typing import Any

import mlflow.models
import mlflow.pyfunc
import pandas as pd


class Candidate(mlflow.pyfunc.PythonModel):
    """A candidate's `training/`, `weights/` for a frozen one, and `sides/` for a pair, behind `mlflow.pyfunc`."""

    def load_context(self, context: Any) -> None:
        """Load the model with the predictor that evaluated it."""
        from bakeoff.records.training import TrainingRecord

        training_dir, weights = Path(context.artifacts["training"]), context.artifacts.get("weights")
        weights_root = Path(weights) if weights else None
        if TrainingRecord.read(training_dir / "training.json").modality != "image":
            from bakeoff.tracking.pairs import open_model  # whose packages .venv-tf lacks

            sides = context.artifacts.get("sides")
            self._model = open_model(training_dir, weights_root=weights_root, sides_dir=Path(sides) if sides else None)
            return
        from bakeoff.predictors.protocol import load_predictor
        from bakeoff.tracking.photos import PhotoClassifierModel

        predictor = load_predictor(training_dir, weights_root=weights_root)
        print(f"This model runs {predictor.speed_up()}.", file=sys.stderr)
        self._model = PhotoClassifierModel(training_dir, predictor)

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return label, probability and probabilities of each product, and `top_k` if asked."""
        return self._model.answer(model_input, params)


mlflow.models.set_model(Candidate())
