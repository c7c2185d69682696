"""What learns in a training: a classifier by gradient, on photos or cached features, or a probe that is fitted."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from bakeoff.backbones.classifier import set_mode
from bakeoff.core.paths import state_dir
from bakeoff.core.seeding import derive_seed
from bakeoff.learning.balance import ON_FEATURES, class_weights
from bakeoff.learning.history import History
from bakeoff.training.augment import mix_batch
from bakeoff.training.balance import resample_features
from bakeoff.training.data import Batch, BatchSource, LoaderOptions, PhotoBatches, PhotoDataset, TensorBatches
from bakeoff.training.features import Features, Views, cached_features, cached_views
from bakeoff.training.loop import LoopOptions, OnEpoch, train_module
from bakeoff.training.plan import TrainingPlan
from bakeoff.training.probes import fit_head, fit_linear
from bakeoff.training.resume import CheckpointFolder


def learn(
    plan: TrainingPlan, checkpoint: CheckpointFolder | None = None, on_epoch: OnEpoch | None = None
) -> tuple[History, float]:
    """Train on cached features or on photos; return how it went and what extracting features took, s."""
    request = plan.request
    product_ids = plan.catalogue.products["product_id"].tolist()
    options = LoopOptions(
        plan.recipe,
        plan.device,
        *(plan.loss(training=training) for training in (True, False)),
        title=plan.header.title,
        before_epoch=lambda epoch: set_mode(plan.model.classifier, request.mode, epoch=epoch),
        change=_mixer(plan),
        name_of=product_ids.__getitem__,
    )
    if request.mode.family == "probe":
        features = features_of(plan)
        return _fit_probe(plan, features.array), features.extraction_s * _share_learned_from(plan)
    features = features_of(plan) if plan.uses_features or plan.recipe.start == "head" else None
    if features and plan.recipe.start == "head":
        _start_head(plan, features.array)
    extraction_s = features.extraction_s * _share_learned_from(plan) if features else 0.0
    features = features if plan.uses_features else None
    train, validation = _training_batches(plan, features), _batches(plan, plan.catalogue.rows("validation"), features)
    module: nn.Module = plan.model.classifier.head if features else plan.model
    history = train_module(
        module, train=train, validation=validation, options=options, checkpoint=checkpoint, on_epoch=on_epoch
    )
    return history, extraction_s


def _mixer(plan: TrainingPlan) -> Callable[[Batch, int, int], Batch]:
    """Return what mixes the photos of a batch, where the recipe asks for that."""
    params, seed, n_classes = plan.recipe.mix, plan.request.seed, len(plan.catalogue.labels)

    def mix(batch: Batch, epoch: int, number: int) -> Batch:
        if params is None:
            return batch
        stream = derive_seed(seed, "mix", epoch, number)
        return Batch(*mix_batch(params, *batch[:3], n_classes=n_classes, seed=stream), batch.positions)

    return mix


def _share_learned_from(plan: TrainingPlan) -> float:
    """Return the share of the products that a training needs; all have features, to be predicted."""
    return float((plan.catalogue.products["split"] != "test").to_numpy().mean())


def _fit_probe(plan: TrainingPlan, features: np.ndarray) -> History:
    """Put a fitted head on the network; the history is one step."""
    catalogue, recipe, classifier = plan.catalogue, plan.recipe, plan.model.classifier
    rows = catalogue.rows("train")
    started, labels = time.perf_counter(), catalogue.label_ids(rows)
    known = features[rows], labels, catalogue.weights(rows), len(catalogue.labels)
    classifier.head = fit_head(plan.request.mode.head, *known, recipe.probe).to(plan.device).eval()
    history, found = History(recipe.model_copy(update={"epochs": 1, "max_steps": None}), 1, None), dict[str, float]()
    for split in ("train", "validation"):
        rows = catalogue.rows(split)
        labels = torch.from_numpy(catalogue.label_ids(rows)).to(plan.device)
        with torch.inference_mode():
            logits = classifier.head(torch.from_numpy(features[rows]).to(plan.device))
        found[f"{split}_accuracy"] = float((logits.argmax(dim=1) == labels).float().mean())
        found[f"{split}_loss"] = float(plan.loss(training=False)(logits, labels).mean())
    history.step_losses.append(found.pop("train_loss"))
    history.add_epoch([1.0], **found, seconds=time.perf_counter() - started)
    return history


def _start_head(plan: TrainingPlan, features: np.ndarray) -> None:
    """Let the head start as the logistic regression on the backbone's features."""
    catalogue, layers = plan.catalogue, plan.model.classifier.head
    rows = catalogue.rows("train")
    known = features[rows], catalogue.label_ids(rows), catalogue.weights(rows), len(catalogue.labels)
    weight, bias = fit_linear("logreg", *known, plan.recipe.probe.c)
    last = list(layers.children())[-1]
    last.load_state_dict({"weight": weight, "bias": bias})


