"""How the learning rate changes in a training, each schedule with its own parameters."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bakeoff.core.section import PositiveInt, Section, Share, by_name


class Constant(Section):
    """The same rate throughout."""

    name: Literal["constant"]


class Step(Section):
    """Multiplied by `factor` after every so many epochs."""

    name: Literal["step"]
    every_epochs: PositiveInt = 10
    factor: Share = 0.1


class Cosine(Section):
    """Half a cosine from the rate to `final` times it, after a linear rise over a share `warmup` of the steps.

    Source: Loshchilov and Hutter 2017, arXiv:1608.03983.
    """

    name: Literal["cosine"]
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    final: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Plateau(Section):
    """Multiplied by `factor` when the validation loss has not fallen for more than `patience_epochs` epochs."""

    name: Literal["plateau"]
    factor: Share = 0.1
    patience_epochs: PositiveInt = 5


class OneCycle(Section):
    """From a 25th of the rate up to it over a share `rising` of the steps, then down to a 250,000th.

    Source: Smith and Topin 2018, arXiv:1708.07120, as torch.optim.lr_scheduler.OneCycleLR has it.
    """

    name: Literal["one_cycle"]
    rising: Share = 0.3


SchedulerParams = Annotated[
    Constant | Step | Cosine | Plateau | OneCycle, Field(discriminator="name"), BeforeValidator(by_name)
]
