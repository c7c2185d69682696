"""What learns in a training: a classifier by gradient, on photos or cached features, or a probe that is fitted."""

import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import nn

from bakeoff.backbones.classifier import set_mode
from bakeoff.core.seeding import derive_seed
from bakeoff.learning.balance import ON_FEATURES, check_class_sizes, class_weights
from bakeoff.learning.history import History, OnEpoch
from bakeoff.training.augment import mix_batch
from bakeoff.training.balance import epoch_rows, resample_features
from bakeoff.training.checkpoint import CheckpointFolder
from bakeoff.training.data import ArrayBatches, Batch, BatchSource, LoaderOptions, PhotoBatches, PhotoDataset, Rows
from bakeoff.training.features import Features, Views, cached_features, cached_views
from bakeoff.training.loop import LoopOptions, train_module
from bakeoff.training.maps import Tail, cached_maps, fed_with_maps, find_tail
from bakeoff.training.plan import TrainingPlan
from bakeoff.training.probes import fit_head, fit_linear

Inputs = np.ndarray | Rows
_NONE = np.zeros(0)


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
        change=partial(_mix, plan),
        name_of=product_ids.__getitem__,
    )
    features = features_of(plan) if plan.uses_features or plan.recipe.start == "head" else None
    views = _views_of(plan) if features and plan.uses_features and plan.augment else []
    share = float((plan.catalogue.products["split"] != "test").to_numpy().mean())  # test's serve predictions alone
    extraction_s = share * (features.extraction_s if features else 0) + sum(view.extraction_s for view in views)
    if features and request.mode.family == "probe":
        return _fit_probe(plan, features.array), extraction_s
    if features and plan.recipe.start == "head":
        _start_head(plan, features.array)
    if plan.recipe.compile and not plan.uses_features:  # after the features, which frozen candidates share
        plan.model.classifier.backbone.compile()
    tail, maps = _tail_of(plan)
    extraction_s += maps.extraction_s if maps else 0
    known = features if plan.uses_features else maps
    parts = [view.array for view in views] or ([known.of(plan.catalogue.rows("train"))] if known else [])
    train, validation = _training_batches(plan, parts), _batches(plan, plan.catalogue.rows("validation"), known)
    module: nn.Module = plan.model.classifier.head if plan.uses_features else plan.model
    n_threads = torch.get_num_threads()
    if plan.uses_features:
        torch.set_num_threads(1)  # a head's batches are so small that two threads wait for each other
    try:
        with fed_with_maps(plan.model, tail) if tail and maps else nullcontext():
            history = train_module(
                module, train=train, validation=validation, options=options, checkpoint=checkpoint, on_epoch=on_epoch
            )
    finally:
        torch.set_num_threads(n_threads)
    return history, extraction_s


def _tail_of(plan: TrainingPlan) -> tuple[Tail | None, Features | None]:
    """Return the part of the network that learns and what enters it, where its epochs see the same of it."""
    request, recipe = plan.request, plan.recipe
    rows = plan.catalogue.rows("train")[:2]
    if request.mode.family != "partial" or not recipe.repeats_photos or recipe.compile or not len(rows):
        return None, None
    dataset = PhotoDataset(plan.catalogue, rows, request.settings.preprocessing)
    photos = torch.stack([dataset[0, row][0] for row in range(len(dataset))]).to(plan.device)
    tail = find_tail(plan.model, photos)
    if tail is None:
        told = f"{plan.header.title} cannot be divided where it begins to learn; photos go through all of it"
        sys.stderr.write(f"bakeoff: {told}.\n")
    workers = request.compute.loader_workers
    return tail, tail and cached_maps(plan.model, plan.catalogue, tail, plan.header, workers=workers)


def _mix(plan: TrainingPlan, batch: Batch, epoch: int, number: int) -> Batch:
    """Return a batch with its photos mixed, where the recipe asks for that."""
    if plan.request.recipe.mix is None:
        return batch
    seed = derive_seed(plan.request.seed, "mix", epoch, number)
    mixed = mix_batch(plan.request.recipe.mix, *batch[:3], n_classes=len(plan.catalogue.labels), seed=seed)
    return Batch(*mixed, batch.positions)


