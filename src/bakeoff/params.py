"""The typed form of params.yaml: one strict, frozen model per section, checked before any data is read.

Defaults live in conf/ alone, so nearly every field is required. Functions elsewhere take the values they need, never
the whole tree.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bakeoff.errors import ParamsError

MODE_NAMES = ("frozen", "finetune")
Mode = Literal["frozen", "finetune"]
Loss = Literal["bce", "cross_entropy"]
Share = Annotated[float, Field(gt=0, lt=1)]
PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ColumnNames(_Section):
    """Which column of an unknown table is what; null where the table has none."""

    id: str | None
    image: str | None
    label: str | None
    title: str | None
    description: str | None


class SyntheticParams(_Section):
    """Size of the generated catalogue: products per class, side in px, seed."""

    n_per_class: Annotated[int, Field(ge=3, le=10_000)]
    image_px: Annotated[int, Field(ge=32, le=1024)]
    seed: Annotated[int, Field(ge=0)]


DatasetKind = Literal["stamps", "flipkart", "folder", "synthetic"]


class DatasetParams(_Section):
    """Where the products come from (section `dataset`)."""

    name: str
    kind: DatasetKind
    fallback: DatasetKind | None
    root: str
    table: str | None
    images: str | None
    columns: ColumnNames
    drop: list[str]
    allow_pickle: bool
    exclude_labels: list[str]
    duplicates: Literal["drop", "group", "keep"]
    phash_distance: Annotated[int, Field(ge=0, le=32)]
    licence: str
    source_url: str | None
    synthetic: SyntheticParams | None


class PrepareParams(_Section):
    """What `prepare` accepts and how it packs (section `prepare`)."""

    store_px: Annotated[int, Field(ge=32)]
    max_megapixels: PositiveFloat
    min_side_px: PositiveInt
    class_too_small: Literal["reject", "error"]


class SplitParams(_Section):
    """Shares of the three splits, which sum to 1, and the seed (section `split`)."""

    train: Share
    validation: Share
    test: Share
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _sum_to_one(self) -> SplitParams:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test must be 1, got {total:g}")
        return self


class HeadParams(_Section):
    """The classifier on top of the pooled features: widths of hidden layers, batch norm between them, dropout share."""

    hidden: list[PositiveInt]
    batch_norm: bool
    dropout: Annotated[float, Field(ge=0, lt=1)]


class ScheduleParams(_Section):
    """How long and how fast one mode trains: epochs, learning rate, and a cap on optimiser steps (null = none)."""

    epochs: PositiveInt
    learning_rate: PositiveFloat
    max_steps: PositiveInt | None


class ScheduleOverrides(_Section):
    """A backbone's own values in place of `training.<mode>`'s."""

    epochs: PositiveInt | None = None
    learning_rate: PositiveFloat | None = None
    max_steps: PositiveInt | None = None


class BackboneParams(_Section):
    """One entry of `backbones`: what conf/model/<name>.yaml says; missing fields come from `backbone_defaults`."""

    source: Literal["timm", "mambavision", "hf"] | None = None
    name: str
    image_size: Annotated[int, Field(ge=32, le=1024)] | None = None
    head: HeadParams | None = None
    training: dict[Mode, ScheduleOverrides] | None = None


class BackboneDefaults(_Section):
    """What a timm name without a conf file gets (section `backbone_defaults`)."""

    source: Literal["timm"]
    image_size: Annotated[int, Field(ge=32, le=1024)] | None
    head: HeadParams
    training: dict[Mode, ScheduleOverrides]


class WeightsParams(_Section):
    """Where pretrained weights may come from (section `weights`)."""

    policy: Literal["prefer", "require"]
    sources: list[Literal["hub", "folder", "package"]]
    folder: str | None
    hub_timeout_s: PositiveFloat


class TrainingParams(_Section):
    """What every candidate's training shares (section `training`)."""

    loss: Loss
    optimizer: Literal["adamw"]
    weight_decay: Annotated[float, Field(ge=0)]
    batch_size: PositiveInt
    early_stop_patience_epochs: PositiveInt | None
    mixed_precision: Literal["auto", "off"]
    loader_workers: Annotated[int, Field(ge=0, le=64)]
    augment: Literal["none", "flip"]
    frozen: ScheduleParams
    finetune: ScheduleParams

    def schedule(self, mode: Mode, overrides: dict[Mode, ScheduleOverrides]) -> ScheduleParams:
        """Return the mode's schedule with a backbone's own values put in."""
        base: ScheduleParams = getattr(self, mode)
        own = overrides.get(mode)
        changes = own.model_dump(exclude_none=True) if own else {}
        return base.model_copy(update=changes)


class BaselineParams(_Section):
    """The TensorFlow EfficientNet-B0 (section `baseline`)."""

    mode: Literal["as_is", "frozen", "finetune"]
    pretrained: Literal["imagenet", "random"]
    weights_file: str | None
    class_names: str | None
    image_size: Annotated[int, Field(ge=32, le=1024)]
    batch_size: PositiveInt
    loss: Loss
    dropout: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    frozen: ScheduleParams
    finetune: ScheduleParams

    @model_validator(mode="after")
    def _as_is_needs_files(self) -> BaselineParams:
        if self.mode == "as_is" and not (self.weights_file and self.class_names):
            raise ValueError(
                "mode as_is needs weights_file (the earlier model) and class_names (its classes, in order)"
            )
        return self


