"""Build a candidate's backbone, whatever library it is from: timm's, MambaVision's package or transformers."""

from pathlib import Path
from typing import Any

from torch import nn

from bakeoff.backbones.compat import import_timm
from bakeoff.core.errors import ParamsError, WeightsError
from bakeoff.records.settings import CandidateSettings


def build_backbone(
    settings: CandidateSettings, *, scan: str = "auto", network_dir: Path | None = None
) -> tuple[nn.Module, int]:
    """Return the backbone with fresh weights, images (N, 3, H, W) to pooled features (N, D), and D.

    Transformers models alone are built from the config.json in `network_dir`.
    """
    if settings.source == "timm":
        return _build_timm(settings)
    if settings.source == "mambavision":
        from bakeoff.backbones.mamba import build_mambavision

        backbone = build_mambavision(settings.name, scan=scan)
        return backbone, backbone.num_features
    from bakeoff.backbones.hf import build_hf

    if network_dir is None:
        raise WeightsError(
            f"{settings.model} is built from the config.json in weights/{settings.model}; run `dvc repro`."
        )
    return build_hf(network_dir, image_size=settings.preprocessing.image_size)


def timm_arguments(name: str, image_size: int) -> dict[str, Any]:
    """Return the size arguments of timm's create_model: a network with fixed input must be told another size."""
    cfg = import_timm().models.get_pretrained_cfg(name, allow_unregistered=False)
    if cfg is None or not cfg.fixed_input_size or cfg.input_size[-1] == image_size:
        return {}
    return {"img_size": image_size}


def fixed_side(settings: CandidateSettings) -> int | None:
    """Return the side, px, that a timm network's tables of positions are made for; None where any side will do."""
    if settings.source != "timm":
        return None
    cfg = import_timm().models.get_pretrained_cfg(settings.name, allow_unregistered=False)
    return settings.preprocessing.image_size if cfg and cfg.fixed_input_size else None


def classifier_prefixes(name: str) -> tuple[str, ...]:
    """Return the names of timm's classifier layers, which a checkpoint holds and a backbone does not."""
    cfg = import_timm().models.get_pretrained_cfg(name, allow_unregistered=False)
    classifier = (cfg.classifier if cfg else None) or ()
    return (classifier,) if isinstance(classifier, str) else tuple(classifier)


def _build_timm(settings: CandidateSettings) -> tuple[nn.Module, int]:
    timm = import_timm()
    arguments = timm_arguments(settings.name, settings.preprocessing.image_size)
    try:
        backbone = timm.create_model(settings.name, pretrained=False, num_classes=0, **arguments)
    except (TypeError, AssertionError) as error:
        raise ParamsError(
            f"{settings.name} cannot be built for {settings.preprocessing.image_size} px: {error}; "
            "leave image_size null to use its own size."
        ) from None
    width = getattr(backbone, "head_hidden_size", None) or backbone.num_features
    return backbone, int(width)
