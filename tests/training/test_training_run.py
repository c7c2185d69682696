"""Whole trainings on tiny networks: what changes, what must not, interruption, records."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bakeoff.core.errors import EvaluationError, TrainingError, WeightsError
from bakeoff.core.failures import read_failures
from bakeoff.data.predictions import read_predictions
from bakeoff.data.table import Catalogue
from bakeoff.records.training import CostRecord, TrainingRecord

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

Request = Callable[..., Any]
BATCH_NORM_HEAD = {"hidden": [8], "batch_norm": True, "dropout": 0.3}


class _InterruptionError(Exception):
    pass


def _train(request: Any, catalogue: Catalogue, weights_dir: Path, out: Path, **options: Any) -> TrainingRecord:
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate

    return train_candidate(plan_training(request, catalogue, weights_dir=weights_dir), out, **options)


def _interrupt_after(epoch: int) -> Callable[[dict[str, Any]], None]:
    def on_epoch(row: dict[str, Any]) -> None:
        if row["epoch"] == epoch:
            raise _InterruptionError

    return on_epoch


def _tensors(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def _backbone_state(plan: Any) -> dict[str, Any]:
    return {name: tensor.clone() for name, tensor in plan.model.classifier.backbone.state_dict().items()}


@pytest.mark.survives
def test_a_figure_that_fails_costs_no_training(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path, broken_figures: None
) -> None:
    out = tmp_path / "out"
    record = _train(make_request(mode="frozen"), catalogue, weights_dir, out)
    assert TrainingRecord.read(out / "training.json") == record
    assert [failure.what for failure in read_failures(out)] == ["figures/history.png", "figures/preview.png"]
    assert (out / "model.safetensors").is_file()


@pytest.mark.parametrize("mode", ["frozen", pytest.param("finetune", marks=pytest.mark.slow)])
def test_colours_are_learnt_and_the_folder_is_complete(
    mode: str, catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = []
    schedule = {"epochs": 6, "learning_rate": 0.005, "max_steps": None}
    request = make_request(mode=mode, **schedule)
    record = _train(request, catalogue, weights_dir, tmp_path / "out", on_epoch=rows.append)
    assert record.learned
    assert record.best_validation_accuracy >= 2 / 3
    assert record.steps_run == 18  # 18 photos in batches of 6, 6 epochs
    assert TrainingRecord.read(tmp_path / "out" / "training.json") == record
    cost = CostRecord.read(tmp_path / "out" / "cost.json")
    assert cost.key == record.key
    assert cost.started_at <= cost.ended_at
    assert cost.predict_time_s > 0 < cost.train_memory_mib <= cost.train_resident_mib
    read_predictions(tmp_path / "out" / "predictions.parquet", catalogue=catalogue)
    history = pd.read_csv(tmp_path / "out" / "history.csv")
    assert history["epoch"].tolist() == [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert history["step"].tolist() == [3, 6, 9, 12, 15, 18]
    assert history["validation_accuracy"].max() == record.best_validation_accuracy
    for name in ("preview.png", "history.png"):
        assert (tmp_path / "out" / "figures" / name).stat().st_size > 5000
    names = set(_tensors(tmp_path / "out"))
    assert (names == {"head.1.weight", "head.1.bias"}) == (mode == "frozen")
    assert record.n_features == _tensors(tmp_path / "out")["head.1.weight"].shape[1]
    assert record.n_trainable < record.n_parameters if mode == "frozen" else record.n_trainable > 1000
    assert not list((tmp_path / "root" / ".bakeoff" / "checkpoints").glob("*/state.pt"))


@pytest.mark.usefixtures("no_rendering")
@pytest.mark.parametrize("augment", ["none", "flip"])
def test_frozen_changes_no_backbone_parameter_and_no_batch_norm_statistic(
    augment: str, catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path
) -> None:
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate

    plan = plan_training(make_request(augment=augment), catalogue, weights_dir=weights_dir)
    before = _backbone_state(plan)
    assert any("running_mean" in name for name in before)
    train_candidate(plan, tmp_path / "out")
    after = plan.model.classifier.backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.usefixtures("no_rendering")
def test_finetune_changes_every_parameter_and_every_statistic(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path
) -> None:
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate

    plan = plan_training(make_request(mode="finetune"), catalogue, weights_dir=weights_dir)
    before = {name: tensor.clone() for name, tensor in plan.model.classifier.state_dict().items()}
    train_candidate(plan, tmp_path / "out")
    after = plan.model.classifier.state_dict()
    assert [name for name in before if torch.equal(before[name], after[name])] == []


@pytest.mark.usefixtures("no_rendering")
@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        {"mode": "frozen"},
        {"mode": "frozen", "augment": "flip"},
        {"mode": "finetune", "augment": "flip", "epochs": 4, "max_steps": 10, "accumulate": 2},
        {"mode": "finetune", "name": "test_vit.r160_in1k", "epochs": 4, "ema": 0.9, "scheduler": "cosine"},
        {"mode": "gradual", "epochs": 4, "layer_decay": 0.5, "clip_norm": 1.0, "start": "head"},
    ],
)
@pytest.mark.parametrize("n_saves", [1, 6, 8, None])
def test_an_interrupted_training_ends_bit_identical(
    case: dict[str, Any],
    n_saves: int | None,
    catalogue: Catalogue,
    weights_dir: Path,
    make_request: Request,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the middle of an epoch, at its end and after the last step (None); each step is saved, the last save kills."""
    from bakeoff.records.recipe import HeadParams
    from bakeoff.training.checkpoint import CheckpointFolder

    saved: list[int] = []

    def save(self: Any, state: dict[str, Any]) -> None:
        write(self, state)
        saved.append(len(state["history"]["step_losses"]))
        if len(saved) == n_saves or (n_saves is None and saved[-1] == whole.steps_run):
            raise _InterruptionError

    if case.get("start") != "head":
        case = case | {"head": HeadParams.model_validate(BATCH_NORM_HEAD)}
    request = make_request(**case)
    whole = _train(request, catalogue, weights_dir, tmp_path / "whole")
    write = CheckpointFolder.save
    with monkeypatch.context() as patch:
        patch.setattr(CheckpointFolder, "is_due", lambda self: True)
        patch.setattr(CheckpointFolder, "save", save)
        with pytest.raises(_InterruptionError):
            _train(request, catalogue, weights_dir, tmp_path / "resumed")
    torch.rand(7)  # whatever else happened to the random state in between
    (state,) = (tmp_path / "root" / ".bakeoff" / "checkpoints").glob("*/state.pt")
    assert len(torch.load(state, weights_only=True)["history"]["step_losses"]) == saved[-1] > 0
    resumed = _train(request, catalogue, weights_dir, tmp_path / "resumed")
    left, right = _tensors(tmp_path / "whole"), _tensors(tmp_path / "resumed")
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert whole == resumed
    for name in ("training.json", "predictions.parquet", "out_of_fold.parquet"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes()
    histories = [pd.read_csv(tmp_path / name / "history.csv").drop(columns="seconds") for name in ("whole", "resumed")]
    pd.testing.assert_frame_equal(*histories, check_exact=True)


@pytest.mark.slow
def test_a_broken_checkpoint_is_named_and_dropped(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(_InterruptionError):
        _train(make_request(), catalogue, weights_dir, tmp_path / "out", on_epoch=_interrupt_after(1))
    (state,) = (tmp_path / "root" / ".bakeoff" / "checkpoints").glob("*/state.pt")
    state.write_bytes(state.read_bytes()[:100])
    record = _train(make_request(), catalogue, weights_dir, tmp_path / "out")
    assert record.epochs_run == 4
    assert "cannot be read" in capsys.readouterr().err
    assert not state.exists()


@pytest.mark.usefixtures("no_rendering")
def test_rerunning_gives_the_same_bits_with_and_without_the_caches(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        if number == 3:
            shutil.rmtree(tmp_path / "root")
        _train(make_request(), catalogue, weights_dir, tmp_path / str(number))
    for name in ("model.safetensors", "training.json", "predictions.parquet", "out_of_fold.parquet"):
        first, *others = ((tmp_path / number / name).read_bytes() for number in "123")
        assert all(other == first for other in others), name
    costs = [CostRecord.read(tmp_path / number / "cost.json") for number in "123"]
    assert len({cost.key for cost in costs}) == 1
    assert len({cost.predict_time_s for cost in costs}) == 3, "what a run took is its own, and told apart"


def test_a_rate_that_explodes_is_told_with_step_and_rate(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path
) -> None:
    schedule = {"epochs": 5, "learning_rate": 1e30, "max_steps": None}
    with pytest.raises(TrainingError, match=r"loss became (nan|inf) at step \d+ .* rate 1e\+30, on products p\d+"):
        _train(make_request(**schedule), catalogue, weights_dir, tmp_path / "out")


@pytest.mark.usefixtures("no_rendering")
def test_not_learning_is_loud(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule = {"epochs": 2, "learning_rate": 1e-12, "max_steps": None}
    record = _train(make_request(**schedule), catalogue, weights_dir, tmp_path / "out")
    assert not record.learned
    assert "WARNING: tiny-frozen seed 0 DID NOT LEARN: its" in capsys.readouterr().err


@pytest.mark.usefixtures("no_rendering")
def test_patience_and_the_step_cap_end_a_training(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path
) -> None:
    still = {"epochs": 50, "learning_rate": 1e-12, "max_steps": None}
    stopped = _train(make_request(**still, early_stop_patience_epochs=2), catalogue, weights_dir, tmp_path / "stopped")
    assert stopped.stopped_early
    assert stopped.epochs_run == stopped.best_epoch + 2 < 50
    capped = {"epochs": 50, "learning_rate": 0.01, "max_steps": 4}
    short = _train(make_request(**capped), catalogue, weights_dir, tmp_path / "short")
    assert (short.steps_run, short.epochs_run, short.stopped_early) == (4, 2, False)


def test_a_random_start_trains_for_as_many_steps_as_params_allow(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path
) -> None:
    capped = _train(make_request(random_start_max_steps=4), catalogue, weights_dir, tmp_path / "capped")
    assert (capped.steps_run, capped.training["max_steps"]) == (4, 4)
    assert capped.training["random_start_max_steps"] is None  # it is in max_steps
    whole = _train(make_request(), catalogue, weights_dir, tmp_path / "whole")
    assert (whole.steps_run, whole.training["max_steps"]) == (12, None)
    assert whole.key != capped.key


def test_a_network_whose_scores_are_no_numbers_leaves_no_record(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bakeoff.training import run

    monkeypatch.setattr(run, "probabilities", lambda logits, kind: logits * torch.nan)
    with pytest.raises(EvaluationError, match=r"24 of 24 rows hold NaN or infinity, first product 'p0'; the tr"):
        _train(make_request(), catalogue, weights_dir, tmp_path / "out")
    assert not (tmp_path / "out" / "training.json").exists()


def test_an_empty_split_is_refused(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path
) -> None:
    catalogue.products.loc[catalogue.products["split"] == "validation", "split"] = "test"
    with pytest.raises(TrainingError, match="the validation split holds no products"):
        _train(make_request(), catalogue, weights_dir, tmp_path / "out")


def test_no_weights_record_is_refused_before_anything_runs(
    catalogue: Catalogue, make_request: Request, tmp_path: Path
) -> None:
    from bakeoff.training.plan import plan_training

    with pytest.raises(WeightsError, match=r"record\.json is missing"):
        plan_training(make_request(), catalogue, weights_dir=tmp_path / "nowhere")


def test_features_are_computed_once_and_again_where_they_are_broken(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bakeoff.training.features import cached_features
    from bakeoff.training.plan import plan_training

    plan = plan_training(make_request(), catalogue, weights_dir=weights_dir)
    first = cached_features(plan.model, catalogue, plan.header)
    (file,) = (tmp_path / "root" / ".bakeoff" / "features").glob("*/features.npy")
    written = file.stat().st_mtime_ns
    again = cached_features(plan.model, catalogue, plan.header)
    assert file.stat().st_mtime_ns == written
    assert again.extraction_s == first.extraction_s > 0
    expected = np.array(again.array)
    file.unlink()  # a mapped file must not be cut short in place
    file.write_bytes(b"nothing")
    third = cached_features(plan.model, catalogue, plan.header)
    assert "cannot be used" in capsys.readouterr().err
    assert np.array_equal(third.array, expected)
    assert third.array.shape == (24, plan.model.classifier.n_features)


def test_what_a_killed_process_left_of_a_checkpoint_is_removed(tmp_path: Path) -> None:
    from bakeoff.training.checkpoint import CheckpointFolder

    (tmp_path / "state.pt.12345.tmp").write_bytes(b"half a state")
    assert CheckpointFolder(tmp_path).load() is None
    assert not list(tmp_path.iterdir())


def test_a_product_without_a_photo_is_not_learnt_from_and_gets_class_shares(
    catalogue: Catalogue, weights_dir: Path, make_request: Request, tmp_path: Path
) -> None:
    without = [0, *catalogue.rows("test")[:1].tolist()]  # of train and of test
    products = catalogue.products.assign(has_photo=~catalogue.products.index.isin(without), has_text=True)
    fewer = replace(catalogue, products=products)
    request = make_request(mode="finetune", epochs=1, max_steps=None, batch_size=1)
    record = _train(request, fewer, weights_dir, tmp_path / "out")
    assert record.steps_run == 17
    found = read_predictions(tmp_path / "out" / "predictions.parquet", catalogue=fewer)
    np.testing.assert_allclose(found.probabilities[without], 1 / 3, rtol=1e-6)  # six of each class train
    np.testing.assert_allclose(found.products["loss"][without], np.log(3), rtol=1e-6)
    assert not np.isclose(np.delete(found.probabilities, without, axis=0), 1 / 3).all(axis=1).any()
