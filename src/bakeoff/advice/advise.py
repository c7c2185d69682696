"""From facts to advice: the paths through both trees, the backbones to try, and the command that tries them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bakeoff.advice.facts import Device, Facts
from bakeoff.advice.rules import Leaf, Step, rules, walk
from bakeoff.backbones.params import BackboneDefaults, BackboneParams
from bakeoff.core.section import read_yaml, validate_section
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.speed import ThroughputRecord

_STEP_COST = 3
"""A training step costs about three forward passes: the backward pass is two more."""
_TRAIN_SHARE = 0.8


@dataclass(frozen=True)
class Card:
    """One backbone that the advice may name; `images_per_s` is on this device, None where it was not measured."""

    model: str
    licence: str
    commercial_use: bool | None
    imagenet_top1: float | None
    images_per_s: float | None
    measured_here: bool


@dataclass(frozen=True)
class Advice:
    """Both paths with their ends, the backbones in the order to try, those left out and why, and the command."""

    facts: Facts
    family_steps: list[Step]
    family: Leaf
    machine_steps: list[Step]
    machine: Leaf
    models: list[Card]
    left_out: list[tuple[str, bool]]
    """Model, and whether its licence forbids commercial use; otherwise it is not proven."""
    hours: dict[str, tuple[float | None, float | None]]
    """Model to the hours of extracting features of all photos and of fine-tuning; None where no speed is known."""
    command: str


def advise(facts: Facts, root: Path) -> Advice:
    """Return the advice for a catalogue and a machine; conf/model/ and measurements/throughput.json are in `root`."""
    numbers = {"images_per_class": facts.images_per_class, "n_images": float(facts.n_images), "hours": facts.hours}
    numbers["n_gpus"] = 0.0 if facts.device == "cpu" else 1.0
    family_steps, family = walk(rules().family, numbers)
    known = cards(root, family.models, device=facts.device, n_cores=facts.n_cores)
    models, left_out = _by_licence(known, commercial=facts.commercial)
    hours = {card.model: _hours(card, facts) for card in models}
    # The study trains each of them; a model without a speed counts as nothing.
    extract, finetune = (sum(pair[place] or 0.0 for pair in hours.values()) for place in (0, 1))
    numbers |= {"extract_hours": extract, "finetune_hours": extract + finetune}
    machine_steps, machine = walk(rules().machine, numbers)
    choices = overrides([card.model for card in models], machine, dataset=facts.dataset)
    command = " ".join(["dvc exp run", *(f"-S '{one}'" if "[" in one else f"-S {one}" for one in choices)])
    return Advice(facts, family_steps, family, machine_steps, machine, models, left_out, hours, command)


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
        found.append(Card(model, licence, settings.commercial_use, top1, speed, model in here))
    return found


def _settings(root: Path, model: str, entry: BackboneParams, defaults: BackboneDefaults) -> CandidateSettings:
    written = root / "data" / "candidates" / f"{model}.json"
    if written.is_file():
        return CandidateSettings.read(written)
    from bakeoff.backbones.registry import describe  # loads timm, some seconds

    return describe(model, {model: entry}, defaults)


def overrides(models: Sequence[str], leaf: Leaf, *, dataset: str | None) -> list[str]:
    """Return the choices of the `dvc exp run` that tries the models as the leaf says, groups first."""
    profile = [one for one in leaf.overrides if one.startswith("profile=")]
    rates = {} if profile else leaf.modes  # a profile brings its own rates
    return [
        *([f"dataset={dataset}"] if dataset else []),
        *profile,
        *(
            f"models=[{','.join(models)}]",
            f"modes=[{','.join(leaf.modes)}]",
            f"training.defaults.batch_size={leaf.batch_size}",
        ),
        *(one for one in leaf.overrides if one not in profile),
        *(f"training.{mode}.learning_rate={rate:g}" for mode, rate in rates.items()),
    ]


def _by_licence(known: Sequence[Card], *, commercial: bool) -> tuple[list[Card], list[tuple[str, bool]]]:
    """Split off what may not be sold; with `commercial`, an unclear licence counts as forbidden."""
    if not commercial:
        return list(known), []
    left_out = [(card.model, card.commercial_use is False) for card in known if card.commercial_use is not True]
    return [card for card in known if card.commercial_use is True], left_out


def _hours(card: Card, facts: Facts) -> tuple[float | None, float | None]:
    if card.images_per_s is None:
        return None, None
    forward = facts.n_images / card.images_per_s / 3600
    return forward, forward * _TRAIN_SHARE * _STEP_COST * rules().finetune_epochs
