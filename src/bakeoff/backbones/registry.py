"""From a model's name in params.yaml to its full settings, asked of the library that it is from, licences included."""

from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from bakeoff.backbones.compat import import_timm
from bakeoff.backbones.params import BackboneDefaults, BackboneParams, LicenceParams
from bakeoff.core.errors import ParamsError, unknown_name
from bakeoff.core.paths import main_checkout
from bakeoff.records.settings import CandidateSettings, Preprocessing

_LICENCES: dict[str | None, tuple[str, bool | None]] = {
    "apache-2.0": ("Apache-2.0", True),
    "mit": ("MIT", True),
    "bsd-3-clause": ("BSD-3-Clause", True),
    "cc-by-4.0": ("CC-BY-4.0", True),
    "cc-by-nc-4.0": ("CC-BY-NC-4.0", False),
    "cc-by-nc-sa-4.0": ("CC-BY-NC-SA-4.0", False),
    "fair-noncommercial-research-license": ("fair-noncommercial-research-license", False),
    "cvnets-license": ("Apple CVNets licence", None),
    "apple-ascl": ("Apple sample code licence", None),
    "apple-amlr": ("Apple machine learning research licence", False),
}
"""By code: the usual spelling, and whether commercial use is allowed (None = one must read it)."""


def licence_name(code: str | None) -> str:
    """Return the licence's usual spelling; `unknown` where the model card states none."""
    return _LICENCES.get(code, (code or "unknown", None))[0]


def allows_commercial_use(code: str | None) -> bool | None:
    """Return True or False where the licence says so plainly, None where one must read it."""
    return _LICENCES.get((code or "").lower(), ("", None))[1]


def describe(model: str, backbones: dict[str, BackboneParams], defaults: BackboneDefaults) -> CandidateSettings:
    """Return the full settings of one model of the study.

    A model is a key of `backbones`, or any timm name (`resnet18`, `convnext_tiny.fb_in22k_ft_in1k`). One that timm has
    renamed (`tf_efficientnet_b0_ns`) stays the study's name; the settings' `name` is timm's present one. A ParamsError,
    with near matches and legal tags, for a name that its library does not know.
    """
    entry = backbones.get(model) or BackboneParams(name=model)
    source = entry.source or defaults.source
    image_size = entry.image_size or defaults.image_size
    described = _SOURCES[source](entry.name, image_size, backbones if model not in backbones else {})
    return CandidateSettings(
        model=model,
        source=source,
        head=entry.head or defaults.head,
        **{"name": entry.name} | described | _stated(entry.licence or LicenceParams()),
    )


def _stated(licence: LicenceParams) -> dict[str, Any]:
    """Return what a backbone's entry says of its licences; a code licence that forbids has the last word."""
    stated = {} if licence.weights is None else _of_weights(licence.weights)
    if licence.code is not None:
        stated["licence_code"] = licence_name(licence.code)
    if licence.commercial_use is not None:
        stated["commercial_use"] = licence.commercial_use
    if allows_commercial_use(licence.code) is False:
        stated["commercial_use"] = False
    return stated


def _of_weights(code: str | None) -> dict[str, Any]:
    return {"licence_weights": licence_name(code), "commercial_use": allows_commercial_use(code)}


def timm_cfg(name: str, listed: dict[str, BackboneParams] | None = None) -> Any:
    """Return timm's pretrained configuration of `name`, with or without a tag.

    A ParamsError for an unknown architecture (with near matches) or tag (with the legal ones).
    """
    timm = import_timm()
    architecture, _, tag = name.partition(".")
    if not timm.models.is_model(architecture):
        raise unknown_name("backbone", name, [*(listed or {}), *timm.list_models()])
    tags = sorted(full.partition(".")[2] for full in timm.list_pretrained(f"{architecture}.*"))
    if tag and tag not in tags:
        legal = ", ".join(f"{architecture}.{known}" for known in tags) or "none: leave the tag out"
        raise ParamsError(f"timm's {architecture} has no pretrained tag {tag!r}; legal names: {legal}.")
    return timm.models.get_pretrained_cfg(name) or timm.models.PretrainedCfg(architecture=architecture)


def _describe_timm(name: str, image_size: int | None, listed: dict[str, BackboneParams]) -> dict[str, Any]:
    name = import_timm().models.get_deprecated_models().get(name) or name
    cfg = timm_cfg(name, listed).to_dict()
    return _of_weights(cfg.get("license")) | {
        "name": name,
        "weights_id": cfg.get("hf_hub_id"),
        "licence_code": "Apache-2.0",
        "preprocessing": _from_cfg(cfg, image_size),
        "architecture": str(cfg.get("architecture") or name.partition(".")[0]),
    }


def _describe_mambavision(name: str, image_size: int | None, _: dict[str, BackboneParams]) -> dict[str, Any]:
    from bakeoff.backbones.mamba import default_cfg

    cfg = default_cfg(name)
    return _of_weights("cc-by-nc-sa-4.0") | {
        "weights_id": "/".join(urlparse(cfg["url"]).path.strip("/").split("/")[:2]),
        "licence_code": "NVIDIA Source Code License-NC",
        "preprocessing": _from_cfg(cfg, image_size),
        "architecture": "MambaVision-" + name.removeprefix("mamba_vision_").replace("_", "-"),
    }


def _describe_hf(name: str, image_size: int | None, _: dict[str, BackboneParams]) -> dict[str, Any]:
    from bakeoff.backbones.hf import hf_licence
    from bakeoff.backbones.hf_preprocessing import hf_preprocessing

    return _of_weights(hf_licence(name)) | {
        "weights_id": None if (main_checkout() / name).is_dir() else name,
        "licence_code": "Apache-2.0",  # transformers' own code
        "preprocessing": hf_preprocessing(name, image_size=image_size),
        "architecture": Path(name).name,
    }


def _from_cfg(cfg: dict[str, Any], image_size: int | None) -> Preprocessing:
    """Return timm's (or MambaVision's) evaluation preprocessing; the size alone may be overridden."""
    statistics: Any = {name: tuple(map(float, cfg[name])) for name in ("mean", "std")}
    return Preprocessing(
        image_size=image_size or int(cfg["input_size"][-1]),
        crop_pct=float(cfg["crop_pct"]),
        crop_mode=str(cfg.get("crop_mode") or "center"),
        interpolation=str(cfg["interpolation"]),
        **statistics,
    )


_SOURCES = {"timm": _describe_timm, "mambavision": _describe_mambavision, "hf": _describe_hf}
