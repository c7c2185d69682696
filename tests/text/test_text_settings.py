"""Params of text models: what is refused, and that every file of conf/text_model/ is legal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeoff.core.errors import ParamsError
from bakeoff.core.section import load_section, read_yaml, validate_section
from bakeoff.learning.recipe import TrainingParams
from bakeoff.records.text import TermParams, TextClassifierParams, VectoriserParams
from bakeoff.text.params import StudyTexts, TextModelParams
from text_models import CHARACTERS, WORDS, params_of

pytestmark = pytest.mark.torch
ROOT = Path(__file__).resolve().parents[2]
TEXT = yaml.safe_load((ROOT / "conf" / "config.yaml").read_text(encoding="utf-8"))["text"]
TRAINING = load_section(ROOT / "params.yaml", TrainingParams)
FILES = sorted(path for path in (ROOT / "conf" / "text_model").glob("*.yaml") if path.stem not in ("all", "default"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_of_conf_is_legal(path: Path) -> None:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert values["text_models"] == [path.stem] == list(values["text_settings"])
    composed = read_yaml(ROOT / "params.yaml")["text_settings"][path.stem]
    own = validate_section(TextModelParams, composed, where=path.name)
    assert own.cleaning in TEXT["cleaning"]


def test_all_names_every_file_and_takes_none() -> None:
    values = yaml.safe_load((ROOT / "conf" / "text_model" / "all.yaml").read_text(encoding="utf-8"))
    assert set(values["defaults"]) == {*(path.stem for path in FILES), "_self_"}
    assert values["text_models"] == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"text_models": ["bert"]}, "unknown text model 'bert'; conf/text_model/ has tfidf_svm"),
        ({"text": TEXT | {"cleaning": {}}}, "text_settings.tfidf_svm.cleaning: 'full' is none of text.cleaning"),
        ({"text_models": ["a"], "models": ["a"]}, "models and text_models both name a"),
        ({"text_variants": ["french"]}, "text_variants"),
    ],
)
def test_a_study_of_unknown_text_models_is_refused(change: dict[str, Any], told: str) -> None:
    own = yaml.safe_load((ROOT / "conf" / "text_model" / "tfidf_svm.yaml").read_text(encoding="utf-8"))
    lists = {"models": [], "modes": ["frozen"], "seeds": [0], "text_variants": ["original"]}
    study = lists | own | {"text": TEXT}
    assert validate_section(StudyTexts, study, where="here").describe("tfidf_svm", TRAINING).cleaning.join[0] == "title"
    with pytest.raises(ParamsError, match=told):
        validate_section(StudyTexts, study | change, where="here")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ngrams": [2, 1]}, r"ngrams must be \[shortest, longest\], got \[2, 1\]"),
        ({"ngrams": [1]}, "at least 2 items"),
        ({"ngrams": [0, 1]}, "greater than or equal to 1"),
        ({"max_df": 1.5}, "less than or equal to 1"),
        ({"min_df": 0}, "greater than or equal to 1"),
        ({"max_features": 0}, "greater than or equal to 1"),
        ({"stop_words": "english"}, "unknown key stop_words"),
    ],
)
def test_terms_that_cannot_be_are_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ParamsError, match=told):
        validate_section(TermParams, WORDS | change, where="here")


def test_whole_numbers_count_and_fractions_are_shares() -> None:
    found = TermParams.model_validate(WORDS | {"min_df": 1, "max_df": 1.0})
    assert (type(found.min_df), type(found.max_df)) == (int, float)


def test_a_vectoriser_has_words_or_characters() -> None:
    assert VectoriserParams.model_validate({"words": None, "characters": CHARACTERS}).characters
    with pytest.raises(ParamsError, match="words, characters or both must be set"):
        validate_section(VectoriserParams, {"words": None, "characters": None}, where="here")


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("linear_svc", {"vectoriser": None}, "vectoriser must not be null: linear_svc needs features"),
        ("fasttext", {"vectoriser": {"words": WORDS, "characters": None}}, "null: fasttext learns vectors of its own"),
        ("fasttext", {"balance": "smote"}, "balance must be none, got smote: fasttext can neither weigh nor make rows"),
        ("linear_svc", {"balance": "adasyn"}, "'none', 'class_weights' or 'smote'"),
        (
            "linear_svc",
            {"classifier": {"name": "svm"}},
            "'linear_svc', 'sgd_logistic', 'logistic', 'random_forest', 'finetune', 'fasttext'",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(name: str, change: dict[str, Any], told: str) -> None:
    with pytest.raises(ParamsError, match=told):
        validate_section(TextClassifierParams, params_of(name).model_dump() | change, where="here")
