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
        super().__init__(training_dir, predictor.labels, predictor.settings.cleaning.join)
        self.predictor = predictor

    def _predict(self, products: pd.DataFrame, *, first_row: int) -> np.ndarray:
        return self.predictor.predict(self.read(products, first_row=first_row))

    def read(self, products: pd.DataFrame, *, first_row: int) -> list[str]:
        """Return the products' texts; a DataError names rows from `first_row`."""
        table = products.reindex(columns=list(self.reads))
        for field, values in table.items():
            for row, value in enumerate(values, start=first_row):
                if not pd.api.types.is_scalar(value):
                    raise DataError(f"row {row}: the column `{field}` needs a text, got {str(value)[:40]!r}.")
        return join_fields(table, self.reads)
