"""Heads on cached features, trained again without some products: what a candidate says of products it has not seen."""

import copy
import sys
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from bakeoff.backbones.classifier import Classifier
from bakeoff.core.errors import TrainingError
from bakeoff.core.progress import progress_bar
from bakeoff.core.seeding import seed_everything
from bakeoff.data.batching import PREDICT_BATCH, split_batches
from bakeoff.data.predictions import Predictions, make_predictions
from bakeoff.data.table import UNUSED
from bakeoff.learning.folds import make_folds
from bakeoff.training.learn import features_of, learn
from bakeoff.training.losses import probabilities
from bakeoff.training.module import PhotoClassifier
from bakeoff.training.plan import TrainingPlan


def out_of_fold(plan: TrainingPlan, start: nn.Module) -> Predictions | None:
    """Return what heads that begin as `start` and have not seen them say of train's products, five folds of them.

    None where epochs look at photos, where there are no folds of two classes, or, with a line on stderr, where four
    fifths of train are too few for the recipe. Nothing of the plan is changed.
    """
    known, train, seed = plan.catalogue.only("train"), plan.catalogue.rows("train"), plan.request.seed
    labels = plan.catalogue.label_ids(train)
    folds = make_folds(labels, known.products["group_id"].to_numpy(), seed=seed)
    if not plan.uses_features or plan.augment or not folds:
        return None
    logits = torch.zeros((len(train), len(known.labels)), device=plan.device)
    try:
        with progress_bar() as bar:
            for others, rows in bar.track(folds, description=f"{plan.header.title} out of fold"):
                logits[rows] = refit_head(plan, start, train[others], train[rows], seed=seed)
    except TrainingError as error:
        sys.stderr.write(f"bakeoff: {plan.header.title} has no answers out of fold: {error}\n")
        return None
    losses = plan.loss(training=False)(logits, torch.from_numpy(labels).to(plan.device))
    found = probabilities(logits, plan.recipe.loss.probabilities)
    return make_predictions(known, found.cpu().numpy(), losses.cpu().numpy(), out_of_fold=True)


def refit_head(plan: TrainingPlan, start: nn.Module, rows: np.ndarray, asked: np.ndarray, *, seed: int) -> Tensor:
    """Return logits (N, K) of the products at positions `asked` (N,) by the plan's head, trained on `rows` (M,) alone.

    The head begins as `start`, which stays as it is, and is trained as `train_candidate` does it. The plan uses cached
    features.
    """
    seed_everything(seed)
    catalogue, classifier, head = plan.catalogue, plan.model.classifier, copy.deepcopy(start)
    splits = catalogue.products["split"]
    left_out = (splits == "train") & ~catalogue.products.index.isin(rows)
    some = replace(catalogue, products=catalogue.products.assign(split=splits.mask(left_out, UNUSED)))
    again = Classifier(classifier.backbone, head, classifier.n_features)
    model = PhotoClassifier(again, plan.request.settings.preprocessing).to(plan.device)
    learn(replace(plan, catalogue=some, model=model, request=replace(plan.request, seed=seed)))
    features, batches = features_of(plan).array, split_batches(asked, PREDICT_BATCH)
    with torch.inference_mode():
        return torch.cat([again.head(torch.from_numpy(features[batch]).to(plan.device)) for batch in batches])
