"""Sections `backbones`, `backbone_defaults` and `weights`: which networks, and where their weights come from."""

from typing import Annotated, Any, Literal

from pydantic import Field

from bakeoff.core.modes import FAMILIES, Family
from bakeoff.core.section import PositiveFloat, Section
from bakeoff.records.recipe import HeadParams
from bakeoff.records.study import StudyLists

Own = dict[Family, dict[str, Any]]  # by family of modes, fields of `training.<family>` that are a backbone's own


class LicenceParams(Section):
    """What the owner of the study knows of a backbone's licences, in place of what its library or model card says.

    `commercial_use` is about code and weights together; null = as far as the licences say it themselves.
    """

    code: str | None = None
    weights: str | None = None
    commercial_use: bool | None = None


class Top1Params(Section):
    """What a backbone's publisher states on ImageNet-1k's validation photos: a share, and the page that says so."""

    value: Annotated[float, Field(gt=0, lt=1)]
    source: Annotated[str, Field(pattern="^https?://")]


class BackboneParams(Section):
    """One entry of `backbones`: what conf/model/<name>.yaml says; missing fields come from `backbone_defaults`."""

    source: Literal["timm", "mambavision", "hf"] | None = None
    name: str
    image_size: Annotated[int, Field(ge=32, le=1024)] | None = None
    head: HeadParams | None = None
    training: Own = Field(default={})
    licence: LicenceParams | None = None
    imagenet_top1: Top1Params | None = None
    """For the report alone; no training and no candidate's settings depend on it."""


class BackboneDefaults(Section):
    """What a timm name without a conf file gets (section `backbone_defaults`)."""

    source: Literal["timm"]
    image_size: Annotated[int, Field(ge=32, le=1024)] | None
    head: HeadParams
    training: Own


class StudyBackbones(StudyLists):
    """The study's lists, and what params.yaml says of backbones."""

    backbones: dict[str, BackboneParams]
    backbone_defaults: BackboneDefaults

    def own_training(self, model: str) -> Own:
        """Return what a model sets for itself: its entry's fields in place of those that every backbone has."""
        own = self.backbones[model].training if model in self.backbones else {}
        common = self.backbone_defaults.training
        return {family: common.get(family, {}) | own.get(family, {}) for family in FAMILIES if family in common | own}


class WeightsParams(Section):
    """Where pretrained weights may come from (section `weights`)."""

    policy: Literal["prefer", "require"]
    sources: list[Literal["hub", "folder", "package"]]
    folder: str | None
    hub_timeout_s: PositiveFloat
