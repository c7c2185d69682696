"""One candidate from its settings to runs/<candidate>/seed_<s>/training/: the order of the steps, and the record."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from bakeoff.backbones.classifier import build_classifier, n_parameters, n_trainable, set_mode
from bakeoff.backbones.network_files import copy_config
from bakeoff.core.allocator import keep_freed_memory
from bakeoff.core.code import code_digest
from bakeoff.core.errors import ParamsError, TrainingError
from bakeoff.core.machine import ComputeParams, ScanParams, peak_resident_mib
from bakeoff.core.paths import project_root, relative_to_project, state_dir
from bakeoff.core.progress import progress_bar
from bakeoff.core.section import Mode
from bakeoff.core.seeding import seed_everything, set_threads
from bakeoff.data.batching import PREDICT_BATCH
from bakeoff.data.predictions import Predictions, make_predictions
from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import to_unit, transform_photo
from bakeoff.learning.history import History
from bakeoff.learning.key import digest, merged_training, now_utc, split_digest, training_key, versions
from bakeoff.learning.out_of_memory import out_of_memory_in_words
from bakeoff.learning.outputs import cost_record, draw_figures, size_mib, training_record, write_outputs
from bakeoff.learning.params import TrainingParams
from bakeoff.records.candidate import Candidate
from bakeoff.records.recipe import single_row_problem
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.training import TrainingHeader, TrainingRecord
from bakeoff.records.weights import WeightsRecord, read_record
from bakeoff.scan.dispatch import resolve
from bakeoff.training.checkpoint import MODEL_FILE, save_classifier
from bakeoff.training.data import Batches, LoaderOptions, PhotoBatches, PhotoDataset, TensorBatches
from bakeoff.training.device import device_name, make_deterministic, peak_cuda_memory_mib, resolve_device
from bakeoff.training.features import Features, cached_features
from bakeoff.training.loop import LoopOptions, OnEpoch, train_module
from bakeoff.training.losses import LOSSES, probabilities
from bakeoff.training.module import PhotoClassifier, photo_tensor
from bakeoff.training.resume import CheckpointFolder, locked_checkpoint


@dataclass(frozen=True)
class TrainingRequest:
    """Which candidate to train, and the params sections that say how."""

    settings: CandidateSettings
    mode: Mode
    seed: int
    training: TrainingParams
    compute: ComputeParams
    scan: ScanParams


@dataclass(frozen=True)
class TrainingPlan:
    """A training that is ready to start: everything is checked and built, nothing has been learned."""

    request: TrainingRequest
    catalogue: Catalogue
    model: PhotoClassifier
    device: torch.device
    weights: WeightsRecord
    header: TrainingHeader
    sizes: dict[str, float]
    """The network's, as training.json names them."""

    @property
    def uses_features(self) -> bool:
        """Whether the backbone runs once per photo only: it is frozen, and every epoch shows it the same photos."""
        return self.request.mode == "frozen" and self.request.training.augment == "none"


def plan_training(request: TrainingRequest, catalogue: Catalogue, *, weights_dir: Path) -> TrainingPlan:
    """Return the training ready to start, on its device, with threads and seeds set for this process.

    Raises:
        TrainingError: the device is not there, or has no room for the network.
        ParamsError: a head with batch norm at one product per batch.
        WeightsError: no weights record, or a file of another architecture.
    """
    problem = single_row_problem(request.settings.head, request.training.batch_size)
    if problem:
        raise ParamsError(f"{request.settings.model}: {problem}.")
    threads = set_threads(request.compute.threads)
    keep_freed_memory()
    device = resolve_device(request.compute.device)
    make_deterministic(device)
    classifier = build_classifier(
        request.settings,
        n_classes=len(catalogue.labels),
        seed=request.seed,
        weights_dir=weights_dir,
        scan=request.scan.implementation,
    )
    set_mode(classifier, request.mode)
    weights = read_record(weights_dir)
    header = _header(request, catalogue, weights=weights, weights_dir=weights_dir, device=device, threads=threads)
    sizes = {
        "n_parameters": n_parameters(classifier),
        "n_trainable": n_trainable(classifier),
        "n_features": classifier.n_features,
        "size_mib": size_mib(tensor.shape for tensor in (*classifier.parameters(), *classifier.buffers())),
    }
    model = PhotoClassifier(classifier, request.settings.preprocessing)
    doing = f"{header.title}: moving {sizes['n_parameters'] / 1e6:.1f} M parameters to {device}"
    with out_of_memory_in_words(TrainingError, doing, remedies="free its memory, or set compute.device: cpu"):
        model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TrainingPlan(request, catalogue, model, device, weights, header, sizes)


