"""A training from its settings to a network that is ready to learn, and what determines its result."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from bakeoff.backbones.classifier import Classifier, build_classifier, n_parameters, set_mode
from bakeoff.core.allocator import keep_freed_memory
from bakeoff.core.errors import ParamsError, TrainingError
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.modes import Mode
from bakeoff.core.paths import relative_to_project
from bakeoff.core.seeding import default_threads, set_threads
from bakeoff.data.table import Catalogue
from bakeoff.learning.augmentation import NoAugmentation
from bakeoff.learning.balance import check_class_sizes
from bakeoff.learning.key import split_digest, training_key, versions
from bakeoff.learning.losses import check_alpha
from bakeoff.learning.normalisation import normalised
from bakeoff.learning.out_of_memory import out_of_memory_in_words
from bakeoff.learning.outputs import size_mib
from bakeoff.learning.recipe import Recipe, recipe_problem
from bakeoff.records.candidate import Candidate
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.training import TrainingHeader
from bakeoff.records.weights import WeightsRecord, read_record
from bakeoff.scan.dispatch import resolve
from bakeoff.training.augment import Augment
from bakeoff.training.device import device_name, make_deterministic, resolve_device
from bakeoff.training.losses import Loss, build_loss
from bakeoff.training.module import PhotoClassifier
from bakeoff.training.parallel import n_processes


@dataclass(frozen=True)
class TrainingRequest:
    """Which candidate to train, and what says how."""

    settings: CandidateSettings
    mode: Mode
    seed: int
    recipe: Recipe
    compute: ComputeParams
    scan: ScanParams

    @property
    def uses_features(self) -> bool:
        """Whether the backbone runs once per photo only: it is frozen, and epochs show it the same photos again."""
        is_repeated = self.recipe.repeats_photos or (self.recipe.cache_views is not None and self.recipe.mix is None)
        return self.mode.trained == 0 and is_repeated

    def recipe_from(self, weights: WeightsRecord) -> Recipe:
        """Return the recipe for what the backbone starts from; a random start that was asked for is as any other."""
        return self.recipe.of_start(is_random=self.mode.is_pretrained and not weights.pretrained)


@dataclass(frozen=True)
class TrainingPlan:
    """A training that is ready to start: everything is checked and built, nothing has been learned."""

    request: TrainingRequest
    catalogue: Catalogue
    model: PhotoClassifier
    device: torch.device
    header: TrainingHeader

    @property
    def sizes(self) -> dict[str, float]:
        """The network's, as training.json names them; a probe's head has its own once it is fitted."""
        classifier = self.model.classifier
        return {
            "n_parameters": n_parameters(classifier),
            "n_trainable": n_parameters(classifier, trainable_only=True),
            "n_features": classifier.n_features,
            "size_mib": size_mib(tensor.shape for tensor in (*classifier.parameters(), *classifier.buffers())),
        }

    @property
    def recipe(self) -> Recipe:
        """How it is trained."""
        return self.request.recipe_from(self.header.weights)

    @property
    def uses_features(self) -> bool:
        """Whether the backbone runs once per photo only."""
        return self.request.uses_features

    @property
    def augment(self) -> Augment | None:
        """What changes the training photos; None without an augmentation."""
        params, preprocessing = self.recipe.augment, self.request.settings.preprocessing
        if isinstance(params, NoAugmentation):
            return None
        labels = self.catalogue.label_ids(self.catalogue.rows("train"))
        return Augment(params, preprocessing, np.bincount(labels, minlength=len(self.catalogue.labels)))

    def loss(self, *, training: bool) -> Loss:
        """Return the loss that a training learns from, or that its predictions are judged by."""
        labels = self.catalogue.label_ids(self.catalogue.rows("train"))
        return build_loss(self.recipe.loss, labels, len(self.catalogue.labels), training=training)


def plan_training(request: TrainingRequest, catalogue: Catalogue, *, weights_dir: Path) -> TrainingPlan:
    """Return the training ready to start, on its device, with threads and seeds set for this process.

    A TrainingError where the device is not there or has no room for the network; a ParamsError where a head with batch
    norm gets one product per batch, or mode or labels forbid the recipe; a WeightsError without a record or for another
    architecture.
    """
    recipe = request.recipe
    if problem := recipe_problem(recipe, request.mode, request.settings.head):
        raise ParamsError(f"{request.settings.model}: {problem}.")
    check_alpha(recipe.loss, catalogue.labels)
    check_class_sizes(recipe.balance, catalogue.label_ids(catalogue.rows("train")), catalogue.labels)
    threads = set_threads(request.compute.threads or max(1, default_threads() // n_processes()))
    keep_freed_memory()
    device = resolve_device(request.compute.device)
    make_deterministic(device)
    settings, train = request.settings, catalogue.at(catalogue.rows("train"))
    preprocessing = normalised(settings.preprocessing, recipe.normalise, train)
    request = replace(request, settings=settings.model_copy(update={"preprocessing": preprocessing}))
    classifier = build_classifier(
        request.settings,
        n_classes=len(catalogue.labels),
        seed=request.seed,
        weights_dir=weights_dir if request.mode.is_pretrained else None,
        scan=request.scan.implementation,
        network_dir=weights_dir,
    )
    set_mode(classifier, request.mode)
    _prepare_backbone(classifier, request)
    header = _header(request, catalogue, weights_dir, device=device, threads=threads)
    model = PhotoClassifier(classifier, request.settings.preprocessing)
    doing = f"{header.title}: moving {n_parameters(classifier) / 1e6:.1f} M parameters to {device}"
    with out_of_memory_in_words(TrainingError, doing, remedies="free its memory, or set compute.device: cpu"):
        model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TrainingPlan(request, catalogue, model, device, header)


def _prepare_backbone(classifier: Classifier, request: TrainingRequest) -> None:
    """Make the backbone train as the recipe says, where it trains."""
    recipe, backbone = request.recipe, classifier.backbone
    classifier.holds_batch_norm = recipe.batch_norm == "eval"
    if recipe.gradient_checkpointing and request.mode.trained != 0:
        try:
            backbone.set_grad_checkpointing(True)  # type: ignore[operator]
        except (AttributeError, AssertionError):  # timm's networks without it assert
            raise ParamsError(
                f"{request.settings.model} has no gradient checkpointing; set gradient_checkpointing: false for it."
            ) from None


def _header(
    request: TrainingRequest, catalogue: Catalogue, weights_dir: Path, *, device: torch.device, threads: int
) -> TrainingHeader:
    settings, weights = request.settings, read_record(weights_dir)
    if not request.mode.is_pretrained:
        weights = weights.scratch()
    header = TrainingHeader(
        candidate=Candidate.of(settings.model, request.mode.name).name,
        model=settings.model,
        mode=request.mode.name,
        seed=request.seed,
        framework="pytorch",
        architecture=settings.architecture,
        settings=settings,
        training=request.recipe_from(weights).model_dump(mode="json"),
        labels=list(catalogue.labels),
        dataset=catalogue.dataset,
        splits=split_digest(catalogue),
        weights=weights,
        weights_dir=relative_to_project(weights_dir),
        device=device.type,
        device_name=device_name(device),
        threads=threads,
        processes=n_processes(),
        scan=resolve(request.scan.implementation, device.type) if settings.source == "mambavision" else None,
        loss=request.recipe.loss.name,
        versions=versions(settings.source),
        key="",
    )
    network = settings.model_dump(mode="json", include={"source", "name", "preprocessing", "head"})
    return header.model_copy(update={"key": training_key(header, catalogue, network)})
