"""Modes of training, by the name that params.yaml and a candidate have: what learns, what is kept, which head."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator

FAMILIES = ("frozen", "finetune", "partial", "gradual", "scratch", "probe")
"""Of modes: what section `training` and a backbone may set."""
PROBES = ("logreg", "svm", "forest", "knn")
LEGAL = f"frozen, finetune, partial_<n>, gradual, scratch, {', '.join(f'probe_{head}' for head in PROBES)}"


@dataclass(frozen=True)
class Mode:
    """What a training changes of a network, and what its model file has to hold."""

    name: str
    family: str
    """The part of section `training` that says how."""
    trained: int | None
    """How many of the backbone's last stages learn, in the end; 0 = the head alone, None = all of it."""
    head: str = "linear"
    """`linear` (layers, by gradient), or which of scikit-learn's classifiers a probe puts on the features."""

    @property
    def kept(self) -> Literal["head", "all"]:
        """What model.safetensors holds; without the backbone a reader needs its weights file too."""
        return "head" if self.trained == 0 else "all"

    @property
    def has_gradients(self) -> bool:
        """Whether the scores have a gradient by the photo: trees and votes have steps."""
        return self.head not in ("forest", "knn")

    @property
    def is_pretrained(self) -> bool:
        """Whether the backbone starts from published weights, where there are any."""
        return self.family != "scratch"


def parse_mode(name: str) -> Mode:
    """Return a mode by its name.

    Raises:
        ValueError: no such mode; the legal ones are listed.
    """
    family, _, rest = name.partition("_")
    match family:
        case "frozen" if name == family:
            return Mode(name, "frozen", trained=0)
        case "finetune" | "gradual" | "scratch" if name == family:
            return Mode(name, family, trained=None)
        case "partial" if re.fullmatch("[1-9][0-9]?", rest):
            return Mode(name, "partial", trained=int(rest))
        case "probe" if rest in PROBES:
            return Mode(name, "probe", trained=0, head=rest)
    raise ValueError(f"unknown mode {name!r}; legal modes: {LEGAL}")


def _known(family: str) -> str:
    if family not in FAMILIES:
        raise ValueError(f"must be one of {', '.join(FAMILIES)}")
    return family


ModeName = Annotated[str, AfterValidator(lambda name: parse_mode(name).name)]
Family = Annotated[str, AfterValidator(_known)]
