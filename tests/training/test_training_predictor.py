"""The predictor of a trained candidate: against the uncached path, the loop's own numbers and finite differences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.core.errors import DataError, EvaluationError, TrainingError, WeightsError
from bakeoff.data.table import Catalogue

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_rendering")]


@pytest.fixture
def trained(train_once: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    return lambda **options: train_once(tmp_path / "runs" / "training", **options)


def _load(folder: Path, catalogue: Catalogue, **options: Any) -> Any:
    from bakeoff.predictors.torch_predictor import load_torch_predictor

    return load_torch_predictor(folder, catalogue, batch_size=5, device="cpu", **options)


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("test_resnet.r160_in1k", "cross_entropy"),
        ("test_vit.r160_in1k", "bce"),
        *[
            pytest.param(name, loss, marks=pytest.mark.slow)
            for name, loss in (
                ("test_resnet.r160_in1k", "bce"),
                ("test_vit.r160_in1k", "cross_entropy"),
                ("mobilenetv3_small_050.lamb_in1k", "cross_entropy"),
                ("mobilenetv3_small_050.lamb_in1k", "bce"),
            )
        ],
    ],
)
def test_cached_predictions_equal_the_uncached_path(
    name: str, loss: str, trained: Callable[..., Path], catalogue: Catalogue
) -> None:
    predictor = _load(trained(name=name, loss=loss), catalogue)
    rows = np.arange(len(catalogue.products))
    cached = np.concatenate(list(predictor.predict(rows)))
    assert predictor._features is not None  # it did answer from the cache
    uncached = predictor.predict_images(predictor.images(rows))
    assert cached.dtype == uncached.dtype == np.float32
    assert np.abs(cached - uncached).max() < 1e-5
    assert cached.sum(axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-6)
    assert predictor.probability_kind == {"cross_entropy": "softmax", "bce": "sigmoid_normalised"}[loss]


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_the_loaded_model_is_the_best_epoch(mode: str, trained: Callable[..., Path], catalogue: Catalogue) -> None:
    folder = trained(mode=mode)
    record = json.loads((folder / "training.json").read_text())
    rows = catalogue.rows("validation")
    predictor = _load(folder, catalogue)
    probabilities = np.concatenate(list(predictor.predict(rows)))
    assert (probabilities.argmax(axis=1) == catalogue.label_ids(rows)).mean() == record["best_validation_accuracy"]
    chosen = np.log(probabilities[np.arange(len(rows)), catalogue.label_ids(rows)])
    assert predictor.training_loss(rows) == pytest.approx(-chosen.mean(), abs=1e-5)


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_gradients_equal_finite_differences(mode: str, trained: Callable[..., Path], catalogue: Catalogue) -> None:
    predictor = _load(trained(mode=mode, name="test_vit.r160_in1k"), catalogue)
    images = predictor.images([0, 1])
    gradients = predictor.gradients(images, np.array([2, 0]))
    assert gradients.shape == images.shape
    assert gradients.dtype == np.float32
    direction = gradients[0] / np.abs(gradients[0]).max()
    step = 1e-3

    def logit(image: np.ndarray) -> float:
        with torch.no_grad():
            return float(predictor.module(torch.from_numpy(image[None]).permute(0, 3, 1, 2).float())[0, 2])

    slope = (logit(images[0] + step * direction) - logit(images[0] - step * direction)) / (2 * step)
    assert slope == pytest.approx(float((gradients[0] * direction).sum()), rel=0.02)


def test_description_calls_and_threads(trained: Callable[..., Path], catalogue: Catalogue) -> None:
    predictor = _load(trained(), catalogue)
    assert predictor.labels == catalogue.labels
    assert predictor.image_size == 64
    images = predictor.images([0, 3])
    assert images.shape == (2, 64, 64, 3)
    assert images.dtype == np.float32
    assert 0 <= images.min() < images.max() <= 1
    predictor.compiled_call(images)()
    assert predictor.description["framework"] == "pytorch"
    predictor.set_threads(1)
    assert predictor.description["threads"] == 1 == torch.get_num_threads()


def test_wrong_questions_are_refused(trained: Callable[..., Path], catalogue: Catalogue, tmp_path: Path) -> None:
    folder = trained()
    predictor = _load(folder, catalogue)
    with pytest.raises(EvaluationError, match="targets must be one class index from 0 to 2"):
        predictor.gradients(predictor.images([0]), np.array([3]))
    with pytest.raises(EvaluationError, match="needs at least one row"):
        predictor.training_loss([])
    with pytest.raises(EvaluationError, match=r"training\.json is missing"):
        _load(tmp_path / "nowhere", catalogue)
    catalogue.labels[0] = "violet"
    with pytest.raises(DataError, match="was trained for the classes"):
        _load(folder, catalogue)


def test_other_weights_and_broken_model_files_are_refused(
    trained: Callable[..., Path], catalogue: Catalogue, tmp_path: Path, weights_dir: Path
) -> None:
    from bakeoff.records.weights import read_record

    folder = trained()
    real = read_record(weights_dir).model_copy(
        update={"source": "hub", "file": "model.safetensors", "sha256": "f" * 64, "reason": None}
    )
    real.write(tmp_path / "other" / "tiny")
    with pytest.raises(WeightsError, match="was trained on weights random"):
        _load(folder, catalogue, weights_root=tmp_path / "other")
    model_file = folder / "model.safetensors"
    model_file.write_bytes(b"broken")
    with pytest.raises(TrainingError, match="is not a safetensors file"):
        _load(folder, catalogue)
    model_file.unlink()
    with pytest.raises(TrainingError, match=r"model\.safetensors is missing"):
        _load(folder, catalogue)


def test_a_model_file_of_other_settings_is_refused(trained: Callable[..., Path], catalogue: Catalogue) -> None:
    from safetensors.torch import save_file

    folder = trained()
    save_file({"head.1.weight": torch.zeros(2, 2), "extra": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(
        TrainingError, match=r"does not fit the frozen classifier .* 3 tensors differ, first extra unknown"
    ):
        _load(folder, catalogue)


def test_a_tensorflow_training_is_refused(tmp_path: Path, catalogue: Catalogue) -> None:
    (tmp_path / "training.json").write_text('{"framework": "tensorflow"}')
    with pytest.raises(EvaluationError, match=r"is a tensorflow training; use --framework tf"):
        _load(tmp_path, catalogue)
