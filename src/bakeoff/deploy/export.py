"""A trained candidate as one ONNX file: pixels in, logits out, and what a deployer must know stored inside."""

import json
from pathlib import Path

import torch

from bakeoff.backbones.onnx_export import export_onnx
from bakeoff.predictors.torch_predictor import load_photo_classifier
from bakeoff.records.training import TrainingRecord


def export_candidate(training_dir: Path, path: Path) -> float:
    """Write the network of a training folder as ONNX and return how far ONNX Runtime's logits are from PyTorch's.

    Input `images` (N, 3, H, W) float32 RGB in [0, 1], resized and cropped as the file's metadata say; normalisation is
    inside. Output `logits` (N, K). The metadata are JSON. Errors are those of `load_photo_classifier` and
    `export_onnx`.
    """
    record = TrainingRecord.read(training_dir / "training.json")
    settings = record.backbone
    model = load_photo_classifier(training_dir, device=torch.device("cpu"))
    told = {
        "candidate": record.candidate,
        "labels": record.labels,
        "preprocessing": settings.preprocessing.model_dump(mode="json"),
        "repair": record.dataset.prepare.model_dump(mode="json").get("repair"),
        "loss": record.loss,
        "licence_code": settings.licence_code,
        "licence_weights": record.weights.licence,
        "commercial_use": record.weights.commercial_use,
        "key": record.key,
    }
    metadata = {name: json.dumps(value, ensure_ascii=False) for name, value in told.items()}
    return export_onnx(model, path, image_size=settings.preprocessing.image_size, metadata=metadata)
