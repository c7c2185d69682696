"""cost.json's `train_time_s`: the epochs, and the features of the photos that the training needs; nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bakeoff.data.table import Catalogue
from bakeoff.records.training import CostRecord

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_rendering")]


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_it_is_the_epochs_and_the_needed_features(
    mode: str, catalogue: Catalogue, weights_dir: Path, make_request: Callable[..., Any], tmp_path: Path
) -> None:
    from bakeoff.training.features import cached_features
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate

    plan = plan_training(make_request(mode=mode), catalogue, weights_dir=weights_dir)
    train_candidate(plan, tmp_path / "out")
    cost = CostRecord.read(tmp_path / "out" / "cost.json")
    epochs_s = pd.read_csv(tmp_path / "out" / "history.csv")["seconds"].sum()
    assert cost.train_time_s == pytest.approx(epochs_s + cost.feature_time_s)
    if mode == "finetune":
        assert cost.feature_time_s == 0
        return
    whole = cached_features(plan.model, catalogue, plan.header).extraction_s
    assert cost.feature_time_s == pytest.approx(whole * 21 / 24)  # 3 of 24 photos are for testing
