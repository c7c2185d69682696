"""Phrases in two languages side by side, so that no translation is missing, and the object that says them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, get_args

from bakeoff.core.errors import ParamsError

LanguageCode = Literal["en", "fr"]
LANGUAGES: tuple[LanguageCode, ...] = get_args(LanguageCode)
_FRENCH_MARKS = str.maketrans({".": ",", ",": "\u202f"})
"""French writes a decimal comma and groups thousands by a narrow space that does not break."""


class Phrase(NamedTuple):
    """One thing to say, with `{named}` gaps in `str.format`'s form, the same ones in both languages."""

    en: str
    fr: str


def unbroken(text: str, language: LanguageCode) -> str:
    """Return text whose spaces before a percent sign, in French also before a colon and the like, do not break."""
    pattern = r" (?=[:;?!»%])|(?<=«) " if language == "fr" else r" (?=%)"
    return re.sub(pattern, "\u00a0", text)


def typeset(table: Mapping[str, Phrase]) -> dict[str, Phrase]:
    """Return the table for a page, on which no line begins with a percent sign, in French nor with a colon."""
    return {key: Phrase(unbroken(said.en, "en"), unbroken(said.fr, "fr")) for key, said in table.items()}


class Words:
    """Says phrases in one language: `words("best", candidate="swin_t-frozen", accuracy=0.905)`.

    Numbers in a gap that has a format (`{accuracy:.3f}`, `{n:,d}`, `{points:+.1f}`) are written as the language does.
    """

    def __init__(self, language: LanguageCode, *tables: Mapping[str, Phrase]) -> None:
        if language not in LANGUAGES:
            raise ParamsError(f"language must be one of {', '.join(LANGUAGES)}, got {language!r}.")
        self.language: LanguageCode = language
        self._phrases: dict[str, Phrase] = {}
        for table in tables:
            twice = self._phrases.keys() & table.keys()
            if twice:
                raise ValueError(f"two tables hold the phrase {min(twice)!r}")
            self._phrases.update(table)
        self._formatter = _French() if language == "fr" else string.Formatter()

    def __call__(self, key: str, /, **values: Any) -> str:
        """Return the phrase `key` with its gaps filled; an unknown key or a missing value is a KeyError."""
        return self._formatter.format(getattr(self._phrases[key], self.language), **values)

    def count(self, key: str, n: int, /, **values: Any) -> str:
        """Return the phrase `key.one` or `key.other`, whichever `n` needs, with `n` among the values.

        French uses the singular for 0 and 1, English for 1 alone.
        """
        singular = n == 1 or (n == 0 and self.language == "fr")
        return self(f"{key}.{'one' if singular else 'other'}", n=n, **values)

    def number(self, value: float, spec: str = ".1f") -> str:
        """Return a number by a format such as `.3f`, `+.1f` or `,d`, with a true minus sign."""
        text = self._formatter.format(f"{{:{spec}}}", value)
        return f"\u2212{text[1:]}" if text.startswith("-") else text

    def percent(self, share: float, digits: int = 1) -> str:
        """Return a share in [0, 1] as `90.5 %`, in both languages with a space that does not break."""
        return f"{self.number(100 * share, f'.{digits}f')}\u00a0%"

    def join(self, names: Iterable[str]) -> str:
        """Return `a, b and c`."""
        *rest, last = list(names) or [""]
        word = {"en": "and", "fr": "et"}[self.language]
        return f"{', '.join(rest)} {word} {last}" if rest else last


class _French(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        text = super().format_field(value, format_spec)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return text.translate(_FRENCH_MARKS) if is_number and format_spec else text
