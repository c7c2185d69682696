"""Logged models that read texts; apart from those of photos, whose environments lack what cleans texts."""

from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.core.errors import DataError
from bakeoff.text.clean import join_fields
from bakeoff.text.predictor import TextPredictor
from bakeoff.tracking.photos import ClassifierModel


class TextClassifierModel(ClassifierModel):
    """Reads the columns `title` and `description`, one of which may be missing, or empty."""

    def __init__(self, training_dir: Path, predictor: TextPredictor) -> None:
        super().__init__(training_dir, predictor.labels)
        self._predictor, self.reads = predictor, tuple(predictor.settings.cleaning.join)

    def predict(self, model_input: pd.DataFrame, *, top_k: int = 0) -> pd.DataFrame:
        """Classify the products of a table; a DataError where it has none of the columns that are read."""
        fields = self.reads
        if not {*fields} & {*model_input.columns}:
            raise DataError(f"a table of texts needs a column {' or '.join(fields)}, and this one has neither.")
        return super().predict(model_input, top_k=top_k)

    def _predict(self, products: pd.DataFrame, *, first_row: int) -> np.ndarray:
        return self._predictor.predict(join_fields(products.reindex(columns=list(self.reads)), self.reads))
