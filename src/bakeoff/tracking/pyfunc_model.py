"""The script that MLflow stores with a candidate and runs to load it: nothing is unpickled."""

import sys
from pathlib import Path
from typing import Any

import mlflow.models
import mlflow.pyfunc
import pandas as pd


class Candidate(mlflow.pyfunc.PythonModel):
    """A candidate's `training/` folder, and `weights/` for a frozen one, behind `mlflow.pyfunc`."""

    def load_context(self, context: Any) -> None:
        """Load the model with the predictor that evaluated it."""
        from bakeoff.predictors.protocol import load_predictor
        from bakeoff.records.training import TrainingRecord
        from bakeoff.tracking.photos import PhotoClassifierModel

        training_dir, weights = Path(context.artifacts["training"]), context.artifacts.get("weights")
        weights_root = Path(weights) if weights else None
        if TrainingRecord.read(training_dir / "training.json").modality == "text":
            from bakeoff.text.predictor import load_text_predictor
            from bakeoff.tracking.texts import TextClassifierModel

            self._model = TextClassifierModel(
                training_dir, load_text_predictor(training_dir, weights_root=weights_root)
            )
            return
        predictor = load_predictor(training_dir, weights_root=weights_root)
        print(f"This model runs {predictor.speed_up()}.", file=sys.stderr)
        self._model = PhotoClassifierModel(training_dir, predictor)

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return label, probability and probabilities of each photo or text, and `top_k` if asked."""
        return self._model.answer(model_input, params)


mlflow.models.set_model(Candidate())
