"""Write data/candidates/<model>.json for the study, and tidy runs/ so that it holds this study alone."""

from pathlib import Path

from rich.table import Table

from bakeoff.backbones.networks import check_forward
from bakeoff.backbones.params import StudyBackbones
from bakeoff.backbones.registry import describe
from bakeoff.core.errors import ParamsError
from bakeoff.records.candidate import BASELINE
from bakeoff.records.pruning import prune_runs
from bakeoff.records.settings import CandidateSettings


def write_candidates(study: StudyBackbones, out_dir: Path, runs_dir: Path) -> list[CandidateSettings]:
    """Write one settings file per model and return them in the study's order.

    Also removes files of other models from `out_dir`, and folders of candidates and seeds outside the study from
    `runs_dir` (DVC's cache keeps them); the baseline is part of every study.

    Raises:
        ParamsError: an unknown model, one that takes no photos of its image_size, or one named as the baseline; nothing
            is written or removed then.
    """
    if BASELINE in study.models:
        raise ParamsError(f"models must not name {BASELINE!r}: the TensorFlow baseline is part of every study.")
    described = [describe(model, study.backbones, study.backbone_defaults) for model in study.models]
    for settings in described:
        check_forward(settings)
    out_dir.mkdir(parents=True, exist_ok=True)
    for path in out_dir.glob("*.json"):
        if path.name.removesuffix(".json") not in study.models:
            path.unlink()
    for settings in described:
        settings.write(out_dir / f"{settings.model}.json")
    prune_runs(runs_dir, study.candidates())
    return described


def candidates_table(candidates: list[CandidateSettings]) -> Table:
    """Return one line per backbone: architecture, input side, where its weights are, whether it may be sold."""
    table = Table(title="Backbones of this study")
    for column in ("model", "architecture", "px", "weights", "licence of the weights", "commercial use"):
        table.add_column(column)
    for settings in candidates:
        commercial = {True: "yes", False: "NO", None: "see the model card"}[settings.commercial_use]
        size = str(settings.preprocessing.image_size)
        weights = settings.weights_id or "none published"
        table.add_row(settings.model, settings.architecture, size, weights, settings.licence_weights, commercial)
    return table
