"""The script that MLflow stores with the TensorFlow baseline and runs to load it: nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow.models
import mlflow.pyfunc
import pandas as pd


class KerasCandidate(mlflow.pyfunc.PythonModel):
    """The baseline's `training/` folder behind `mlflow.pyfunc`."""

    def load_context(self, context: Any) -> None:
        """Load the model with the predictor that evaluated it."""
        from bakeoff.baseline_tf.predictor import load_keras_predictor
        from bakeoff.tracking.photos import PhotoClassifierModel

        training_dir = Path(context.artifacts["training"])
        self._model = PhotoClassifierModel(training_dir, load_keras_predictor(training_dir))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return label, probability and probabilities of each photo in the column `image`, and `top_k` if asked."""
        return self._model.answer(model_input, params)


mlflow.models.set_model(KerasCandidate())
