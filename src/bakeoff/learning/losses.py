"""The losses that params.yaml may name, each with its own parameters, and the probabilities that belong to it.

A new loss is a class here, its name in `LossParams`, and its formula in `bakeoff.training.losses`.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from bakeoff.core.errors import ParamsError
from bakeoff.core.section import PositiveFloat, Section, by_name

Probabilities = Literal["softmax", "sigmoid_normalised"]


class CrossEntropy(Section):
    """Cross-entropy of a softmax."""

    name: Literal["cross_entropy"]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of each training target that is spread evenly over all classes (Szegedy et al. 2016, arXiv:1512.00567)."""
    probabilities: ClassVar[Probabilities] = "softmax"


class BinaryCrossEntropy(Section):
    """Binary cross-entropy on one-hot targets, averaged over the classes."""

    name: Literal["bce"]
    probabilities: ClassVar[Probabilities] = "sigmoid_normalised"


class Focal(Section):
    """Focal loss of a softmax (Lin et al. 2017, arXiv:1708.02002): cross-entropy that counts easy rows less."""

    name: Literal["focal"]
    gamma: Annotated[float, Field(ge=0)] = 2.0  # how much less: 0 = as much as any other, cross-entropy
    alpha: Literal["balanced"] | list[PositiveFloat] | None = None
    """Factor of each class: by inverse frequency in train, or one number per class in the order of labels.json."""
    probabilities: ClassVar[Probabilities] = "softmax"


LossParams = Annotated[CrossEntropy | BinaryCrossEntropy | Focal, Field(discriminator="name"), BeforeValidator(by_name)]


def check_alpha(loss: LossParams, labels: Sequence[str]) -> None:
    """Raise a ParamsError where `alpha` is a list that does not fit the catalogue's K class names."""
    if isinstance(loss, Focal) and isinstance(loss.alpha, list) and len(loss.alpha) != len(labels):
        raise ParamsError(
            f"loss.alpha holds {len(loss.alpha)} numbers, but the catalogue has {len(labels)} classes; write one per "
            "class in the order of data/catalogue/labels.json, balanced, or null."
        )
