"""Section `training`, and the recipe of one candidate that it gives: data/recipes/<model>-<mode>.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from bakeoff.core.errors import BakeoffError, ParamsError
from bakeoff.core.modes import FAMILIES, Mode, parse_mode
from bakeoff.core.section import PositiveFloat, PositiveInt, Section, Share, by_name
from bakeoff.learning.augmentation import AugmentParams, MixParams
from bakeoff.learning.balance import ON_FEATURES, BalanceParams, ClassWeightParams
from bakeoff.learning.history import Select
from bakeoff.learning.losses import LossParams
from bakeoff.records.base import Record
from bakeoff.records.recipe import HeadParams, ScheduleParams
from bakeoff.records.settings import Normalise

Fields = dict[str, Any]


class OptimizerParams(Section):
    """One of timm's optimisers, its weight decay (not of norms and biases), and its momentum where it has one."""

    name: Literal["adamw", "adam", "sgd", "lamb", "lion", "nadamw", "radam", "rmsprop"]
    weight_decay: Annotated[float, Field(ge=0)]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9


class Constant(Section):
    """The same rate throughout."""

    name: Literal["constant"]


class Step(Section):
    """Multiplied by `factor` after every so many epochs."""

    name: Literal["step"]
    every_epochs: PositiveInt = 10
    factor: Share = 0.1


class Cosine(Section):
    """A linear rise over a share `warmup` of the steps, half a cosine to `final` of the rate (arXiv:1608.03983)."""

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
"""How the learning rate changes in a training."""


class ProbeParams(Section):
    """Of scikit-learn's classifiers on frozen features: inverse regularisation, trees, neighbours."""

    c: PositiveFloat
    n_trees: PositiveInt
    n_neighbours: PositiveInt


class Recipe(ScheduleParams):
    """How one candidate is trained; docs/training.md has a paragraph on each."""

    start: Literal["random", "head"]
    """What the head starts from: random numbers, or a logistic regression on the backbone's features."""
    probe: ProbeParams  # for modes `probe_<head>` and `start: head`
    head_learning_rate: PositiveFloat | None  # null = the backbone's
    layer_decay: Annotated[float, Field(gt=0, le=1)]  # the first block's rate as a share of the last one's
    scheduler: SchedulerParams
    optimizer: OptimizerParams
    loss: LossParams
    class_weights: ClassWeightParams  # in the loss, by the training products
    balance: BalanceParams  # which training products an epoch holds
    augment: AugmentParams
    cache_views: PositiveInt | None
    """Of a frozen backbone with an augmentation: features of so many augmented views of each product; null = anew."""
    mix: MixParams | None
    normalise: Normalise
    batch_size: PositiveInt
    accumulate: PositiveInt  # batches of one optimiser step
    clip_norm: PositiveFloat | None  # the gradient's largest norm; null = as it is
    ema: Share | None
    """Decay of a moving average of the weights, which is validated and kept in their place; null = none."""
    batch_norm: Literal["train", "eval"]
    """Whether the backbone's batch norms take the batches' statistics, or keep those that they have."""
    gradient_checkpointing: bool
    compile: bool
    mixed_precision: Literal["auto", "off"]
    select: Select  # which epoch is kept, by validation
    early_stop_patience_epochs: PositiveInt | None
    random_start_max_steps: PositiveInt | None
    """Optimiser steps at most where the backbone starts from random weights; null = as any other."""

    @property
    def repeats_photos(self) -> bool:
        """Whether every epoch shows the same photos: nothing changes them."""
        return self.augment.name == "none" and self.mix is None

    def of_start(self, *, is_random: bool) -> Self:
        """Return it for a backbone that starts from published weights, or from random ones."""
        cap = self.random_start_max_steps if is_random else None
        steps = min(cap, self.max_steps or cap) if cap else self.max_steps
        return self.model_copy(update={"max_steps": steps, "random_start_max_steps": None})


