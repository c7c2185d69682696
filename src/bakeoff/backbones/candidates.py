"""Write data/candidates/<model>.json for the study, and tidy runs/ so that it holds this study alone."""

from pathlib import Path

import torch
from rich.box import SIMPLE
from rich.table import Table

from bakeoff.backbones.networks import build_backbone
from bakeoff.backbones.params import StudyBackbones
from bakeoff.backbones.registry import describe, timm_cfg
from bakeoff.core.errors import ParamsError
from bakeoff.records.candidate import prune_runs
from bakeoff.records.settings import CandidateSettings


def write_candidates(study: StudyBackbones, out_dir: Path, runs_dir: Path) -> list[CandidateSettings]:
    """Write one settings file per model and return them in the study's order.

    Also removes files of other models from `out_dir`, and folders of candidates and seeds outside the study from
    `runs_dir` (DVC's cache keeps them); the baseline is part of every study. A ParamsError where a model is unknown,
    or takes no photos of its image_size; nothing is written or removed then.
    """
    described = [describe(model, study.backbones, study.backbone_defaults) for model in study.models]
    for settings in described:
        check_forward(settings)
    out_dir.mkdir(parents=True, exist_ok=True)
    for path in out_dir.glob("*.json"):
        if path.name.removesuffix(".json") not in [*study.models, *study.text_models]:
            path.unlink()
    for settings in described:
        settings.write(out_dir / f"{settings.model}.json")
    prune_runs(runs_dir, study.candidates())
    return described


def check_forward(settings: CandidateSettings) -> None:
    """Refuse a candidate that takes no photos of its size (ParamsError): one goes through it on the device `meta`.

    That takes 0.2 s; where it fails, real numbers decide. MambaVision takes every size (it pads; tried from 32 to 512
    px) and cannot be built on `meta`.
    """
    if settings.source == "mambavision":
        return
    network_dir = None
    if settings.source == "hf":
        from bakeoff.backbones.hf_preprocessing import published_folder

        network_dir = published_folder(settings.name)
    try:
        shape = _output_shape(settings, network_dir, device="meta")
    except ParamsError:
        shape = _output_shape(settings, network_dir, device="cpu")
    if len(shape) != 2:
        raise ParamsError(
            f"{settings.name} gives {shape} for one photo, not pooled features (1, D); take another model."
        )


def _output_shape(settings: CandidateSettings, network_dir: Path | None, *, device: str) -> tuple[int, ...]:
    size = settings.preprocessing.image_size
    try:
        with torch.device(device), torch.no_grad(), torch.random.fork_rng(devices=[]):
            backbone = build_backbone(settings, network_dir=network_dir)[0].eval()
            return tuple(backbone(torch.zeros(1, 3, size, size)).shape)
    except (RuntimeError, ValueError, TypeError, AssertionError, AttributeError, LookupError) as error:
        own = f"takes photos of {timm_cfg(settings.name).input_size[-1]} px and " if settings.source == "timm" else ""
        raise ParamsError(
            f"{settings.name} {own}cannot compute {size} px ({' '.join(str(error).split())[:160]}); leave image_size "
            "null to use its own size, or take another model."
        ) from None


def candidates_table(candidates: list[CandidateSettings]) -> Table:
    """Return one line per backbone: input side, where its weights are, whether it may be sold."""
    table = Table(title="Backbones of this study", box=SIMPLE, title_justify="left")
    for column in ("model", "px", "weights", "licence of the weights", "commercial use"):
        table.add_column(column, overflow="fold")
    for settings in candidates:
        commercial = {True: "yes", False: "NO", None: "see the model card"}[settings.commercial_use]
        size = str(settings.preprocessing.image_size)
        weights = settings.weights_id or "none published"
        table.add_row(settings.model, size, weights, settings.licence_weights, commercial)
    return table
