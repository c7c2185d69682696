"""Sections `text` and `text_settings`: which text models there are, and how texts are cleaned for them."""

from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from bakeoff.core.errors import ParamsError
from bakeoff.core.section import Section
from bakeoff.learning.balance import ON_FEATURES
from bakeoff.learning.recipe import TrainingParams
from bakeoff.records.study import StudyLists
from bakeoff.records.text import CleaningParams, FinetuneParams, TextClassifierParams, TextSettings, TranslationParams

_LICENCES = {"fasttext": "MIT"}
"""Of the code, by the classifier's name; encoders' is transformers', all others' scikit-learn's."""

_OF_PHOTOS = {"start": "head", "augment": "none", "cache_views": None, "mix": None, "normalise": "weights"}
_OF_PHOTOS |= {"gradient_checkpointing": False, "compile": False, "random_start_max_steps": None}
"""Fields of a recipe that a text model cannot choose."""


class TextParams(Section):
    """Section `text`: profiles of cleaning by name, and how texts are translated."""

    cleaning: dict[str, CleaningParams]
    translation: TranslationParams


class TextModelParams(TextClassifierParams):
    """One entry of `text_settings`: what conf/text_model/<name>.yaml says."""

    architecture: str
    cleaning: str
    """Which profile of `text.cleaning`."""


class StudyTexts(StudyLists):
    """The study's lists, and what params.yaml says of text models."""

    text: TextParams
    text_settings: dict[str, TextModelParams]

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        for model in self.text_models:
            if model not in self.text_settings:
                legal = ", ".join(sorted(self.text_settings))
                raise ValueError(f"unknown text model {model!r}; conf/text_model/ has {legal}")
            if (profile := self.text_settings[model].cleaning) not in self.text.cleaning:
                legal = ", ".join(self.text.cleaning)
                raise ValueError(f"text_settings.{model}.cleaning: {profile!r} is none of text.cleaning: {legal}")
        return self

    def describe(self, model: str, training: TrainingParams) -> TextSettings:
        """Return the full settings of one text model; a ParamsError where its own recipe is none of a text's."""
        own = self.text_settings[model]
        known: dict[str, Any] = dict(own) | {"cleaning": self.text.cleaning[own.cleaning]}
        if isinstance(own.classifier, FinetuneParams):
            known["classifier"] = own.classifier.model_copy(update={"recipe": _whole(own.classifier.recipe, training)})
        known["translation"] = self.text.translation if "translated" in self.text_variants else None
        licence = "Apache-2.0" if own.encoders else _LICENCES.get(own.classifier.name, "BSD-3-Clause")
        return TextSettings(model=model, licence_code=licence, commercial_use=True, **known)

    def write_text_models(self, training: TrainingParams, out_dir: Path) -> None:
        """Write each text model's settings to <model>.json in a folder that is there."""
        for model in self.text_models:
            self.describe(model, training).write(out_dir / f"{model}.json")


def _whole(own: dict[str, Any], training: TrainingParams) -> dict[str, Any]:
    """Return the recipe of a fine-tuned encoder: training.finetune, and of its own what is no photo's."""
    try:
        if of_photos := sorted({*own} & {*_OF_PHOTOS}):
            raise ValueError(f"finetune.{of_photos[0]}: texts take no {of_photos[0]}")
        recipe = training.recipe("finetune", {"finetune": {"loss": "cross_entropy"} | own | _OF_PHOTOS})
        if recipe.loss.name != "cross_entropy":
            raise ValueError(f"finetune.loss: texts learn by cross_entropy, got {recipe.loss.name}")
        if recipe.balance.name in ON_FEATURES:
            raise ValueError(f"finetune.balance: {recipe.balance.name} needs features, which change here")
    except ValueError as error:
        raise ParamsError(f"recipe of a text model: {error}.") from None
    return recipe.model_dump(mode="json")
