"""A transformers candidate trained and asked again after the folder that it came from is gone."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.core.errors import WeightsError
from bakeoff.data.predictions import read_predictions
from bakeoff.data.table import Catalogue

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("no_rendering")]


@pytest.fixture
def trained(
    catalogue: Catalogue, make_request: Callable[..., Any], defaults_hf: Any, tmp_path: Path
) -> Callable[[str], Path]:
    from bakeoff.backbones.params import BackboneParams, WeightsParams
    from bakeoff.backbones.registry import describe
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate
    from bakeoff.weights.fetch import fetch_weights

    def train(mode: str) -> Path:
        settings = describe("tiny", {"tiny": BackboneParams(source="hf", name=str(tmp_path / "model"))}, defaults_hf)
        params = WeightsParams(policy="require", sources=["folder"], folder=None, hub_timeout_s=1.0)
        weights = tmp_path / "weights" / "tiny"
        fetch_weights(settings, params, weights)
        shutil.rmtree(tmp_path / "model")
        request = dataclasses.replace(make_request(mode=mode), settings=settings)
        train_candidate(plan_training(request, catalogue, weights_dir=weights), tmp_path / "runs" / "training")
        return tmp_path / "runs" / "training"

    return train


@pytest.fixture
def defaults_hf(tmp_path: Path) -> Any:
    from bakeoff.backbones.compat import import_transformers
    from bakeoff.backbones.params import BackboneDefaults
    from bakeoff.records.recipe import HeadParams

    torch.set_num_threads(1)
    transformers = import_transformers()
    config = transformers.SwinConfig(embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=2, image_size=32)
    transformers.SwinForImageClassification(config).save_pretrained(tmp_path / "model")
    processor = transformers.MobileViTImageProcessor(size={"shortest_edge": 36}, crop_size=32)  # blue comes first
    processor.save_pretrained(tmp_path / "model")
    head = HeadParams(hidden=[], batch_norm=False, dropout=0.2)
    return BackboneDefaults(source="timm", image_size=None, head=head, training={})


def _load(folder: Path) -> Any:
    from bakeoff.predictors.torch_predictor import load_torch_predictor

    return load_torch_predictor(folder, device="cpu")


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_both_modes_predict_without_the_original(
    mode: str, trained: Callable[[str], Path], catalogue: Catalogue
) -> None:
    folder = trained(mode)
    record = json.loads((folder / "training.json").read_text())
    assert set(record["weights"]["network_files"]) == {"config.json", "preprocessor_config.json"}
    predictor = _load(folder)
    products = catalogue.at(np.arange(len(catalogue.products)))
    written = read_predictions(folder / "predictions.parquet", catalogue=catalogue).probabilities
    assert np.abs(written - predictor.predict(products)).max() < 1e-5
    photos = predictor.images(products.at([0]))[0]
    assert photos.shape == (32, 32, 3)
    assert predictor.module.channel_order == "bgr"
    swapped = predictor.predict_images(predictor.images(products)[..., ::-1])
    assert np.abs(written - swapped).max() > 1e-4  # the network does tell red from blue


def test_a_finetuned_one_needs_no_weights_folder(
    trained: Callable[[str], Path], catalogue: Catalogue, tmp_path: Path
) -> None:
    folder = trained("finetune")
    shutil.rmtree(tmp_path / "weights")
    assert len(_load(folder).images(catalogue.at([0]))) == 1
    (folder / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"config\.json is missing and a transformers network is built from it"):
        _load(folder)


def test_a_frozen_one_refuses_another_network(
    trained: Callable[[str], Path], catalogue: Catalogue, tmp_path: Path
) -> None:
    folder = trained("frozen")
    path = tmp_path / "weights" / "tiny" / "record.json"
    record = json.loads(path.read_text())
    record["network_files"]["config.json"] = "0" * 64
    path.write_text(json.dumps(record))
    with pytest.raises(WeightsError, match=r"tiny-frozen was trained on weights"):
        _load(folder)
