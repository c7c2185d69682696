"""The random changes to training photos that params.yaml may name; `bakeoff.training.augment` makes them."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from bakeoff.core.section import PositiveFloat, PositiveInt, Section, Share, by_name

Probability = Annotated[float, Field(ge=0, le=1)]
Change = tuple[str, dict[str, Any]]
"""A transform of torchvision.transforms.v2, or of `training.augment`, and its arguments."""
Step = tuple[float, list[Change]]  # a probability, and the change made with it; of several one is drawn, each as likely
WHITE, GREY = 255, 128  # what a photo that is moved or turned leaves, as around a product; what is cut out
_FLIP, _UPSIDE_DOWN = ("RandomHorizontalFlip", {"p": 1}), ("RandomVerticalFlip", {"p": 1})
RECIPES: dict[str, list[Step]] = {
    "flip": [(0.5, [_FLIP])],
    "light": [
        (0.3, [_FLIP]),
        (0.3, [("ColorJitter", {"brightness": 0.1, "contrast": 0.1})]),
        (0.2, [("affine", {"degrees": 10})]),
    ],
    "medium": [
        (0.5, [_FLIP]),
        (0.5, [("affine", {"translate": (0.1, 0.1), "scale": (0.9, 1.1), "degrees": 15})]),
        (0.5, [("ColorJitter", {"brightness": 0.2, "contrast": 0.2})]),
        (0.3, [("ColorJitter", {"hue": 10 / 180, "saturation": 20 / 255, "brightness": 20 / 255})]),
        (0.2, [("noise", {"bounds": (10, 30)})]),
    ],
    "heavy": [
        *[(0.5, [_FLIP]), (0.1, [_UPSIDE_DOWN])],
        (0.7, [("affine", {"translate": (0.15, 0.15), "scale": (0.85, 1.15), "degrees": 20})]),
        (
            0.7,
            [
                ("ColorJitter", {"brightness": 0.3, "contrast": 0.3}),
                ("ColorJitter", {"hue": 20 / 180, "saturation": 30 / 255, "brightness": 30 / 255}),
                ("gamma", {"bounds": (0.7, 1.3)}),
            ],
        ),
        (0.4, [("noise", {"bounds": (10, 50)}), ("blur", {"bounds": (3, 7)}), ("jpeg", {"bounds": (60, 90)})]),
        (0.3, [("cutout", {"n_squares": 4, "side": 40 / 224})]),
    ],
    "auto_augment": [(0.5, [_FLIP]), (1, [("AutoAugment", {"fill": WHITE})])],
    "trivial_augment": [(0.5, [_FLIP]), (1, [("TrivialAugmentWide", {"fill": WHITE})])],
}
"""Light, medium and heavy: System 2; AutoAugment's ImageNet policy: arXiv:1805.09501; TrivialAugment: 2103.10158."""


class NoAugmentation(Section):
    """Every epoch shows the same photos."""

    name: Literal["none"]


class Named(Section):
    """One of `RECIPES`, and what each augmentation may have: a random crop before it, random erasing after it."""

    name: Literal["flip", "light", "medium", "heavy", "auto_augment", "trivial_augment"]
    min_crop: Share | None = None
    """Smallest share of the photo's area that a crop keeps, its sides 3:4 to 4:3 (arXiv:1409.4842); null = no crop."""
    random_erasing: Probability = 0.0  # how often a rectangle of 2 % to 33 % of the photo turns grey (arXiv:1708.04896)


class Standard(Named):
    """Crop, flips, rotation by up to ± degrees, and brightness, contrast and saturation by up to ± `colour`."""

    name: Literal["standard"]
    min_crop: Share | None = 0.6
    flip: Probability = 0.5
    vertical_flip: Probability = 0.0
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    colour: Probability = 0.1


class RandAugment(Named):
    """RandAugment (arXiv:1909.13719): so many changes, each of this magnitude out of 30."""

    name: Literal["rand_augment"]
    n_changes: PositiveInt = 2
    magnitude: Annotated[int, Field(ge=0, le=30)] = 9


class ByClassSize(Named):
    """System 2's: `light` for classes of more photos to train on, `heavy` below, `medium` in between."""

    name: Literal["by_class_size"]
    light_above: PositiveInt = 3000
    heavy_below: PositiveInt = 1500

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.heavy_below > self.light_above:
            raise ValueError(f"heavy_below ({self.heavy_below}) must be at most light_above ({self.light_above})")
        return self


AugmentParams = Annotated[
    NoAugmentation | Named | Standard | RandAugment | ByClassSize,
    Field(discriminator="name"),
    BeforeValidator(by_name),
]


def steps_of(params: Named, n_photos: int) -> list[Step]:
    """Return what is done between crop and erasing to the photos of a class that has `n_photos` to train on."""
    if isinstance(params, ByClassSize):
        heavier = "heavy" if n_photos < params.heavy_below else "medium"
        return RECIPES["light" if n_photos > params.light_above else heavier]
    if isinstance(params, RandAugment):
        changes = {"num_ops": params.n_changes, "magnitude": params.magnitude, "fill": WHITE}
        return [(0.5, [_FLIP]), (1, [("RandAugment", changes)])]
    if not isinstance(params, Standard):
        return RECIPES[params.name]
    colour: Change = "ColorJitter", dict.fromkeys(["brightness", "contrast", "saturation"], params.colour)
    turn: Change = "affine", {"degrees": params.rotation_degrees}
    return [
        *[(params.flip, [_FLIP]), (params.vertical_flip, [_UPSIDE_DOWN])],
        *[(params.rotation_degrees > 0, [turn]), (params.colour > 0, [colour])],
    ]


class MixParams(Section):
    """Batches mixed by mixup (arXiv:1710.09412), by CutMix (arXiv:1905.04899), or by either, each as likely.

    Each is the α of the Beta(α, α) that a batch's proportion is drawn from; null leaves it out.
    """

    mixup: PositiveFloat | None = None
    cutmix: PositiveFloat | None = None

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if self.mixup is None and self.cutmix is None:
            raise ValueError("needs mixup, cutmix or both, each with its alpha, as in {mixup: 0.2}; null mixes nothing")
        return self
