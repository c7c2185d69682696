"""Markup and Unicode against texts cleaned by hand, and what holds for any text."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bakeoff.text.plain import plain_text

pytestmark = pytest.mark.torch

GAMEPAD, FAMILY, ENGLAND = "🎮", "👨‍👩‍👧", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"
MARKUP = st.lists(
    st.sampled_from(
        ["<", ">", "&", "amp;", "lt;", "#65308;", "#0;", "<b>", "</p>", "<script>", "<!--", "＜", "a", " ", "é"]
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>Balle</b> rouge", "Balle rouge"),
        ("<p>Lot de 2</p><p>rouge</p>fin<br/>de ligne", "Lot de 2 rouge fin de ligne"),
        ("H<sub>2</sub>O et cou<span class='x'>leur</span>", "H2O et couleur"),
        ("<table><tr><td>bois</td><td>fer</td></tr></table>", "bois fer"),
        ("bois</td><td>fer</div>verre", "bois fer verre"),
        ("caf&eacute; 5 &lt; 6 &amp; 7&nbsp;cm", "café 5 < 6 & 7 cm"),
        ("l&amp;#39;enfant &amp;amp;lt;b&amp;amp;gt;joue", "l'enfant joue"),
        ("＜b＞balle＜/b＞", "balle"),
        ("I <3 this, R&D; 3 < 4 > 2", "I <3 this, R&D; 3 < 4 > 2"),
        ("a<script>alert('<p>x</p>')</script>b<style>p {}</style><!-- c -->c", "a b c"),
        ("<SCRIPT SRC=x>evil()</SCRIPT >ok<iframe src=x>no</iframe>", "ok"),
        ("<title>Balle</title><body onload='x()'>rouge", "Balle rouge"),
        ("<b><i>jamais fermé", "jamais fermé"),
        ("<script>jamais fermé", ""),
        ("", ""),
        (" \t\n\u3000 ", ""),
    ],
)
def test_markup_by_hand(text, expected):
    assert plain_text(text, html=True) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ﬁlm 12 ㎝ ｆｕｌｌ", "film 12 cm full"),
        ("cafe\u0301", "café"),
        ("a\x00b\x07c\u200bd\xade\ufefff\ufffeg", "abcdefg"),
        ("\ud83cx\udfae", "x"),
        ("one\x0btwo\x85three\u2028four", "one two three four"),
        (f"{GAMEPAD} {FAMILY} {ENGLAND} ❤️", f"{GAMEPAD} {FAMILY} {ENGLAND} ❤️"),
        ("\u202bלעבה לילדים\u202c", "לעבה לילדים"),
        ("می\u200cخواهم لُعْبَة", "می\u200cخواهم لُعْبَة"),
    ],
)
def test_characters_by_hand(text, expected):
    assert plain_text(text, html=False) == plain_text(text, html=True) == expected


def test_without_html_tags_stay():
    assert plain_text("<b>5</b> &lt;  6", html=False) == "<b>5</b> &lt; 6"


@given(st.text() | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Mn", "Sk", "Ll"])) | MARKUP)
@example("e\u200b\u0301")
@example("&amp;" * 20 + "lt;b>")
@example("<plaintext>a<b>")
@example("<textarea><b>x</b></textarea><noscript><p>y")
@example("&#xFF1C;b&#xFF1E;")
def test_plain_text_stays_as_it_is(text):
    plain = plain_text(text, html=True)
    assert plain_text(plain, html=True) == plain == " ".join(plain.split())
    assert unicodedata.is_normalized("NFKC", plain)
    assert not {unicodedata.category(character) for character in plain} & {"Cc", "Cs"}


@pytest.mark.parametrize("piece", ["&", "<", "<b>", "<div>", "&amp;", "<script>", "<!--", "mot ", "&lt;b&gt;"])
def test_long_texts_take_no_time(piece):
    started = time.perf_counter()
    plain_text(piece * (12_000 // len(piece)), html=True)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("nested", ["&" + "amp;" * 2999 + "lt;", "&" + "#38;" * 2999 + "lt;"])
def test_entities_of_entities_are_read_at_once(nested):
    started = time.perf_counter()
    assert plain_text(nested, html=True) == "<"
    assert time.perf_counter() - started < 1  # one by one they take seven seconds
