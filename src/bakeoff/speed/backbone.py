"""A PyTorch candidate's network as speed sees it: its settings alone, for speed has no weights, no mode and no seed."""

from pathlib import Path

import torch

from bakeoff.backbones.classifier import build_classifier
from bakeoff.backbones.network_files import CONFIG, find_network_files
from bakeoff.core.allocator import keep_freed_memory
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.seeding import set_threads
from bakeoff.predictors.torch_predictor import TorchPredictor
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.weights import existing_record
from bakeoff.scan.dispatch import resolve
from bakeoff.training.device import resolve_device
from bakeoff.training.module import PhotoClassifier

HUB_S = 10


def open_backbone(
    settings: CandidateSettings, labels: list[str], *, compute: ComputeParams, scan: ScanParams, weights_dir: Path
) -> TorchPredictor:
    """Return a PyTorch candidate's network with random weights, in evaluation mode.

    `weights_dir` is weights/<model>, where a transformers network's config.json is kept; its source serves too.
    """
    set_threads(compute.threads)
    keep_freed_memory()
    device = resolve_device(compute.device)
    found = find_network_files(settings, weights_dir, revision=None, timeout_s=HUB_S, kept=existing_record(weights_dir))
    classifier = build_classifier(
        settings,
        n_classes=len(labels),
        seed=0,
        weights_dir=None,
        scan=scan.implementation,
        network_dir=found[CONFIG].parent if found else None,
    )
    model = PhotoClassifier(classifier, settings.preprocessing).eval()
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    used = resolve(scan.implementation, device.type) if settings.source == "mambavision" else None
    return TorchPredictor(model, settings, labels=labels, probability_kind="softmax", scan=used, title=settings.model)
