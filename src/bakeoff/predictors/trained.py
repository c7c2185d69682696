"""Opens what a PyTorch training left: its record, and its network in evaluation mode."""

from pathlib import Path

import torch

from bakeoff.backbones.classifier import build_classifier, set_mode
from bakeoff.core.errors import WeightsError
from bakeoff.core.modes import parse_mode
from bakeoff.core.paths import project_root
from bakeoff.records.training import TrainingRecord
from bakeoff.records.weights import read_record
from bakeoff.scan.dispatch import resolve_recorded
from bakeoff.training.checkpoint import MODEL_FILE, load_classifier
from bakeoff.training.module import PhotoClassifier


def load_photo_classifier(
    training_dir: Path, *, weights_root: Path | None = None, device: torch.device, fresh_seed: int | None = None
) -> PhotoClassifier:
    """Return the trained network of a training folder in evaluation mode on a device.

    `weights_root` has weights/<model>; None = where training.json says, from the project's folder. With `fresh_seed`
    nothing is loaded: the weights are drawn by that seed, as for a random start.

    Raises:
        EvaluationError: the folder holds no PyTorch training.
        WeightsError: a frozen candidate's weights are not those it was trained on.
        TrainingError: the model file does not fit.
    """
    record = TrainingRecord.read(training_dir / "training.json")
    settings, mode = record.backbone, parse_mode(record.mode)
    weights_dir = _weights_dir(record, training_dir, weights_root) if mode.kept == "head" else None
    classifier = build_classifier(
        settings,
        n_classes=len(record.labels),
        seed=record.seed if fresh_seed is None else fresh_seed,
        weights_dir=weights_dir if fresh_seed is None else None,
        scan=resolve_recorded(record.scan, device.type),
        network_dir=weights_dir or training_dir,
    )
    if fresh_seed is None:
        load_classifier(classifier, mode, training_dir / MODEL_FILE)
    set_mode(classifier, mode)
    model = PhotoClassifier(classifier, settings.preprocessing).eval()
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def _weights_dir(record: TrainingRecord, training_dir: Path, weights_root: Path | None) -> Path:
    """Return the folder of the weights the frozen backbone was trained on, checked against training.json."""
    folder = weights_root / record.model if weights_root else project_root(training_dir) / record.weights_dir
    expected, found = record.weights, read_record(folder)
    if (expected.sha256, expected.network_files) != (found.sha256, found.network_files):
        trained, held = (
            f"{one.sha256 or 'random'}{''.join(f', {name} {digest}' for name, digest in one.network_files.items())}"
            for one in (expected, found)
        )
        raise WeightsError(
            f"{record.candidate} was trained on weights {trained}, {folder} holds {held}; run "
            "`dvc repro` to train it again, or `dvc checkout` to get its own back."
        )
    return folder
