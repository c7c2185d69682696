"""Both languages say the same things with the same gaps, and write numbers their own way."""

import importlib
import pkgutil
import string

import numpy as np
import pytest

from bakeoff import language
from bakeoff.core.errors import ParamsError
from bakeoff.language.phrases import LANGUAGES, Phrase, Words, typeset, unbroken

TABLE = {
    "lead": Phrase(
        "{name} leads by {points:+.1f} points on {n:,d} photos", "{name} mène de {points:+.1f} points, {n:,d} photos"
    ),
    "photo.one": Phrase("{n} photo", "{n} photo"),
    "photo.other": Phrase("{n} photos", "{n} photos"),
}


def test_numbers_are_written_as_the_language_does():
    values = {"name": "resnet_v1.5", "points": np.float64(3.25), "n": 12345}
    assert Words("en", TABLE)("lead", **values) == "resnet_v1.5 leads by +3.2 points on 12,345 photos"
    assert Words("fr", TABLE)("lead", **values) == "resnet_v1.5 mène de +3,2 points, 12\u202f345 photos"
    assert Words("fr", TABLE).percent(0.9051) == "90,5\u00a0%"
    assert Words("en", TABLE).number(-0.42, "+.1f") == "\u22120.4"


def test_no_line_of_a_page_begins_with_a_mark():
    assert unbroken("95 % : oui", "fr") == "95\u00a0%\u00a0: oui"
    assert unbroken("95 % : yes", "en") == "95\u00a0% : yes"
    assert typeset({"a": Phrase("90 %", "« oui »")})["a"] == Phrase("90\u00a0%", "«\u00a0oui\u00a0»")


def test_plurals_and_lists():
    english, french = Words("en", TABLE), Words("fr", TABLE)
    assert [english.count("photo", n) for n in (0, 1, 2)] == ["0 photos", "1 photo", "2 photos"]
    assert [french.count("photo", n) for n in (0, 1, 2)] == ["0 photo", "1 photo", "2 photos"]
    assert english.join(["a", "b", "c"]) == "a, b and c"
    assert french.join(["a", "b"]) == "a et b"
    assert english.join([]) == ""


def test_refuses_another_language_and_a_phrase_twice():
    with pytest.raises(ParamsError, match="language must be one of en, fr, got 'de'"):
        Words("de", TABLE)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="two tables hold the phrase"):
        Words("en", TABLE, TABLE)


def tables() -> dict[str, dict[str, Phrase]]:
    """Every module-level dict of phrases in the package bakeoff.language."""
    found = {}
    for module in pkgutil.iter_modules(language.__path__):
        for name, value in vars(importlib.import_module(f"bakeoff.language.{module.name}")).items():
            if isinstance(value, dict) and value and all(isinstance(one, Phrase) for one in value.values()):
                found[f"{module.name}.{name}"] = value
    return found


@pytest.mark.parametrize("table", tables() or {"none yet": {}})
def test_both_languages_have_the_same_gaps(table):
    for key, phrase in tables().get(table, {}).items():
        gaps = [sorted({gap for _, gap, _, _ in string.Formatter().parse(text) if gap is not None}) for text in phrase]
        assert gaps[0] == gaps[1], f"{table}: {key}"
        assert all(text.strip() for text in phrase), f"{table}: {key}"


def test_every_language_is_in_every_phrase():
    assert set(Phrase._fields) == set(LANGUAGES)