_OF_PROBES: Fields = {
    **{"epochs": 1, "max_steps": None, "start": "random", "loss": "cross_entropy"},
    **{"augment": "none", "cache_views": None, "mix": None, "select": "accuracy"},
}


class TrainingParams(Section):
    """Section `training`: what every candidate has, and what a mode's family has in its place."""

    defaults: Recipe
    frozen: Fields = Field(default={})
    finetune: Fields = Field(default={})
    partial: Fields = Field(default={})
    gradual: Fields = Field(default={})
    scratch: Fields = Field(default={})
    probe: Fields = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _moved(cls, values: Any) -> Any:
        moved = sorted(set(values) & set(Recipe.model_fields) - set(FAMILIES)) if isinstance(values, dict) else []
        if moved:
            raise ValueError(f"{', '.join(moved)}: write it below defaults (training.defaults.{moved[0]})")
        return values

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        for family in FAMILIES:
            self.recipe(family, {})
        return self

    def recipe(self, family: str, own: Mapping[str, Fields]) -> Recipe:
        """Return the recipe of a mode's family, with what a backbone has of its own put in; a written null is a value.

        A backbone's own `max_steps` also lifts the cap of a random start. A probe is fitted, and has only what that
        needs. A ValueError where a field is none of a recipe's, or a value is out of bounds.
        """
        written, fitted = own.get(family, {}), _OF_PROBES if family == "probe" else {}
        if of_no_use := sorted(set(fitted) & ({*getattr(self, family), *written})):
            raise ValueError(f"{family}.{of_no_use[0]}: a probe is fitted to features and takes no {of_no_use[0]}")
        lifted = {"random_start_max_steps": None} if "max_steps" in written else {}
        merged = self.defaults.model_dump() | getattr(self, family) | lifted | written | fitted
        try:
            return Recipe.model_validate(merged)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{family}.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def recipe_problem(recipe: Recipe, mode: Mode, head: HeadParams) -> str | None:
    """Return in words why a mode cannot be trained by a recipe with this head, or None."""
    if recipe.batch_size == 1 and head.batch_norm and head.hidden:
        return (
            "batch_size is 1, but the head has batch norm (head.batch_norm: true), which needs at least 2 "
            "products per batch; set training.defaults.batch_size to 2 or more, or head.batch_norm to false"
        )
    if recipe.start == "head" and head.hidden:
        return f"mode {mode.name}: start: head needs a head without hidden layers (head.hidden: []); set start: random"
    if recipe.balance.name in ON_FEATURES and not (mode.trained == 0 and recipe.repeats_photos):
        return (
            f"balance is {recipe.balance.name}, which needs cached features, but {mode.name} learns from photos; "
            "choose none, weighted_sampler, oversample, undersample or resample for it, or a frozen mode without "
            "augmentation"
        )
    return None


class RecipeRecord(Record):
    """data/recipes/<model>-<mode>.json: how one candidate is trained, whatever others are given."""

    STAGE: ClassVar[str] = "candidates"
    ERROR: ClassVar[type[BakeoffError]] = ParamsError

    recipe: Recipe


def write_recipes(
    models: Mapping[str, Mapping[str, Fields]], modes: list[str], training: TrainingParams, out_dir: Path
) -> None:
    """Write one recipe per model and mode to data/recipes and remove those of other candidates.

    `models` are each model's own values, by family of modes. A ParamsError where one is not a value that a recipe may
    have; nothing is written or removed then.
    """
    try:
        recipes = {
            f"{model}-{mode}.json": RecipeRecord(recipe=training.recipe(parse_mode(mode).family, own))
            for model, own in models.items()
            for mode in modes
        }
    except ValueError as error:
        raise ParamsError(f"training of a model of its own: {error}.") from None
    out_dir.mkdir(parents=True, exist_ok=True)
    for path in out_dir.glob("*.json"):
        if path.name not in recipes:
            path.unlink()
    for name, recipe in recipes.items():
        recipe.write(out_dir / name)
