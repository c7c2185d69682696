"""What a frozen network makes of a catalogue's products, from its cache, or computed again, for early fusion.

The frameworks that compute are loaded here, when they are asked.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.core.machine import ComputeParams
from bakeoff.core.modes import parse_mode
from bakeoff.core.seeding import set_threads
from bakeoff.data.table import Catalogue
from bakeoff.learning.key import versions
from bakeoff.records.candidate import Candidate
from bakeoff.records.text import TextSettings
from bakeoff.records.training import TrainingRecord


def side_features(training_dir: Path, catalogue: Catalogue, compute: ComputeParams) -> np.ndarray:
    """Return a candidate's features (N, D) float32 in the order of `catalogue.by_product`.

    They have seen no label. The catalogue's own folder holds the texts.

    Raises:
        EvaluationError: its features are learnt, sparse or another framework's.
    """
    record = TrainingRecord.read(training_dir / "training.json")
    if isinstance(record.settings, TextSettings) and record.settings.encoders and not record.settings.is_finetuned:
        from bakeoff.text.train import plan_text_training

        side, read = Candidate(record.candidate, record.seed), replace(catalogue, reads="text")
        given = {"compute": compute, "weights_dir": record.own_weights(training_dir)}
        plan = plan_text_training(record.settings, side, read, catalogue.store.path.parent, **given)
        assert plan.encoders
        return plan.encoders.features(plan.texts)
    if record.framework != "pytorch" or parse_mode(record.mode).trained != 0:
        raise EvaluationError(
            f"{record.candidate} cannot be fused early, only by what it answers (mean, stacking_logistic, …); features "
            "are taken of PyTorch candidates with a frozen backbone (<model>-frozen, <model>-probe_<head>) and of text "
            "models on frozen encoders, such as minilm."
        )
    return photo_features(record, training_dir, catalogue, compute)


def photo_features(
    record: TrainingRecord, training_dir: Path, catalogue: Catalogue, compute: ComputeParams
) -> np.ndarray:
    """Return a frozen PyTorch candidate's pooled features (N, D) float32, of several photos of a product the mean."""
    from bakeoff.predictors.torch_predictor import load_photo_classifier
    from bakeoff.training.device import device_name, resolve_device
    from bakeoff.training.features import cached_features

    device = resolve_device(compute.device)
    here = {"device": device.type, "device_name": device_name(device), "threads": set_threads(compute.threads)}
    header = record.model_copy(update=here | {"versions": versions(record.backbone.source)})
    model = load_photo_classifier(training_dir, device=device)
    features = cached_features(model, catalogue, header, workers=compute.loader_workers)
    return np.array(catalogue.mean_of_photos(features.array))
