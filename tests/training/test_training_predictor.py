"""The predictor of a trained candidate: against what its trainer wrote, the loop's numbers, finite differences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bakeoff.core.errors import EvaluationError, TrainingError, WeightsError
from bakeoff.data.predictions import Predictions, read_predictions
from bakeoff.data.products import Photos, StoredProducts
from bakeoff.data.table import Catalogue
from bakeoff.records.training import TrainingRecord
from records_made import training_record
from several_photos import N_PRODUCTS, PARAMS, PHOTOS_PER_CLASS, mean_by_product, with_several_photos
from training.conftest import make_catalogue

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_rendering")]


@pytest.fixture
def trained(
    catalogue: Catalogue, weights_dir: Path, make_request: Callable[..., Any], tmp_path: Path
) -> Callable[..., Path]:
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate

    def train(products: Catalogue = catalogue, **options: Any) -> Path:
        out = tmp_path / "runs" / "training"
        train_candidate(plan_training(make_request(**options), products, weights_dir=weights_dir), out)
        return out

    return train


def _load(folder: Path, **options: Any) -> Any:
    from bakeoff.predictors.torch_predictor import load_torch_predictor

    return load_torch_predictor(folder, device="cpu", **options)


def _all(catalogue: Catalogue) -> StoredProducts:
    return catalogue.at(np.arange(len(catalogue.products)))


def _written(folder: Path, catalogue: Catalogue) -> Predictions:
    return read_predictions(folder / "predictions.parquet", catalogue=catalogue)


def _own_losses(folder: Path, catalogue: Catalogue, loss: str) -> np.ndarray:
    """Each product's loss, (N,), by the trainer's own formula on the reloaded network's logits."""
    from bakeoff.training.losses import LOSSES
    from bakeoff.training.module import photo_tensor

    predictor, products = _load(folder), _all(catalogue)
    label_ids = torch.from_numpy(catalogue.label_ids(np.arange(len(products))))
    with torch.no_grad():
        logits = predictor.module(photo_tensor(predictor.images(products), torch.device("cpu")))
        return LOSSES[loss](logits, label_ids).numpy()


@pytest.mark.parametrize("name", ["test_resnet.r160_in1k", "test_vit.r160_in1k", "mobilenetv3_small_050.lamb_in1k"])
@pytest.mark.parametrize("loss", ["cross_entropy", "bce"])
def test_what_cached_features_gave_equals_the_reloaded_network(
    name: str, loss: str, trained: Callable[..., Path], catalogue: Catalogue
) -> None:
    """A frozen candidate's trainer predicts from the features it has; its predictor runs the whole network."""
    folder = trained(name=name, loss=loss)
    predictor, written = _load(folder), _written(folder, catalogue)
    found = predictor.predict(_all(catalogue))
    assert found.dtype == written.probabilities.dtype == np.float32
    assert np.abs(found - written.probabilities).max() < 1e-5
    assert written.probabilities.sum(axis=1) == pytest.approx(np.ones(len(found)), abs=1e-6)
    assert written.products["loss"].to_numpy() == pytest.approx(_own_losses(folder, catalogue, loss), abs=1e-5)
    assert predictor.probability_kind == {"cross_entropy": "softmax", "bce": "sigmoid_normalised"}[loss]


