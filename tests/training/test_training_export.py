"""A trained candidate as ONNX: the file alone answers as the predictor does, and says what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.data.table import Catalogue
from bakeoff.records.training import TrainingRecord

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.torch


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_the_file_answers_as_the_predictor(
    mode: str, catalogue: Catalogue, weights_dir: Path, make_request: Callable[..., Any], tmp_path: Path
) -> None:
    from bakeoff.deploy.export import export_candidate
    from bakeoff.predictors.torch_predictor import load_torch_predictor
    from bakeoff.training.plan import plan_training
    from bakeoff.training.run import train_candidate

    request = make_request(mode=mode)
    training_dir = tmp_path / "runs" / f"{request.settings.model}-{mode}" / "seed_0" / "training"
    train_candidate(plan_training(request, catalogue, weights_dir=weights_dir), training_dir)
    file = tmp_path / "model.onnx"
    assert export_candidate(training_dir, file) < 1e-4

    predictor = load_torch_predictor(training_dir, device="cpu")
    images = predictor.images(catalogue.at(catalogue.rows("test")))
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"images": np.ascontiguousarray(images.transpose(0, 3, 1, 2))})
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    assert np.abs(probabilities - predictor.predict_images(images)).max() < 1e-4
    told = {name: json.loads(value) for name, value in session.get_modelmeta().custom_metadata_map.items()}
    assert told["labels"] == catalogue.labels
    assert told["preprocessing"]["image_size"] == images.shape[1]
    assert told["loss"] == "cross_entropy"
    assert told["key"] == TrainingRecord.read(training_dir / "training.json").key
