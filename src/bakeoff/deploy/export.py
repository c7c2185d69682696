"""A trained candidate as one ONNX file: pixels in, logits out, and what a deployer must know stored inside."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from bakeoff.backbones.onnx_export import export_onnx
from bakeoff.core.errors import EvaluationError
from bakeoff.predictors.trained import load_photo_classifier, read_training


def trained_folder(runs: Path, candidate: str, seed: int) -> Path:
    """Return the training folder of a candidate and seed.

    Raises:
        EvaluationError: there is none; lists those that there are.
    """
    folder = runs / candidate / f"seed_{seed}" / "training"
    if not (folder / "training.json").is_file():
        found = sorted(
            {path.parents[2].name for path in runs.glob("*/seed_*/training/training.json")} - {"baseline_tf"}
        )
        raise EvaluationError(
            f"no training of candidate {candidate!r} with seed {seed} in {runs}; trained here: "
            f"{', '.join(found) or 'none, run `dvc repro`'}."
        )
    return folder


def export_candidate(training_dir: Path, path: Path) -> float:
    """Write the network of a training folder as ONNX and return how far ONNX Runtime's logits are from PyTorch's.

    Input `images` (N, 3, H, W) float32 RGB in [0, 1], resized and cropped as the file's metadata say; normalisation is
    inside. Output `logits` (N, K). Metadata: candidate, labels, preprocessing, loss, licence, key, all JSON.

    Args:
        training_dir: runs/<candidate>/seed_<s>/training.
        path: the .onnx file.

    Raises:
        EvaluationError: the folder holds no PyTorch training, or the export answers something else than PyTorch.
        WeightsError: a frozen candidate's weights are not those it was trained on.
    """
    record = read_training(training_dir)
    settings = record["settings"]
    model = load_photo_classifier(training_dir, device=torch.device("cpu"))
    told = {
        "candidate": f"{record['model']}-{record['mode']}",
        "labels": record["labels"],
        "preprocessing": settings["preprocessing"],
        "loss": record["loss"],
        "licence_code": settings["licence_code"],
        "licence_weights": record["weights"]["licence"],
        "commercial_use": record["weights"]["commercial_use"],
        "key": record["key"],
    }
    metadata = {name: json.dumps(value, ensure_ascii=False) for name, value in told.items()}
    return export_onnx(model, path, image_size=settings["preprocessing"]["image_size"], metadata=metadata)
