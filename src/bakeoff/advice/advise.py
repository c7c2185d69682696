"""From facts to advice: how much data, machine and time there are, the paths through both trees, what to try, how."""

import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from bakeoff.advice.rules import Leaf, Step, rules, walk
from bakeoff.backbones.params import BackboneDefaults, BackboneParams
from bakeoff.core.errors import ParamsError
from bakeoff.core.section import read_yaml, validate_section
from bakeoff.core.seeding import usable_cpus
from bakeoff.records.catalogue import AuditRecord
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.speed import ThroughputRecord

Device = Literal["cpu", "cuda", "mps"]
DEVICES: tuple[Device, ...] = ("cpu", "cuda", "mps")
ASSUMED_IMAGES, ASSUMED_CLASSES = 1050, 7
"""The Flipkart sample, where neither a catalogue nor the command says otherwise; the advice says that it is assumed."""
_STEP_COST = 3  # forward passes that a training step costs, about: the backward pass is two
_TRAIN_SHARE = 0.8


@dataclass(frozen=True)
class Facts:
    """Sizes, the machine, and the time that one study may take, h; `assumed` names what nobody stated or counted."""

    n_images: int
    n_classes: int
    device: Device
    n_cores: int
    hours: float
    commercial: bool = False
    dataset: str | None = None  # what the counts come from, by its name in conf/dataset/
    assumed: tuple[str, ...] = ()

    @property
    def images_per_class(self) -> float:
        """Mean number of photos per class."""
        return self.n_images / self.n_classes

    def __post_init__(self) -> None:
        if self.n_images < 1 or self.n_classes < 2 or self.hours <= 0:
            raise ParamsError(
                f"expected at least 1 image, 2 classes and more than 0 hours, got {self.n_images} images, "
                f"{self.n_classes} classes and {self.hours:g} hours."
            )
        if self.device not in DEVICES:
            raise ParamsError(f"device must be one of {', '.join(DEVICES)}, got {self.device!r}.")


class Card(NamedTuple):
    """One backbone that the advice may name; `images_per_s` is on this device, None where it was not measured."""

    model: str
    licence: str
    commercial_use: bool | None
    imagenet_top1: float | None
    images_per_s: float | None
    measured_here: bool
    hours: tuple[float | None, float | None]  # to extract all features, to fine-tune; None without a speed


class Advice(NamedTuple):
    """Both paths with their ends, the backbones in the order to try, those left out and why, and the command."""

    facts: Facts
    family_steps: list[Step]
    family: Leaf
    machine_steps: list[Step]
    machine: Leaf
    models: list[Card]
    left_out: list[Card]  # whose licence forbids commercial use, or does not say
    command: str


def advise(facts: Facts, root: Path) -> Advice:
    """Return the advice for a catalogue and a machine; conf/model/ and measurements/throughput.json are in `root`."""
    numbers = {"images_per_class": facts.images_per_class, "n_images": float(facts.n_images), "hours": facts.hours}
    numbers["n_gpus"] = 0.0 if facts.device == "cpu" else 1.0
    family_steps, family = walk(rules().family, numbers)
    known = cards(root, family.models, facts)
    left_out = [card for card in known if facts.commercial and card.commercial_use is not True]  # unclear is refused
    models = [card for card in known if card not in left_out]
    # The study trains each of them; a model without a speed counts as nothing.
    extract, finetune = (sum(card.hours[place] or 0.0 for card in models) for place in (0, 1))
    numbers |= {"extract_hours": extract, "finetune_hours": extract + finetune}
    machine_steps, machine = walk(rules().machine, numbers)
    choices = overrides([card.model for card in models], machine, dataset=facts.dataset)
    command = " ".join(["dvc exp run", *(f"-S '{one}'" if "[" in one else f"-S {one}" for one in choices)])
    return Advice(facts, family_steps, family, machine_steps, machine, models, left_out, command)


def cards(root: Path, models: Sequence[str], facts: Facts) -> list[Card]:
    """Return a card per model that has a file in conf/model/.

    Speeds come from this machine's own measurements of the same device where there are any, else, for a CPU, from the
    rules' table in proportion to the cores.
    """
    measured = ThroughputRecord.read_current(root / "measurements" / "throughput.json")
    networks = measured.networks if measured else {}
    here = {name: one.images_per_s for name, one in networks.items() if one.device.lower().startswith(facts.device)}
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
        if speed is None and facts.device == "cpu" and model in rules().measured_images_per_s:
            speed = rules().measured_images_per_s[model] * facts.n_cores / rules().measured_cores
        top1 = entry.imagenet_top1.value if entry.imagenet_top1 else None
        licence = " / ".join(dict.fromkeys([settings.licence_code, settings.licence_weights]))
        hours = _hours(speed, facts.n_images)
        found.append(Card(model, licence, settings.commercial_use, top1, speed, model in here, hours))
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
        f"models=[{','.join(models)}]",
        f"modes=[{','.join(leaf.modes)}]",
        f"training.defaults.batch_size={leaf.batch_size}",
        *(one for one in leaf.overrides if one not in profile),
        *(f"training.{mode}.learning_rate={rate:g}" for mode, rate in rates.items()),
    ]


def _hours(images_per_s: float | None, n_images: int) -> tuple[float | None, float | None]:
    if images_per_s is None:
        return None, None
    forward = n_images / images_per_s / 3600
    return forward, forward * _TRAIN_SHARE * _STEP_COST * rules().finetune_epochs


def this_device() -> Device:
    """Return what this machine has, without loading a framework: an NVIDIA driver, Apple silicon, or a CPU alone."""
    if shutil.which("nvidia-smi"):
        return "cuda"
    return "mps" if (platform.system(), platform.machine()) == ("Darwin", "arm64") else "cpu"


def gather(
    root: Path, *, n_images: int | None, n_classes: int | None, device: str | None, hours: float, commercial: bool
) -> Facts:
    """Return the facts: what is given, else what the catalogue and this machine say, else what is assumed.

    Raises:
        ParamsError: a value out of bounds, or an unknown device.
        DataError: a catalogue is there and cannot be read.
    """
    missing = [what for what, given in {"images": n_images, "classes": n_classes}.items() if given is None]
    usual_images, usual_classes, dataset = ASSUMED_IMAGES, ASSUMED_CLASSES, None
    audit = AuditRecord.read_if_there(root / "data" / "audit" / "audit.json") if missing else None
    if audit:
        usual_images, usual_classes, dataset = audit.n_accepted, len(audit.per_class), audit.dataset.name
    known = len(missing) == 2 and (root / "conf" / "dataset" / f"{dataset}.yaml").is_file()
    return Facts(
        n_images=usual_images if n_images is None else n_images,
        n_classes=usual_classes if n_classes is None else n_classes,
        device=this_device() if device is None else device,  # type: ignore[arg-type] - checked there
        n_cores=usable_cpus(),
        hours=hours,
        commercial=commercial,
        dataset=dataset if known else None,
        assumed=() if audit else tuple(missing[:1]),
    )
