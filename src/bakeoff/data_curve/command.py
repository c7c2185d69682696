"""`bakeoff learning-curve`: a trained candidate's data curve, its file and its figure."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.core.failures import drawing
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.modes import parse_mode
from bakeoff.core.progress import progress_bar
from bakeoff.core.section import load_section
from bakeoff.core.translation import Translator
from bakeoff.data.table import load_catalogue
from bakeoff.data_curve.curve import Fit, describe, measure
from bakeoff.deploy.prediction.candidates import find_candidate
from bakeoff.learning.recipe import RecipeRecord
from bakeoff.records.data_curve import FIGURE, FILE, FOLDER, DataCurveRecord
from bakeoff.records.training import TrainingRecord
from bakeoff.report.data_curve import draw_data_curve
from bakeoff.training.losses import probabilities
from bakeoff.training.out_of_fold import refit_head
from bakeoff.training.plan import TrainingPlan, TrainingRequest, plan_training


def run_data_curve(
    root: Path, candidate: str, *, shares: Sequence[float], n_repeats: int, seed: int, t: Translator
) -> DataCurveRecord:
    """Measure a candidate's data curve, write its file and figure beside its training, and return the record.

    Raises:
        EvaluationError: an unknown candidate, one that needs photos in each epoch, or a training of other params.
        TrainingError: too few products.
    """
    trained = find_candidate(root, candidate, seed=None)
    plan = _plan(root, trained.training)
    fit = fit_head(plan)
    with progress_bar() as bar:
        task = bar.add_task(f"{candidate} data curve", total=n_repeats * len(shares))
        plans = {"shares": shares, "n_repeats": n_repeats, "seed": seed}
        measured = measure(plan.catalogue, fit, **plans, advance=lambda: bar.advance(task))
    known = {"candidate": candidate, "training_key": plan.header.key, "seed": seed}
    record = describe(measured, plan.catalogue.labels, n_photos=len(plan.catalogue.rows("train")), **known)
    folder = trained.folder / FOLDER
    record.write(folder / FILE)
    with drawing(folder / FIGURE, folder) as path:
        draw_data_curve(record, path, t)
    return record


def _plan(root: Path, made: TrainingRecord) -> TrainingPlan:
    """Return a training on cached features as it was planned."""
    request = TrainingRequest(
        made.backbone,
        parse_mode(made.mode),
        made.seed,
        RecipeRecord.read(root / "data" / "recipes" / f"{made.candidate}.json").recipe,
        load_section(root / "params.yaml", ComputeParams),
        load_section(root / "params.yaml", ScanParams),
    )
    if not request.uses_features or request.recipe.augment.name != "none":
        raise EvaluationError(
            f"{made.candidate} looks at photos in each epoch, and a curve of it would take hours; expected a candidate "
            "whose backbone runs once per photo: frozen or a probe, without augmentation."
        )
    catalogue = load_catalogue(root / "data" / "catalogue", root / "data" / "splits" / "splits.parquet")
    plan = plan_training(request, catalogue, weights_dir=root / made.weights_dir)
    if plan.header.key != made.key:
        raise EvaluationError(
            f"{made.candidate} was trained with other params, products or packages than there are now; run `dvc repro`."
        )
    return plan


def fit_head(plan: TrainingPlan) -> Fit:
    """Return what trains the plan's head on some rows as `train_candidate` does on all of the train split."""

    def fit(rows: np.ndarray, repeat: int) -> np.ndarray:
        everything, seed = np.arange(len(plan.catalogue.products)), plan.request.seed + repeat
        logits = refit_head(plan, plan.model.classifier.head, rows, everything, seed=seed)
        return probabilities(logits, plan.recipe.loss.probabilities).cpu().numpy()

    return fit
