"""A data curve's heads learn as the candidate's own did, and the command leaves its file and figure beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from bakeoff.core.errors import EvaluationError
from bakeoff.core.translation import Translator
from bakeoff.data.predictions import read_predictions
from bakeoff.data.table import Catalogue
from bakeoff.learning.recipe import RecipeRecord
from bakeoff.records.data_curve import DataCurveRecord
from training.conftest import make_catalogue, recipe

pytestmark = pytest.mark.torch


def test_all_of_train_in_the_first_repeat_predicts_what_the_training_predicted(
    catalogue: Catalogue, weights_dir: Path, make_request: Callable[..., Any], tmp_path: Path
) -> None:
    from bakeoff.data_curve.command import fit_head
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate

    request = make_request(seed=3)
    train_candidate(plan_training(request, catalogue, weights_dir=weights_dir), tmp_path / "out")
    fit = fit_head(plan_training(request, catalogue, weights_dir=weights_dir))
    rows = catalogue.rows("train")
    few, again, other = fit(rows[:6], 0), fit(rows, 0), fit(rows, 1)
    made = read_predictions(tmp_path / "out" / "predictions.parquet").probabilities
    np.testing.assert_array_equal(again, made)  # whatever was trained before
    assert not np.allclose(few, made)
    assert not np.allclose(other, made)


def test_the_command_writes_beside_a_training_of_the_same_params_alone(
    weights_dir: Path, make_request: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bakeoff.data_curve.command import run_data_curve
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate

    catalogue = make_catalogue(tmp_path / "data", n_per_class=12)
    catalogue.products["group_id"] = np.arange(len(catalogue.products))
    catalogue.products.drop(columns="split").to_parquet(tmp_path / "data" / "catalogue" / "products.parquet")
    (tmp_path / "data" / "splits").mkdir()
    shutil.move(tmp_path / "data" / "splits.parquet", tmp_path / "data" / "splits" / "splits.parquet")
    monkeypatch.setattr("bakeoff.training.plan.relative_to_project", lambda path: f"weights/{path.name}")
    for mode in ("frozen", "finetune"):
        plan = plan_training(make_request(mode=mode), catalogue, weights_dir=weights_dir)
        train_candidate(plan, tmp_path / "runs" / f"tiny-{mode}" / "seed_0" / "training")

    def run(candidate: str, **changes: Any) -> DataCurveRecord:
        sections = {"compute": {"device": "cpu", "threads": 1}, "scan": {"implementation": "auto"}}
        for mode in ("frozen", "finetune"):
            record = RecipeRecord(recipe=recipe(mode, **changes))
            record.write(tmp_path / "data" / "recipes" / f"tiny-{mode}.json")
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(sections))
        return run_data_curve(tmp_path, candidate, shares=[0.5, 1], n_repeats=3, seed=0, t=Translator("en"))

    record = run("tiny-frozen")
    folder = tmp_path / "runs" / "tiny-frozen" / "seed_0" / "data_curve"
    assert DataCurveRecord.read(folder / "data_curve.json") == record
    assert (folder / "data_curve.png").stat().st_size > 5_000
    assert [point.at for point in record.points] == [
        11.0,
        20.0,
    ]  # of 30, 10 held out in turn; 7, 7 and 6 of the classes are left, half of them 4, 4 and 3
    assert (record.n_products, record.n_photos, record.problem) == (30, 30, "few_points")
    with pytest.raises(EvaluationError, match="tiny-finetune looks at photos in each epoch"):
        run("tiny-finetune")
    with pytest.raises(EvaluationError, match="tiny-frozen was trained with other params, products or packages"):
        run("tiny-frozen", batch_size=5)