def _fit_probe(plan: TrainingPlan, features: np.ndarray) -> History:
    """Put a fitted head on the network; the history is one step."""
    catalogue, recipe, classifier = plan.catalogue, plan.recipe, plan.model.classifier
    started, (inputs, labels, weights, _) = time.perf_counter(), _training_rows(plan, features[catalogue.rows("train")])
    rows = epoch_rows(labels, plan.request.seed, 1, recipe.balance)
    known = inputs[rows], labels[rows], weights[rows], len(catalogue.labels)
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


def _training_rows(plan: TrainingPlan, inputs: Inputs = _NONE) -> tuple[Inputs, np.ndarray, np.ndarray, np.ndarray]:
    """Return what is learned from, labels, weights and positions of the training products, as the recipe balances them.

    `inputs` (N, D) are their features, where there are any. Position -1 has no product.
    """
    catalogue, recipe = plan.catalogue, plan.recipe
    rows = catalogue.rows("train")
    labels, weights, positions = catalogue.label_ids(rows), catalogue.weights(rows), rows
    if recipe.balance.name in ON_FEATURES:
        check_class_sizes(recipe.balance, labels, catalogue.labels)
        inputs, labels, weights, numbers = resample_features(
            inputs[:], labels, weights, recipe.balance, plan.request.seed
        )
        positions = np.where(numbers < 0, -1, rows[numbers])
    weights = weights * class_weights(labels, len(catalogue.labels), recipe.class_weights)[labels]
    return inputs, labels, weights, positions


def _training_batches(plan: TrainingPlan, parts: Sequence[Inputs]) -> BatchSource:
    """Return batches of the training products' photos, or of their features or maps, which epochs take in turn."""
    options = replace(_options(plan), balance=plan.recipe.balance)
    if not parts:
        rows, preprocessing = plan.catalogue.rows("train"), plan.request.settings.preprocessing
        dataset = PhotoDataset(plan.catalogue, rows, preprocessing, augment=plan.augment, seed=plan.request.seed)
        return PhotoBatches(dataset, options, _training_rows(plan)[2])
    first, labels, weights, positions = _training_rows(plan, parts[0])
    return ArrayBatches([first, *parts[1:]], labels, options, weights, positions)


def _views_of(plan: TrainingPlan) -> list[Features]:
    """Return the features of each augmented view of the training products, in their order."""
    assert plan.augment
    assert plan.recipe.cache_views
    recipe = [plan.recipe.augment.model_dump(mode="json"), list(map(int, plan.augment.class_sizes))]
    views = Views(plan.recipe.cache_views, plan.request.seed, plan.augment, recipe)
    return cached_views(
        plan.model, plan.catalogue.only("train"), views, plan.header, workers=plan.request.compute.loader_workers
    )


def _options(plan: TrainingPlan) -> LoaderOptions:
    request, pin = plan.request, plan.device.type == "cuda"
    return LoaderOptions(request.recipe.batch_size, request.seed, request.compute.loader_workers, pin)


def _batches(plan: TrainingPlan, rows: np.ndarray, known: Features | None) -> BatchSource:
    """Return batches of the features or maps of some products, or of their photos where there are none."""
    catalogue, options = plan.catalogue, _options(plan)
    if known is None:
        return PhotoBatches(PhotoDataset(catalogue, rows, plan.request.settings.preprocessing), options)
    return ArrayBatches([known.of(rows)], catalogue.label_ids(rows), options, positions=rows)


def features_of(plan: TrainingPlan) -> Features:
    """Return what the plan's frozen backbone makes of every product of its catalogue, from the cache where it is."""
    return cached_features(plan.model, plan.catalogue, plan.header, workers=plan.request.compute.loader_workers)
