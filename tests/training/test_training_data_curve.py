"""The last point of a data curve is the candidate's own training, where nothing is held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.core.errors import EvaluationError
from bakeoff.core.translation import Translator
from bakeoff.data.predictions import read_predictions
from bakeoff.data.table import Catalogue
from bakeoff.records.data_curve import DataCurveRecord
from bakeoff.records.training import TrainingRecord

pytestmark = pytest.mark.torch


def test_all_of_train_in_the_first_repeat_predicts_what_the_training_predicted(
    catalogue: Catalogue, weights_dir: Path, make_request: Callable[..., Any], tmp_path: Path
) -> None:
    from bakeoff.data_curve.command import fit_head
    from bakeoff.training.run import plan_training, train_candidate

    request = make_request(seed=3)
    train_candidate(plan_training(request, catalogue, weights_dir=weights_dir), tmp_path / "out")
    fit = fit_head(plan_training(request, catalogue, weights_dir=weights_dir))
    rows = catalogue.rows("train")
    few, again, other = fit(rows[:6], 0), fit(rows, 0), fit(rows, 1)
    made = read_predictions(tmp_path / "out" / "predictions.parquet").probabilities
    np.testing.assert_array_equal(again, made)  # whatever was trained before
    assert not np.allclose(few, made)
    assert not np.allclose(other, made)
