"""Sections `text` and `text_settings`: which text models there are, and how texts are cleaned for them."""

from pathlib import Path
from typing import Any, Self

from pydantic import model_validator

from bakeoff.core.section import Section
from bakeoff.records.study import StudyLists
from bakeoff.records.text import CleaningParams, TextClassifierParams, TextSettings, TranslationParams

_LICENCES = {"fasttext": "MIT"}
"""Of the code, by the classifier's name; encoders' is transformers', all others' scikit-learn's."""


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

    def describe(self, model: str) -> TextSettings:
        """Return the full settings of one text model of the study."""
        own = self.text_settings[model]
        known: dict[str, Any] = dict(own) | {"cleaning": self.text.cleaning[own.cleaning]}
        known["translation"] = self.text.translation
        licence = "Apache-2.0" if own.encoders else _LICENCES.get(own.classifier.name, "BSD-3-Clause")
        return TextSettings(model=model, licence_code=licence, commercial_use=True, **known)

    def write_text_models(self, out_dir: Path) -> None:
        """Write each text model's settings to <model>.json in a folder that is there."""
        for model in self.text_models:
            self.describe(model).write(out_dir / f"{model}.json")