def _training_batches(plan: TrainingPlan, features: Features | None) -> BatchSource:
    """Return batches of the training products, balanced and weighted as the recipe says."""
    catalogue, recipe, seed = plan.catalogue, plan.recipe, plan.request.seed
    rows, n_classes = catalogue.rows("train"), len(catalogue.labels)
    labels, weights, positions = catalogue.label_ids(rows), catalogue.weights(rows), rows
    of_class = class_weights(labels, n_classes, recipe.class_weights)
    options = replace(_options(plan), balance=recipe.balance)
    if features is None:
        preprocessing = plan.request.settings.preprocessing
        dataset = PhotoDataset(catalogue, rows, preprocessing, augment=plan.augment, seed=seed)
        return PhotoBatches(dataset, options, weights * of_class[labels])
    views = _views_of(plan) if plan.augment else [features]
    inputs = np.concatenate([view.array[rows] for view in views])
    if recipe.balance.name in ON_FEATURES:
        inputs, labels, weights, numbers = resample_features(inputs, labels, weights, recipe.balance, seed)
        positions = np.where(numbers < 0, -1, rows[numbers])
    parts = torch.from_numpy(inputs).to(plan.device).chunk(len(views))
    return TensorBatches(parts, labels, options, weights * of_class[labels], positions)


def _views_of(plan: TrainingPlan) -> list[Features]:
    assert plan.augment
    assert plan.recipe.cache_views
    recipe = [plan.recipe.augment.model_dump(mode="json"), list(map(int, plan.augment.class_sizes))]
    views = Views(plan.recipe.cache_views, plan.request.seed, plan.augment, recipe)
    places = {"header": plan.header, "root": state_dir("features"), "workers": plan.request.compute.loader_workers}
    return cached_views(plan.model, plan.catalogue, views, **places)


def _options(plan: TrainingPlan) -> LoaderOptions:
    request, pin = plan.request, plan.device.type == "cuda"
    return LoaderOptions(request.recipe.batch_size, request.seed, request.compute.loader_workers, pin)


def _batches(plan: TrainingPlan, rows: np.ndarray, features: Features | None) -> BatchSource:
    """Return batches of the features of some products, or of their photos where there are none."""
    catalogue, options = plan.catalogue, _options(plan)
    if features is None:
        return PhotoBatches(PhotoDataset(catalogue, rows, plan.request.settings.preprocessing), options)
    inputs = torch.from_numpy(features.array[rows]).to(plan.device)
    return TensorBatches([inputs], catalogue.label_ids(rows), options, positions=rows)


def features_of(plan: TrainingPlan) -> Features:
    """Return what the plan's frozen backbone makes of every product of its catalogue, from the cache where it is."""
    workers = plan.request.compute.loader_workers
    return cached_features(plan.model, plan.catalogue, header=plan.header, root=state_dir("features"), workers=workers)
