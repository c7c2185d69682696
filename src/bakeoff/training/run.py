"""One candidate from its settings to runs/<candidate>/seed_<s>/training/: the order of the steps, and the record."""

import copy
import sys
import time
from pathlib import Path

import numpy as np
import torch

from bakeoff.backbones.network_files import copy_config
from bakeoff.core.code import code_digest, digest
from bakeoff.core.errors import TrainingError
from bakeoff.core.locks import waiting_lock
from bakeoff.core.machine import peak_resident_mib
from bakeoff.core.paths import project_root, state_dir
from bakeoff.core.progress import progress_bar
from bakeoff.core.seeding import derive_seed, seed_everything
from bakeoff.data.batching import PREDICT_BATCH
from bakeoff.data.predictions import Predictions, make_predictions
from bakeoff.data.transforms import to_unit, transform_photo
from bakeoff.learning.history import OnEpoch
from bakeoff.learning.key import now_utc
from bakeoff.learning.out_of_memory import out_of_memory_in_words
from bakeoff.learning.outputs import Outcome
from bakeoff.records.training import TrainingRecord
from bakeoff.training.checkpoint import MODEL_FILE, CheckpointFolder, save_classifier
from bakeoff.training.data import PhotoDataset
from bakeoff.training.device import peak_cuda_memory_mib
from bakeoff.training.features import fastest
from bakeoff.training.learn import features_of, learn
from bakeoff.training.losses import probabilities
from bakeoff.training.module import photo_tensor
from bakeoff.training.out_of_fold import out_of_fold
from bakeoff.training.parallel import rank
from bakeoff.training.plan import TrainingPlan


def train_candidate(plan: TrainingPlan, out_dir: Path, *, on_epoch: OnEpoch | None = None) -> TrainingRecord:
    """Train, predict every product, write the training folder and return training.json's content.

    A training that was interrupted goes on from its last checkpoint and ends as if it had not been. A TrainingError
    where a split is empty or the loss not a number, an EvaluationError where the trained network's scores are not.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    started_at = now_utc()
    resumed = digest([plan.header.key, code_digest(Path(__file__).resolve())])  # other code starts anew
    root = state_dir("checkpoints")
    with waiting_lock(root / f"{resumed}.lock", what=f"training {resumed}"):
        checkpoint = CheckpointFolder(root / resumed)
        seed_everything(plan.request.seed)
        start = copy.deepcopy(plan.model.classifier.head)
        history, extraction_s = learn(plan, checkpoint, on_epoch)
        trained = time.perf_counter()
        predictions = _predict(plan)
        cost = {"feature_time_s": extraction_s, "predict_time_s": time.perf_counter() - trained}
        resident_mib, cuda_mib = peak_resident_mib(), peak_cuda_memory_mib(plan.device)
        cost |= {"train_memory_mib": cuda_mib or resident_mib, "train_resident_mib": resident_mib}
        save_classifier(plan.model.classifier, plan.request.mode, out_dir / MODEL_FILE)
        copy_config(project_root() / plan.header.weights_dir, out_dir)
        outcome = Outcome(plan.header, plan.catalogue, history, predictions, out_of_fold(plan, start))
        record = outcome.write(
            out_dir,
            network={"probabilities": plan.request.recipe.loss.probabilities, **plan.sizes},
            cost={"started_at": started_at, **cost},
            used=plan.request.settings.preprocessing,
            augment=plan.augment,
        )
        checkpoint.clear()
    if record.not_learned:
        sys.stderr.write(f"bakeoff: WARNING: {plan.header.title} DID NOT LEARN: {record.not_learned}.\n")
    return record


def help_training(plan: TrainingPlan) -> None:
    """Take part in a training that another process writes down."""
    seed_everything(derive_seed(plan.request.seed, "process", rank()) % 2**32)
    learn(plan)


@torch.inference_mode()
def _predict(plan: TrainingPlan) -> Predictions:
    """Return what the network in memory says of every product, in the batches that `TorchPredictor` would make.

    A frozen one's head reads the cached features; on a CPU another's copy with packed weights reads the photos.
    """
    catalogue, loss = plan.catalogue, plan.loss(training=False)
    preprocessing, kind = plan.request.settings.preprocessing, plan.request.recipe.loss.probabilities
    features, model, rows = None, plan.model.eval(), np.arange(len(catalogue.products))
    if plan.request.mode.trained == 0:
        features = features_of(plan).array
    elif not plan.recipe.compile:
        model = fastest(model, PhotoDataset(catalogue, rows[:1], preprocessing))
    probabilities_of, losses = [], []
    with progress_bar() as bar:
        batches = [rows[start : start + PREDICT_BATCH] for start in range(0, len(rows), PREDICT_BATCH)]
        for batch in bar.track(batches, description=f"{plan.header.title} predictions"):
            if features is not None:
                logits = plan.model.classifier.head(torch.from_numpy(features[batch]).to(plan.device))
            else:
                products = catalogue.at(batch)
                photos = np.stack([transform_photo(products.photo(n), preprocessing) for n in range(len(batch))])
                doing = f"{plan.header.title}: predicting on {plan.device.type} with {len(batch)} photos"
                with out_of_memory_in_words(TrainingError, doing, remedies="lower the backbone's image_size"):
                    logits = model(photo_tensor(to_unit(photos), plan.device))
            labels = torch.from_numpy(catalogue.label_ids(batch)).to(plan.device)
            losses.append(loss(logits, labels).cpu().numpy())
            probabilities_of.append(probabilities(logits, kind).cpu().numpy())
    return make_predictions(catalogue, np.concatenate(probabilities_of), np.concatenate(losses))
