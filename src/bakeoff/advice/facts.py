"""What the advice rests on: how many photos and classes, which machine, how much time."""

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bakeoff.core.errors import ParamsError
from bakeoff.records.catalogue import AuditRecord

Device = Literal["cpu", "cuda", "mps"]
DEVICES: tuple[Device, ...] = ("cpu", "cuda", "mps")
ASSUMED_IMAGES, ASSUMED_CLASSES = 1050, 7
"""The Flipkart sample, where neither a catalogue nor the command says otherwise; the advice says that it is assumed."""


@dataclass(frozen=True)
class Facts:
    """Sizes, the machine, and the time that one study may take, h; `assumed` names what nobody stated or counted."""

    n_images: int
    n_classes: int
    device: Device
    n_cores: int
    hours: float
    commercial: bool = False
    dataset: str | None = None
    """Name of the data set in conf/dataset/ that the counts come from."""
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


def catalogue_counts(audit_file: Path) -> tuple[int, int, str | None] | None:
    """Return accepted photos, classes and the data set's name from audit.json; None where there is no catalogue yet.

    Raises:
        DataError: the file is there and does not hold them.
    """
    audit = AuditRecord.read_if_there(audit_file)
    return (audit.n_accepted, len(audit.per_class), audit.dataset.name) if audit else None


def this_device() -> Device:
    """Return what this machine has, without loading a framework: an NVIDIA driver, Apple silicon, or a CPU alone."""
    if shutil.which("nvidia-smi"):
        return "cuda"
    return "mps" if (platform.system(), platform.machine()) == ("Darwin", "arm64") else "cpu"


def this_machines_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gather(
    root: Path, *, n_images: int | None, n_classes: int | None, device: str | None, hours: float, commercial: bool
) -> Facts:
    """Return the facts: what is given, else what the catalogue and this machine say, else what is assumed.

    Raises:
        ParamsError: a value out of bounds, or an unknown device.
        DataError: a catalogue is there and cannot be read.
    """
    missing = [what for what, given in {"images": n_images, "classes": n_classes}.items() if given is None]
    counted = catalogue_counts(root / "data" / "audit" / "audit.json") if missing else None
    usual_images, usual_classes, dataset = counted or (ASSUMED_IMAGES, ASSUMED_CLASSES, None)
    known = len(missing) == 2 and (root / "conf" / "dataset" / f"{dataset}.yaml").is_file()
    return Facts(
        n_images=usual_images if n_images is None else n_images,
        n_classes=usual_classes if n_classes is None else n_classes,
        device=this_device() if device is None else device,  # type: ignore[arg-type] - checked there
        n_cores=this_machines_cores(),
        hours=hours,
        commercial=commercial,
        dataset=dataset if known else None,
        assumed=() if counted else tuple(missing[:1]),
    )