def train_candidate(plan: TrainingPlan, out_dir: Path, *, on_epoch: OnEpoch | None = None) -> TrainingRecord:
    """Train, predict every product, write the training folder and return training.json's content.

    A training that was interrupted goes on from its last checkpoint and ends as if it had not been.

    Raises:
        TrainingError: a split is empty, or the loss is no longer a number.
        EvaluationError: the trained network's scores are no numbers.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    started_at = now_utc()
    resumed = digest([plan.header.key, code_digest(Path(__file__).resolve())])  # other code starts anew
    with locked_checkpoint(state_dir("checkpoints"), resumed) as checkpoint:
        seed_everything(plan.request.seed)
        history, extraction_s = _learn(plan, checkpoint, on_epoch)
        trained = time.perf_counter()
        predictions = _predict(plan)
        cuda_mib = peak_cuda_memory_mib(plan.device)
        cost = cost_record(
            plan.header,
            history,
            feature_time_s=extraction_s,
            started_at=started_at,
            predict_time_s=time.perf_counter() - trained,
            train_memory_mib=peak_resident_mib() if cuda_mib is None else cuda_mib,
            train_resident_mib=peak_resident_mib(),
        )
        kind = plan.request.training.loss.probabilities
        record = training_record(plan.header, history, plan.catalogue, predictions, probabilities=kind, **plan.sizes)
        save_classifier(plan.model.classifier, plan.request.mode, out_dir / MODEL_FILE)
        copy_config(project_root() / plan.header.weights_dir, out_dir)
        write_outputs(out_dir, record, cost, history=history, predictions=predictions)
        checkpoint.clear()
    draw_figures(out_dir, record, history, catalogue=plan.catalogue, used=plan.request.settings.preprocessing)
    if record.not_learned:
        sys.stderr.write(f"bakeoff: WARNING: {plan.header.title} DID NOT LEARN: {record.not_learned}.\n")
    return record


@torch.inference_mode()
def _predict(plan: TrainingPlan) -> Predictions:
    """Return what the network in memory says of every product, in the batches that `TorchPredictor` would make.

    A frozen one's head reads the cached features.
    """
    catalogue, loss = plan.catalogue, LOSSES[plan.request.training.loss.name]
    preprocessing, kind = plan.request.settings.preprocessing, plan.request.training.loss.probabilities
    plan.model.eval()
    features = features_of(plan).array if plan.request.mode == "frozen" else None
    probabilities_of, losses = [], []
    with progress_bar() as bar:
        rows = np.arange(len(catalogue.products))
        batches = [rows[start : start + PREDICT_BATCH] for start in range(0, len(rows), PREDICT_BATCH)]
        for batch in bar.track(batches, description=f"{plan.header.title} predictions"):
            if features is not None:
                logits = plan.model.classifier.head(torch.from_numpy(features[batch]).to(plan.device))
            else:
                products = catalogue.at(batch)
                photos = np.stack([transform_photo(products.photo(n), preprocessing) for n in range(len(batch))])
                doing = f"{plan.header.title}: predicting on {plan.device.type} with {len(batch)} photos"
                with out_of_memory_in_words(TrainingError, doing, remedies="lower the backbone's image_size"):
                    logits = plan.model(photo_tensor(to_unit(photos), plan.device))
            labels = torch.from_numpy(catalogue.label_ids(batch)).to(plan.device)
            losses.append(loss(logits, labels).cpu().numpy())
            probabilities_of.append(probabilities(logits, kind).cpu().numpy())
    return make_predictions(catalogue, np.concatenate(probabilities_of), np.concatenate(losses))


def _learn(plan: TrainingPlan, checkpoint: CheckpointFolder, on_epoch: OnEpoch | None) -> tuple[History, float]:
    """Train on cached features or on photos; return how it went and what extracting features took, s."""
    request = plan.request
    schedule = request.training.schedule(
        request.mode, request.settings.training, random_start=not plan.weights.pretrained
    )
    options = LoopOptions(request.training, schedule, request.seed, plan.device, plan.header.title)
    features = features_of(plan) if plan.uses_features else None
    train, validation = (_batches(plan, plan.catalogue.rows(split), features) for split in ("train", "validation"))
    module: nn.Module = plan.model.classifier.head if features else plan.model
    history = train_module(
        module, train=train, validation=validation, options=options, checkpoint=checkpoint, on_epoch=on_epoch
    )
    # All products have features, to be predicted; a training needs those it learns from and those it validates on.
    share = (len(train.labels) + len(validation.labels)) / len(plan.catalogue.products)
    return history, features.extraction_s * share if features else 0.0


def _batches(plan: TrainingPlan, rows: np.ndarray, features: Features | None) -> Batches:
    """Return batches of the features of some products, or of their photos where there are none."""
    training, catalogue, weights = plan.request.training, plan.catalogue, plan.catalogue.weights(rows)
    options = LoaderOptions(training.batch_size, plan.request.seed, training.loader_workers)
    if features is None:
        return PhotoBatches(PhotoDataset(catalogue, rows, plan.request.settings.preprocessing), options, weights)
    inputs = torch.from_numpy(features.array[rows]).to(plan.device)
    return TensorBatches(inputs, catalogue.label_ids(rows), options, weights)


def features_of(plan: TrainingPlan) -> Features:
    """Return what the plan's frozen backbone makes of every product of its catalogue, from the cache where it is."""
    workers = plan.request.training.loader_workers
    return cached_features(plan.model, plan.catalogue, header=plan.header, root=state_dir("features"), workers=workers)


def _header(
    request: TrainingRequest,
    catalogue: Catalogue,
    *,
    weights: WeightsRecord,
    weights_dir: Path,
    device: torch.device,
    threads: int,
) -> TrainingHeader:
    settings = request.settings
    header = TrainingHeader(
        candidate=Candidate.of(settings.model, request.mode).name,
        model=settings.model,
        mode=request.mode,
        seed=request.seed,
        framework="pytorch",
        architecture=settings.architecture,
        settings=settings,
        training=merged_training(request.training, settings, request.mode, random_start=not weights.pretrained),
        labels=list(catalogue.labels),
        dataset=catalogue.dataset,
        splits=split_digest(catalogue),
        weights=weights,
        weights_dir=relative_to_project(weights_dir),
        device=device.type,
        device_name=device_name(device),
        threads=threads,
        scan=resolve(request.scan.implementation, device.type) if settings.source == "mambavision" else None,
        loss=request.training.loss.name,
        versions=versions(settings.source),
        key="",
    )
    network = settings.model_dump(mode="json", include={"source", "name", "preprocessing", "head"})
    return header.model_copy(update={"key": training_key(header, catalogue, network)})