@pytest.mark.parametrize("loss", ["cross_entropy", "bce"])
@pytest.mark.parametrize("n_per_class", [8, 11])  # 24 products, and 33: a batch of 32 and a single one
def test_what_a_finetuned_one_wrote_equals_the_reloaded_network(
    loss: str, n_per_class: int, trained: Callable[..., Path], tmp_path: Path
) -> None:
    """Its trainer predicts from a copy with packed weights."""
    catalogue = make_catalogue(tmp_path / "other", n_per_class=n_per_class)
    folder = trained(catalogue, mode="finetune", loss=loss)
    written = _written(folder, catalogue)
    assert np.abs(_load(folder).predict(_all(catalogue)) - written.probabilities).max() < 1e-5
    losses = _own_losses(folder, catalogue, loss)
    assert written.products["loss"].to_numpy() == pytest.approx(losses, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_products_that_were_learnt_from_are_told_from_those_held_out(
    mode: str, trained: Callable[..., Path], catalogue: Catalogue
) -> None:
    products = _written(trained(mode=mode), catalogue).products
    assert products.groupby("split")["origin"].unique().explode().to_dict() == {
        "train": "in_sample",
        "validation": "held_out",
        "test": "held_out",
    }


def test_photos_of_their_own_are_products_too(trained: Callable[..., Path], catalogue: Catalogue) -> None:
    predictor, stored = _load(trained(mode="finetune")), catalogue.at([4, 0, 7])
    photos = Photos([stored.photo(position) for position in range(3)])
    assert np.array_equal(predictor.predict(photos), predictor.predict(stored))


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_the_loaded_model_is_the_best_epoch(mode: str, trained: Callable[..., Path], catalogue: Catalogue) -> None:
    folder = trained(mode=mode)
    record = TrainingRecord.read(folder / "training.json")
    rows = catalogue.rows("validation")
    probabilities = _load(folder).predict(catalogue.at(rows))
    assert (probabilities.argmax(axis=1) == catalogue.label_ids(rows)).mean() == record.best_validation_accuracy
    chosen = np.log(probabilities[np.arange(len(rows)), catalogue.label_ids(rows)])
    found = _written(folder, catalogue).mean_losses()["validation"]
    assert found == pytest.approx(-chosen.mean(), abs=1e-5)
    history = pd.read_csv(folder / "history.csv").set_index("epoch")
    assert found == pytest.approx(history["validation_loss"][record.best_epoch], abs=1e-5)


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_gradients_equal_finite_differences(mode: str, trained: Callable[..., Path], catalogue: Catalogue) -> None:
    from bakeoff.interpret.torch_subject import TorchSubject

    subject = TorchSubject(_load(trained(mode=mode, name="test_vit.r160_in1k")), batch_px=64**2)
    images = subject.images(catalogue.at([0, 1]))
    gradients = subject.gradients(images, np.array([2, 0]))
    assert gradients.shape == images.shape
    assert gradients.dtype == np.float32
    direction = gradients[0] / np.abs(gradients[0]).max()
    step = 1e-3

    def logit(image: np.ndarray) -> float:
        with torch.no_grad():
            return float(subject.module(torch.from_numpy(image[None]).permute(0, 3, 1, 2).float())[0, 2])

    slope = (logit(images[0] + step * direction) - logit(images[0] - step * direction)) / (2 * step)
    assert slope == pytest.approx(float((gradients[0] * direction).sum()), rel=0.02)


def test_description_calls_and_threads(trained: Callable[..., Path], catalogue: Catalogue) -> None:
    predictor = _load(trained())
    assert predictor.labels == catalogue.labels
    assert predictor.image_size == 64
    images = predictor.images(catalogue.at([0, 3]))
    assert images.shape == (2, 64, 64, 3)
    assert images.dtype == np.float32
    assert 0 <= images.min() < images.max() <= 1
    predictor.compiled_call(images)()
    assert predictor.description["framework"] == "pytorch"
    predictor.set_threads(1)
    assert predictor.description["threads"] == 1 == torch.get_num_threads()


def test_wrong_questions_are_refused(trained: Callable[..., Path], catalogue: Catalogue, tmp_path: Path) -> None:
    folder = trained()
    with pytest.raises(EvaluationError, match=r"training\.json is missing; run `dvc repro train_torch baseline_tf`"):
        _load(tmp_path / "nowhere")
    catalogue.labels[0] = "violet"
    with pytest.raises(EvaluationError, match=r"label sets differ: .*predictions\.parquet has 3 .* 'blue' there and"):
        _written(folder, catalogue)


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
        _load(folder, weights_root=tmp_path / "other")
    model_file = folder / "model.safetensors"
    model_file.write_bytes(b"broken")
    with pytest.raises(TrainingError, match="is not a safetensors file"):
        _load(folder)
    model_file.unlink()
    with pytest.raises(TrainingError, match=r"model\.safetensors is missing"):
        _load(folder)


def test_a_model_file_of_other_settings_is_refused(trained: Callable[..., Path], catalogue: Catalogue) -> None:
    from safetensors.torch import save_file

    folder = trained()
    save_file({"head.1.weight": torch.zeros(2, 2), "extra": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(
        TrainingError, match=r"does not fit the frozen classifier .* 3 tensors differ, first extra unknown"
    ):
        _load(folder)


@pytest.mark.parametrize("mode", ["frozen", "as_is"])
def test_a_tensorflow_training_is_refused(mode: str, tmp_path: Path) -> None:
    training_record("baseline_tf", mode=mode).write(tmp_path / "training.json")
    with pytest.raises(EvaluationError, match="baseline_tf is a tensorflow training; expected a PyTorch candidate"):
        _load(tmp_path)


def test_the_faster_way_agrees_with_the_plain_one(trained: Callable[..., Path], catalogue: Catalogue) -> None:
    predictor = _load(trained(mode="finetune", name="mobilenetv3_small_050.lamb_in1k"))
    before = predictor.predict(_all(catalogue))
    runtime = predictor.speed_up()
    assert runtime in {"eager", "eager, packed weights"}
    assert predictor.description["runtime"] == runtime
    assert np.abs(predictor.predict(_all(catalogue)) - before).max() < 1e-4
    assert runtime == "eager" or predictor.speed_up() == runtime, "what is packed stays packed"


def test_a_way_that_disagrees_is_not_taken(
    trained: Callable[..., Path], catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from copy import deepcopy

    from bakeoff.predictors import torch_predictor

    def other(network: Any) -> Any:
        changed = deepcopy(network)
        changed.classifier.head[-1].bias.data[0] += 1
        return changed

    predictor = _load(trained(mode="finetune"))
    before = predictor.predict(_all(catalogue))
    monkeypatch.setattr(torch_predictor, "for_cpu_inference", other)
    assert predictor.speed_up() == "eager"
    assert np.array_equal(predictor.predict(_all(catalogue)), before)


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_a_product_of_several_photos_is_predicted_by_their_mean_and_counts_once(
    mode: str, weights_dir: Path, make_request: Callable[..., Any], tmp_path: Path
) -> None:
    """Through training and evaluation: the mean by hand of what the network says of each photo."""
    from bakeoff.evaluation.run import evaluate_candidate
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate

    several = with_several_photos(make_catalogue(tmp_path / "several", n_per_class=PHOTOS_PER_CLASS))
    folder = tmp_path / "training"
    train_candidate(plan_training(make_request(mode=mode), several, weights_dir=weights_dir), folder)
    written = _written(folder, several)
    expected = mean_by_product(several, _load(folder).predict(_all(several)))
    assert written.products["product_id"].tolist() == list(expected)
    assert np.abs(written.probabilities - list(expected.values())).max() < 1e-5
    own = [means[label] for means, label in zip(expected.values(), written.products["label_id"], strict=True)]
    assert written.products["loss"].to_numpy() == pytest.approx(-np.log(own), abs=1e-4)
    metrics = evaluate_candidate(folder, several, tmp_path / "evaluation", params=PARAMS)
    assert {split: metrics.n(split) for split in N_PRODUCTS} == N_PRODUCTS
    labels, found = written.split("test")
    assert metrics.splits["test"]["accuracy"] == (found.argmax(axis=1) == labels).mean()
