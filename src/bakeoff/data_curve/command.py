"""`bakeoff learning-curve`: a trained candidate's data curve, its file and its figure."""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bakeoff.core.errors import EvaluationError, ParamsError
from bakeoff.core.failures import drawing
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.progress import progress_bar
from bakeoff.core.section import load_section
from bakeoff.core.seeding import seed_everything
from bakeoff.core.translation import Translator
from bakeoff.data.table import load_catalogue
from bakeoff.data_curve.measure import Fit, describe, measure
from bakeoff.deploy.prediction.candidates import TrainedCandidate, find_candidate
from bakeoff.learning.params import TrainingParams
from bakeoff.records.candidate import Candidate
from bakeoff.records.data_curve import FIGURE, FILE, FOLDER, DataCurveRecord
from bakeoff.records.settings import CandidateSettings
from bakeoff.report.data_curve import draw_data_curve
from bakeoff.training.data import LoaderOptions, TensorBatches
from bakeoff.training.loop import LoopOptions, train_module
from bakeoff.training.losses import probabilities
from bakeoff.training.run import TrainingPlan, TrainingRequest, features_of, plan_training


def parse_shares(text: str) -> list[float]:
    """Return shares in (0, 1], ascending, of a text such as `10,50,100`.

    Raises:
        ParamsError: it holds something else than percentages.
    """
    try:
        shares = sorted({float(part) / 100 for part in text.split(",")})
    except ValueError:
        shares = [0.0]
    if not 0 < shares[0] <= shares[-1] <= 1:
        raise ParamsError(f"--shares takes percentages above 0 and up to 100, such as 10,20,50,100; got {text!r}.")
    return shares


def run_data_curve(
    root: Path, candidate: str, *, shares: Sequence[float], n_repeats: int, seed: int, t: Translator
) -> DataCurveRecord:
    """Measure a candidate's data curve, write its file and figure beside its training, and return the record.

    Raises:
        EvaluationError: an unknown candidate, one whose backbone learns, or one trained with other params or products.
        TrainingError: too few products.
    """
    if Candidate(candidate).mode != "frozen":
        raise EvaluationError(
            f"{candidate} is not a frozen candidate; its backbone would learn anew at every point, for hours. Expected "
            "<model>-frozen, whose features are computed once."
        )
    trained = find_candidate(root, candidate, seed=None)
    plan = _plan(root, trained)
    fit = fit_head(plan)
    with progress_bar() as bar:
        task = bar.add_task(f"{candidate} data curve", total=n_repeats * len(shares))
        measured = measure(
            plan.catalogue, fit, shares=shares, n_repeats=n_repeats, seed=seed, advance=lambda: bar.advance(task)
        )
    n_photos, known = len(plan.catalogue.rows("train")), {"candidate": candidate, "training_key": trained.training.key}
    record = describe(measured, plan.catalogue.labels, n_photos=n_photos, seed=seed, **known)
    record.write(trained.folder / FOLDER / FILE)
    with drawing(trained.folder / FOLDER / FIGURE, trained.folder / FOLDER) as path:
        draw_data_curve(record, path, t)
    return record


def _plan(root: Path, trained: TrainedCandidate) -> TrainingPlan:
    """Return the training as it was planned."""
    made, params = trained.training, root / "params.yaml"
    request = TrainingRequest(
        settings=CandidateSettings.read(root / "data" / "candidates" / f"{made.model}.json"),
        mode="frozen",
        seed=made.seed,
        training=load_section(params, TrainingParams),
        compute=load_section(params, ComputeParams),
        scan=load_section(params, ScanParams),
    )
    catalogue = load_catalogue(root / "data" / "catalogue", root / "data" / "splits" / "splits.parquet")
    plan = plan_training(request, catalogue, weights_dir=root / made.weights_dir)
    if plan.header.key != made.key:
        raise EvaluationError(
            f"{trained.folder} was trained with other params, products or package versions than there are now; run "
            "`dvc repro`, then ask for the curve again."
        )
    if not plan.uses_features:
        raise EvaluationError(f"{trained.name} learns from augmented photos; a curve needs `training.augment: none`.")
    return plan


def fit_head(plan: TrainingPlan) -> Fit:
    """Return what trains the plan's head on some rows as `train_candidate` does on all of the train split."""
    training, catalogue, head = plan.request.training, plan.catalogue, plan.model.classifier.head
    start = copy.deepcopy(head.state_dict())
    features = torch.from_numpy(np.array(features_of(plan).array)).to(plan.device)
    random_start = not plan.weights.pretrained
    schedule = training.schedule("frozen", plan.request.settings.training, random_start=random_start)

    def batches(rows: np.ndarray, seed: int) -> TensorBatches:
        options = LoaderOptions(training.batch_size, seed)
        return TensorBatches(features[rows], catalogue.label_ids(rows), options, catalogue.weights(rows))

    def fit(rows: np.ndarray, repeat: int) -> np.ndarray:
        seed = plan.request.seed + repeat
        seed_everything(seed)
        head.load_state_dict(start)
        held = batches(catalogue.rows("validation"), seed)
        options = LoopOptions(training, schedule, seed, plan.device)
        train_module(head, train=batches(rows, seed), validation=held, options=options)
        with torch.inference_mode():
            return probabilities(head(features), training.loss.probabilities).cpu().numpy()

    return fit