class EvaluateParams(_Section):
    """Section `evaluate`: images per batch when predicting."""

    batch_size: PositiveInt


class ThroughputParams(_Section):
    """Section `throughput`: batch of the images/s figure, seconds per candidate, threads (null = compute.threads)."""

    batch_size: PositiveInt
    budget_s: PositiveFloat
    threads: PositiveInt | None


class InterpretParams(_Section):
    """Section `interpret`: how many photos are explained and how finely."""

    n_correct: Annotated[int, Field(ge=0)]
    n_wrong: Annotated[int, Field(ge=0)]
    integrated_gradients_steps: PositiveInt
    occlusion_window_px: PositiveInt
    occlusion_stride_px: PositiveInt
    channel_repeats: PositiveInt
    channel_max_rows: PositiveInt | None


class CompareParams(_Section):
    """Section `compare`: limits the choice must keep; null = none."""

    max_latency_ms: PositiveFloat | None
    min_images_per_s: PositiveFloat | None
    max_size_mib: PositiveFloat | None
    allow_random_weights: bool


class TrackingParams(_Section):
    """Section `tracking`: what is logged to MLflow and beside it."""

    experiment: Annotated[str, Field(min_length=1)]
    tensorboard: bool
    system_metrics: bool
    log_models: bool


class ComputeParams(_Section):
    """Section `compute`: device and CPU threads (null = all physical cores)."""

    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: PositiveInt | None


class ScanParams(_Section):
    """Section `scan`: which selective scan MambaVision runs on."""

    implementation: Literal["auto", "reference", "torch"]


_SAFE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._]*$")


class Params(_Section):
    """The whole of params.yaml."""

    profile: str
    model: str
    models: list[str]
    modes: list[Mode]
    seeds: list[Annotated[int, Field(ge=0)]]
    compute: ComputeParams
    scan: ScanParams
    dataset: DatasetParams
    prepare: PrepareParams
    split: SplitParams
    backbones: dict[str, BackboneParams]
    backbone_defaults: BackboneDefaults
    weights: WeightsParams
    training: TrainingParams
    baseline: BaselineParams
    evaluate: EvaluateParams
    throughput: ThroughputParams
    interpret: InterpretParams
    compare: CompareParams
    tracking: TrackingParams

    @field_validator("models")
    @classmethod
    def _safe_names(cls, models: list[str]) -> list[str]:
        for name in models:
            if not _SAFE_NAME.match(name):
                raise ValueError(
                    f"model name {name!r} must be letters, digits, '.' and '_' (it names folders); "
                    "give an hf:<id> backbone a file in conf/model/"
                )
        if len(set(models)) != len(models):
            raise ValueError(f"models lists a name twice: {models}")
        return models

    @field_validator("seeds", "modes")
    @classmethod
    def _no_repeats(cls, values: list[Any]) -> list[Any]:
        if not values or len(set(values)) != len(values):
            raise ValueError(f"needs at least one value and no repeats, got {values}")
        return values


SECTIONS: dict[str, type[_Section]] = {
    name: field.annotation
    for name, field in Params.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, _Section)
}

SectionT = TypeVar("SectionT", bound=_Section)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return params.yaml as plain values.

    Raises:
        ParamsError: the file is missing, is no YAML, or is not a mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} is missing; run `bakeoff params` in the project's folder to compose it.") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ParamsError(f"{path} must hold a mapping of sections, got {type(values).__name__}.")
    return values


def load_params(path: Path) -> Params:
    """Return all of params.yaml, checked.

    Raises:
        ParamsError: an unknown key, a wrong type or a value out of bounds; the message names key and legal values.
    """
    return _validate(Params, read_yaml(path), where=str(path))


def load_section(path: Path, section: type[SectionT]) -> SectionT:
    """Return one section, so that a stage reads only what dvc.yaml says it depends on."""
    name = next(key for key, kind in SECTIONS.items() if kind is section)
    values = read_yaml(path)
    if name not in values:
        raise ParamsError(f"{path} has no section {name!r}; run `bakeoff params` to compose it from conf/.")
    return _validate(section, values[name], where=f"{path}, section {name}")


def validate_section(section: type[SectionT], values: Any, *, where: str) -> SectionT:
    """Return `values` as a checked section; `where` names the file for the error."""
    return _validate(section, values, where=where)


def _validate(kind: type[SectionT], values: Any, *, where: str) -> SectionT:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ParamsError(f"{where}: {'; '.join(_problem(item) for item in error.errors())}.") from None


def _problem(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"]) or "value"
    if item["type"] == "extra_forbidden":
        return f"unknown key {key}"
    if item["type"] == "missing":
        return f"missing key {key}"
    if item["type"] == "value_error":
        return f"{key}: {item['ctx']['error']}"
    return f"{key} = {item['input']!r}: {item['msg']}"
