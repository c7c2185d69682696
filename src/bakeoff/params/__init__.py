"""The typed form of params.yaml: one strict, frozen model per section, checked before any data is read.

Defaults live in conf/ alone, so nearly every field is required. Functions elsewhere take the values they need, never
the whole tree. Names load on first use: a stage depends on the sections it names, not on every section there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeoff.lazy import lazy_names

if TYPE_CHECKING:
    from bakeoff.params.backbones import BackboneDefaults, BackboneParams, LicenceParams, WeightsParams
    from bakeoff.params.baseline import BaselineParams
    from bakeoff.params.candidate import HeadParams, ScheduleOverrides, ScheduleParams
    from bakeoff.params.catalogue import (
        ColumnNames,
        DatasetKind,
        DatasetParams,
        PackParams,
        PrepareParams,
        SplitParams,
        SyntheticParams,
    )
    from bakeoff.params.decision import CompareParams
    from bakeoff.params.evaluation import EvaluateParams, InterpretParams, ThroughputParams
    from bakeoff.params.machine import ComputeParams, ScanParams
    from bakeoff.params.section import MODE_NAMES, Loss, Mode, load_section, read_yaml, validate_section
    from bakeoff.params.study import SECTIONS, Params, load_params
    from bakeoff.params.tracking import TrackingParams
    from bakeoff.params.training import TrainingParams

__all__ = [
    "MODE_NAMES",
    "SECTIONS",
    "BackboneDefaults",
    "BackboneParams",
    "BaselineParams",
    "ColumnNames",
    "CompareParams",
    "ComputeParams",
    "DatasetKind",
    "DatasetParams",
    "EvaluateParams",
    "HeadParams",
    "InterpretParams",
    "LicenceParams",
    "Loss",
    "Mode",
    "PackParams",
    "Params",
    "PrepareParams",
    "ScanParams",
    "ScheduleOverrides",
    "ScheduleParams",
    "SplitParams",
    "SyntheticParams",
    "ThroughputParams",
    "TrackingParams",
    "TrainingParams",
    "WeightsParams",
    "load_params",
    "load_section",
    "read_yaml",
    "validate_section",
]

__getattr__ = lazy_names(__name__, __file__)
