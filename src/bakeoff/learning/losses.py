"""The losses that params.yaml may name, each with its own parameters, and the probabilities that belong to it.

A new loss is a class here, its name in `LossParams`, and its formula in `bakeoff.training.losses`.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from bakeoff.core.section import Section, by_name

Probabilities = Literal["softmax", "sigmoid_normalised"]


class CrossEntropy(Section):
    """Cross-entropy of a softmax."""

    name: Literal["cross_entropy"]
    probabilities: ClassVar[Probabilities] = "softmax"


class BinaryCrossEntropy(Section):
    """Binary cross-entropy on one-hot targets, averaged over the classes."""

    name: Literal["bce"]
    probabilities: ClassVar[Probabilities] = "sigmoid_normalised"


LossParams = Annotated[CrossEntropy | BinaryCrossEntropy, Field(discriminator="name"), BeforeValidator(by_name)]
