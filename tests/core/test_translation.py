"""French says all that English says, with the same gaps; numbers, plurals and lists are each language's own."""

from __future__ import annotations

import os
import string
from pathlib import Path

import numpy as np
import pytest

babel = pytest.importorskip("babel")
pytestmark = pytest.mark.torch  # babel lives in .venv-torch

from bakeoff.core.errors import ParamsError  # noqa: E402
from bakeoff.core.translation import LOCALE, Translator, spaced  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
EN, FR = Translator("en"), Translator("fr")


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Every message of code and templates, as `make messages` finds them."""
    from babel.messages.frontend import CommandLineInterface
    from babel.messages.pofile import read_po

    target, here = tmp_path_factory.mktemp("messages") / "bakeoff.pot", Path.cwd()
    os.chdir(ROOT / "src" / "bakeoff")
    try:
        CommandLineInterface().run(
            ["pybabel", "-q", "extract", "-F", str(ROOT / "pyproject.toml"), "-k", "N_", "-o", str(target), "."]
        )
    finally:
        os.chdir(here)
    with target.open("rb") as file:
        return {message.id for message in read_po(file) if message.id}


@pytest.fixture(scope="module")
def french():
    from babel.messages.pofile import read_po

    with (LOCALE / "fr" / "LC_MESSAGES" / "bakeoff.po").open("rb") as file:
        return read_po(file)


def test_the_catalogue_holds_what_is_said_and_nothing_else(said, french):
    known = {message.id for message in french if message.id}
    assert len(said) > 500
    assert said - known == set(), "run `make messages`, then translate"
    assert known - said == set(), "run `make messages`"
    assert not french.obsolete
    assert [message.id for message in french if message.id and message.fuzzy] == []


def test_every_message_is_translated_with_the_same_gaps(french):
    def forms(texts):
        return texts if isinstance(texts, tuple | list) else (texts,)

    def gaps(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    for message in french:
        if message.id:
            wanted = set.union(*map(gaps, forms(message.id)))
            uncounted = {"n"} if len(forms(message.id)) > 1 else set()  # a form may say "one" in words
            for text in forms(message.string):
                assert text.strip(), message.id
                assert gaps(text) | uncounted == wanted | uncounted, message.id


def test_numbers_are_written_as_the_language_does():
    values = {"n": 12345, "points": np.float64(-3.25)}
    assert EN.gettext("{n:,d} photos, {points:+.1f} points", **values) == "12,345 photos, \u22123.2 points"
    assert FR.gettext("{n:,d} photos, {points:+.1f} points", **values) == "12\u202f345 photos, \u22123,2 points"
    assert (EN.percent(0.9051), FR.percent(0.9051)) == ("90.5%", "90,5\u202f%")
    assert (EN.number(-0.42, "+.1f"), FR.number(0.5, "g")) == ("\u22120.4", "0,5")
    assert EN.gettext("{name} {n}", name="resnet_v1.5", n=1.5) == "resnet_v1.5 1.5"


def test_plurals_and_lists():
    one = "{n} product could not be read and was left out."
    other = "{n:,d} products could not be read and were left out."
    assert [EN.ngettext(one, other, n)[:10] for n in (0, 1, 2)] == ["0 products", "1 product ", "2 products"]
    assert [FR.ngettext(one, other, n)[:10] for n in (0, 1, 2)] == ["0 produit ", "1 produit ", "2 produits"]
    assert EN.join(["a", "b", "c"]) == "a, b and c"
    assert FR.join(["a", "b"]) == "a et b"
    assert EN.join([]) == ""


def test_french_spaces_do_not_break():
    assert spaced("95 % : « oui » ; non ?") == "95\u202f%\u202f: «\u202foui\u202f»\u202f; non\u202f?"
    assert FR.gettext("Report:") == "Rapport\u202f:"


def test_refuses_another_language():
    with pytest.raises(ParamsError, match="language must be one of en, fr, got 'de'"):
        Translator("de")  # type: ignore[arg-type]
