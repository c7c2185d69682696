"""Plain text: no markup, one way to write each character, single spaces."""

import re
import unicodedata

from selectolax.lexbor import LexborHTMLParser

_INLINE = "a|abbr|b|bdi|bdo|big|cite|code|em|font|i|ins|mark|q|s|small|span|strike|strong|sub|sup|u|wbr"
_BREAK = re.compile(rf"<(?=[a-z/!?])(?!/?(?:{_INLINE})[\s/>])", re.IGNORECASE)
"""Where a tag starts that ends a word, as browsers show it."""
_NESTED = re.compile("&(?:amp;|#38;|#x26;)+", re.IGNORECASE)
"""An ampersand, of an ampersand, and so on: read one by one, thousands take seconds."""
_UNREAD = ["script", "style", "iframe", "noembed", "noframes"]
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]+"
)
"""Controls, formatting and lone surrogates; not the joiners that emoji and Persian are written with."""


def plain_text(text: str, *, html: bool) -> str:
    """Return a text in Unicode's form NFKC, without control characters, runs of white space as one space.

    With `html` also without tags, comments, scripts and styles, and with characters in place of entities, those of
    entities included: cleaning plain text again changes nothing.

    Source: Unicode Standard Annex 15 (normalisation forms); the WHATWG's HTML standard, section 13.2 (parsing).
    """
    found, before = text, None
    while found != before and (before is None or (html and _has_markup(found))):
        found, before = _normalise(_without_markup(found) if html and _has_markup(found) else found), found
    return found


def _has_markup(text: str) -> bool:
    return "<" in text or "&" in text


def _without_markup(text: str) -> str:
    tree = LexborHTMLParser(
        _BREAK.sub(" <", _NESTED.sub("&", text)).encode(errors="ignore")
    )  # lone surrogates have no bytes
    tree.strip_tags(_UNREAD)
    return tree.text()


def _normalise(text: str) -> str:
    spaced = " ".join(text.split())
    shown = spaced if spaced.isprintable() else _INVISIBLE.sub("", spaced)  # `isprintable` is the faster one
    normal = unicodedata.normalize("NFKC", shown)
    return normal if normal is spaced else " ".join(normal.split())
