"""What is known beforehand of the backbones in conf/model/: licence, published accuracy, measured speed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bakeoff.advice.facts import Device
from bakeoff.advice.rules import rules
from bakeoff.backbones.params import BackboneDefaults, BackboneParams
from bakeoff.core.section import read_yaml, validate_section
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.speed import ThroughputRecord


@dataclass(frozen=True)
class Card:
    """One backbone that the advice may name; `images_per_s` is on this device, None where it was not measured."""

    model: str
    architecture: str
    licence: str
    commercial_use: bool | None
    imagenet_top1: float | None
    images_per_s: float | None
    measured_here: bool


def cards(root: Path, models: Sequence[str], *, device: Device, n_cores: int) -> list[Card]:
    """Return a card per model that has a file in conf/model/.

    Speeds come from this machine's own measurements of the same device where there are any, else, for a CPU, from the
    rules' table in proportion to the cores.
    """
    measured = ThroughputRecord.read_current(root / "measurements" / "throughput.json")
    networks = measured.networks if measured else {}
    here = {name: one.images_per_s for name, one in networks.items() if one.device.lower().startswith(device)}
    defaults = validate_section(
        BackboneDefaults, read_yaml(root / "conf" / "config.yaml")["backbone_defaults"], where="conf/config.yaml"
    )
    found = []
    for model in models:
        file = root / "conf" / "model" / f"{model}.yaml"
        if not file.is_file():
            continue
        entry = validate_section(BackboneParams, read_yaml(file)["backbones"][model], where=str(file))
        settings = _settings(root, model, entry, defaults)
        speed = here.get(model)
        if speed is None and device == "cpu" and model in rules().measured_images_per_s:
            speed = rules().measured_images_per_s[model] * n_cores / rules().measured_cores
        top1 = entry.imagenet_top1.value if entry.imagenet_top1 else None
        licence = " / ".join(dict.fromkeys([settings.licence_code, settings.licence_weights]))
        found.append(Card(model, settings.architecture, licence, settings.commercial_use, top1, speed, model in here))
    return found


def _settings(root: Path, model: str, entry: BackboneParams, defaults: BackboneDefaults) -> CandidateSettings:
    written = root / "data" / "candidates" / f"{model}.json"
    if written.is_file():
        return CandidateSettings.read(written)
    from bakeoff.backbones.registry import describe  # loads timm, some seconds

    return describe(model, {model: entry}, defaults)
