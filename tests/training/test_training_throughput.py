"""A tiny real network as speed sees it, and its variants."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.core.allocator import allocator_name
from bakeoff.core.errors import EvaluationError
from bakeoff.data.table import Catalogue
from bakeoff.records.training import TrainingRecord

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_rendering")]


@pytest.fixture
def train(train_once: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    def make(mode: str, **options: Any) -> Path:
        return train_once(tmp_path / "runs" / f"tiny-{mode}" / "seed_0" / "training", mode=mode, **options)

    return make


def _predictor(folder: Path) -> Any:
    from bakeoff.predictors.torch_predictor import load_torch_predictor

    return load_torch_predictor(folder, device="cpu")


@pytest.mark.slow
def test_training_and_predicting_keep_freed_memory(train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from bakeoff.predictors import torch_predictor as predictor
    from bakeoff.training import plan

    called = []
    for module in (plan, predictor):
        monkeypatch.setattr(module, "keep_freed_memory", lambda name=module.__name__: called.append(name))
    _predictor(train("frozen"))
    assert called == [plan.__name__, predictor.__name__]


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_the_network_that_is_measured_is_the_one_that_is_trained(
    mode: str, train: Callable[..., Path], make_request: Callable[..., Any], catalogue: Catalogue, tmp_path: Path
) -> None:
    """Modes, seeds and weights leave speed alone; a wider head does not."""
    from bakeoff.speed.backbone import open_backbone
    from bakeoff.speed.turns import Stand

    def measured(**options: Any) -> Any:
        request = make_request(mode=mode, **options)
        nowhere = tmp_path / "no_weights"
        return open_backbone(
            request.settings, catalogue.labels, compute=request.compute, scan=request.scan, weights_dir=nowhere
        )

    network, trained = measured(), _predictor(train(mode))
    assert network.description == trained.description
    assert (network.description["framework"], network.description["runtime"]) == ("pytorch", "eager")
    assert network.description["memory_format"] == "channels_last"
    assert network.description["allocator"] == allocator_name()
    gmacs, _ = network.count_gmacs()
    assert 0 < gmacs < 0.1
    assert trained.count_gmacs()[0] == gmacs
    wider = measured(head=_head())
    assert wider.description["n_parameters"] > network.description["n_parameters"]
    turn = Stand(network, catalogue.at([0, 1, 2]), [4]).take_turn(2.0)
    assert set(turn.timings) == {1, 4}
    assert turn.walks.forward_s > 0
    json.dumps(asdict(turn), allow_nan=False)


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_the_file_is_as_large_as_its_parameters(mode: str, train: Callable[..., Path]) -> None:
    folder = train(mode)
    size_mib = TrainingRecord.read(folder / "training.json").size_mib
    assert 0 < size_mib < _predictor(folder).description["file_mib"] < size_mib + 0.1


def _head() -> Any:
    from bakeoff.records.recipe import HeadParams

    return HeadParams(hidden=[16], batch_norm=False, dropout=0.0)


def test_one_pass_equals_the_batches(train: Callable[..., Path], catalogue: Catalogue) -> None:
    predictor = _predictor(train("finetune"))
    products = catalogue.at(catalogue.rows("train")[:7])
    pixels = np.stack([predictor.transform(products.photo(position)) for position in range(7)])
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(predictor.forward(pixels), predictor.predict(products), atol=1e-5)
    assert predictor.device_peak_mib(reset=True) is None


def _plain(predictor: Any, folder: Path) -> Any:
    from bakeoff.deploy.variants.build import Plain

    return Plain(predictor.module, predictor.image_size, torch.device("cpu"), folder)


def _task(predictor: Any, catalogue: Catalogue) -> Any:
    from bakeoff.deploy.variants.compare import Task

    rows = catalogue.rows("test")
    return Task(
        predictor.images(catalogue.at(rows)),
        catalogue.label_ids(rows),
        predictor.probability_kind,
        batch_size=4,
        budget_s=0.2,
    )


@pytest.mark.slow
def test_variants_of_a_tiny_network(train: Callable[..., Path], catalogue: Catalogue, tmp_path: Path) -> None:
    from bakeoff.deploy.variants.compare import compare_variants

    predictor = _predictor(train("finetune"))
    told: list[str] = []
    rows = compare_variants(
        _plain(predictor, tmp_path),
        ["contiguous", "packed", "bf16"],
        _task(predictor, catalogue),
        on_variant=told.append,
    )
    assert told == ["plain", "contiguous", "packed", "bf16"] == [row["variant"] for row in rows]
    assert [row["status"] for row in rows] == ["ok"] * 4
    probabilities = predictor.predict(catalogue.at(catalogue.rows("test")))
    true = catalogue.label_ids(catalogue.rows("test"))
    assert rows[0]["accuracy"] == (probabilities.argmax(axis=1) == true).mean()
    assert rows[0]["log_loss"] == pytest.approx(-np.log(probabilities[np.arange(len(true)), true]).mean(), rel=1e-4)
    for row in rows[:3]:  # the same function up to rounding
        assert (row["agreement"], row["accuracy_lost_points"]) == (1.0, 0.0)
        assert row["log_loss"] == pytest.approx(rows[0]["log_loss"], rel=1e-3)
        assert row["images_per_s"] > 0 < row["latency_ms_p50"]
    ends = [(row["accuracy_lost_low_points"], row["accuracy_lost_high_points"]) for row in rows[:2]]
    possible = 100 * (1 - 0.025 ** (1 / len(true)))  # no answer differs: what an exact test leaves possible
    assert ends == [(0, 0), pytest.approx((-possible, possible))]
    assert (rows[0]["speedup"], rows[0]["latency_speedup"]) == (1, 1)


@pytest.mark.slow
def test_variants_by_other_runtimes(train: Callable[..., Path], catalogue: Catalogue, tmp_path: Path) -> None:
    from bakeoff.deploy.variants.compare import compare_variants

    predictor = _predictor(train("finetune"))
    names = ["compile", "onnxruntime", "int8_dynamic"]
    rows = compare_variants(_plain(predictor, tmp_path), names, _task(predictor, catalogue))
    assert [(row["status"], row["problem"]) for row in rows] == [("ok", None)] * 4
    assert rows[1]["agreement"] == rows[2]["agreement"] == 1.0
    assert rows[3]["size_mib"] < 0.6 * rows[2]["size_mib"]
    assert rows[1]["setup_s"] > 0.5  # compiling is told


@pytest.mark.slow
def test_a_failing_variant_is_a_row(
    train: Callable[..., Path], catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bakeoff.deploy.variants import build
    from bakeoff.deploy.variants.compare import compare_variants

    def fail(plain: Any) -> Any:
        raise RuntimeError("no compiler\nand a long log")

    monkeypatch.setitem(build.BUILDERS, "contiguous", fail)
    predictor = _predictor(train("finetune"))
    rows = compare_variants(_plain(predictor, tmp_path), ["contiguous", "packed"], _task(predictor, catalogue))
    assert [row["status"] for row in rows] == ["ok", "failed", "ok"]
    assert rows[1]["problem"] == "RuntimeError: no compiler"
    assert rows[1]["images_per_s"] is None


def test_variants_that_are_none(tmp_path: Path, train: Callable[..., Path], catalogue: Catalogue) -> None:
    from bakeoff.deploy.variants.build import Plain, build
    from bakeoff.deploy.variants.command import run_variants

    with pytest.raises(EvaluationError, match="baseline_tf has no variants: TensorFlow runs it compiled"):
        run_variants(tmp_path, "baseline_tf")
    with pytest.raises(EvaluationError, match="variant fp4 is unknown; expected some of contiguous, packed, compile"):
        run_variants(tmp_path, "tiny-frozen", names=["fp4"])
    with pytest.raises(EvaluationError, match="no training of candidate 'nobody'"):
        run_variants(tmp_path, "nobody")
    predictor = _predictor(train("finetune"))
    elsewhere = Plain(predictor.module, 64, torch.device("meta"), tmp_path)
    with pytest.raises(EvaluationError, match="packed weights are for CPUs, the device is meta"):
        build("packed", elsewhere)
    with pytest.raises(EvaluationError, match="ONNX Runtime runs on the CPU here, the device is meta"):
        build("int8_dynamic", elsewhere)


def test_rows_of_the_same_training_stay(tmp_path: Path) -> None:
    from bakeoff.deploy.variants.command import _write

    def row(name: str, speed: float) -> dict[str, Any]:
        return {"variant": name, "images_per_s": speed}

    path = tmp_path / "variants.json"
    _write(path, "a", key="k", n_test=3, rows=[row("plain", 1), row("onnxruntime", 2)])
    _write(path, "b", key="k", n_test=3, rows=[row("plain", 1)])
    _write(path, "a", key="k", n_test=3, rows=[row("plain", 3), row("packed", 4)])
    found = json.loads(path.read_text())
    assert [tuple(one.values()) for one in found["a"]["variants"]] == [("plain", 3), ("packed", 4), ("onnxruntime", 2)]
    assert found["b"]["variants"] == [row("plain", 1)]
    _write(path, "a", key="other", n_test=3, rows=[row("plain", 5)])
    assert json.loads(path.read_text())["a"]["variants"] == [row("plain", 5)]


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_broken_file_is_told_before_anything_is_measured(
    text: str, train: Callable[..., Path], tmp_path: Path
) -> None:
    from bakeoff.deploy.variants.command import run_variants

    train("frozen")
    (tmp_path / "measurements").mkdir()
    path = tmp_path / "measurements" / "variants.json"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=r"variants\.json is not a JSON object of `bakeoff variants`; delete it"):
        run_variants(tmp_path, "tiny-frozen")
    assert path.read_text() == text
