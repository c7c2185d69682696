"""What the product says in the reader's language: gettext messages, English in place, with Babel's numbers and lists.

French is one file, locale/fr/LC_MESSAGES/bakeoff.po; `make messages` brings it up to date with code and templates.
The language is a value that is passed around: two may be used in one process.
"""

import gettext
import io
import re
import string
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from bakeoff.core.errors import ParamsError
from bakeoff.core.section import LANGUAGES, LanguageCode

LOCALE = Path(__file__).resolve().parents[1] / "locale"
_LOCALES = {"en": "en_GB", "fr": "fr"}
N_ = str
"""Marks a message that `Translator.gettext` gets later, from a table."""


class Translator:
    """Says messages in one language: `t.gettext("{n:,d} photos, accuracy {accuracy:.3f}", n=1050, accuracy=0.9)`.

    Gaps have `str.format`'s form; a number in a gap with a format is written as the language does.
    """

    def __init__(self, language: LanguageCode) -> None:
        if language not in LANGUAGES:
            raise ParamsError(f"language must be one of {', '.join(LANGUAGES)}, got {language!r}.")
        from babel import Locale
        from babel.numbers import get_decimal_symbol, get_group_symbol

        self.language: LanguageCode = language
        self._locale = Locale.parse(_LOCALES[language])
        self._messages = _messages(language)
        self._formatter = _Numbers({".": get_decimal_symbol(self._locale), ",": get_group_symbol(self._locale)})
        self._percent = spaced(self._locale.percent_formats[None].suffix[0])

    def gettext(self, message: str, /, **values: Any) -> str:
        """Return the message with its gaps filled; a missing value is a KeyError."""
        return self._formatter.format(self._messages.gettext(message), **values)

    def ngettext(self, one: str, other: str, n: int, /, **values: Any) -> str:
        """Return the message whose form the number needs, with `n` among the values."""
        return self._formatter.format(self._messages.ngettext(one, other, n), n=n, **values)

    def number(self, value: float, spec: str = ".1f") -> str:
        """Return a number by a format such as `.3f`, `+.1f` or `,d`, with a true minus sign."""
        return self._formatter.format_field(value, spec)

    def percent(self, share: float, digits: int = 1) -> str:
        """Return a share in [0, 1] as `90.5%`, in French `90,5 %`."""
        return f"{self.number(100 * share, f'.{digits}f')}{self._percent}"

    def join(self, names: Iterable[str]) -> str:
        """Return `a, b and c`."""
        from babel.lists import format_list

        return format_list(list(names), locale=self._locale)


def spaced(french: str) -> str:
    """Return French text whose spaces before `: ; ? ! » %` and after `«` are narrow and do not break."""
    return re.sub(r"[ \u00a0](?=[:;?!»%])|(?<=«)[ \u00a0]", "\u202f", french)


@cache
def _messages(language: LanguageCode) -> gettext.NullTranslations:
    """Return the language's catalogue, compiled in memory."""
    if language == "en":
        return gettext.NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with (LOCALE / language / "LC_MESSAGES" / "bakeoff.po").open("rb") as file:
        catalogue = read_po(file)
    for message in catalogue:
        if message.id:
            texts = message.string or ""
            message.string = spaced(texts) if isinstance(texts, str) else tuple(map(spaced, texts))
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class _Numbers(string.Formatter):
    def __init__(self, marks: dict[str, str]) -> None:
        self._marks = str.maketrans(marks)

    def format_field(self, value: Any, format_spec: str) -> str:
        text = super().format_field(value, format_spec)
        if not format_spec or isinstance(value, bool) or not isinstance(value, int | float):
            return text
        return text.translate(self._marks).replace("-", "\u2212", text.startswith("-"))
