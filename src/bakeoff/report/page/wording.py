"""The page's words and numbers in its language: what the templates call as filters and functions."""

from __future__ import annotations

import math
import re
from typing import Any

from markupsafe import Markup, escape

from bakeoff.language import report, report_evidence, report_more, report_tradeoff
from bakeoff.language.phrases import LanguageCode, Phrase, Words, typeset

PHRASES: dict[str, Phrase] = typeset(
    report.PHRASES | report_tradeoff.PHRASES | report_evidence.PHRASES | report_more.PHRASES
)
UNKNOWN = "–"


def report_words(language: LanguageCode) -> Words:
    """Return the words of the page."""
    return Words(language, PHRASES)


class Wording:
    """Formats what one page shows; every method takes an unknown value (None or NaN) and writes an en dash."""

    def __init__(self, words: Words) -> None:
        self.words = words

    def filters(self) -> dict[str, Any]:
        """Return the filters that the templates use."""
        return {
            "num": self.num,
            "pct": self.pct,
            "signed": self.signed,
            "p_value": self.p_value,
            "rich": rich,
            "breakable": breakable,
            "raw": raw,
        }

    def num(self, value: Any, digits: int = 1) -> str:
        """Return `1,234.5`."""
        return self.words.number(value, f",.{digits}f") if is_known(value) else UNKNOWN

    def pct(self, share: Any, digits: int = 1) -> str:
        """Return a share in [0, 1] as `90.5 %`."""
        return self.words.percent(share, digits) if is_known(share) else UNKNOWN

    def signed(self, value: Any, digits: int = 1) -> str:
        """Return `+3.1` or `−0.4`."""
        return self.words.number(value, f"+.{digits}f") if is_known(value) else UNKNOWN

    def p_value(self, value: Any) -> str:
        """Return `0.021`, or `< 0.001`."""
        if not is_known(value):
            return UNKNOWN
        return self.words.number(value, ".3f") if value >= 0.001 else f"<\u00a0{self.words.number(0.001, '.3f')}"

    def known(self, prefix: str, code: Any) -> str:
        """Return the phrase `prefix.code`; a code that has none is shown as it is, with spaces for underscores."""
        key = f"{prefix}.{code}"
        return self.words(key) if key in PHRASES else str(code).replace("_", " ")


def is_known(value: Any) -> bool:
    """Return whether `value` is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def raw(value: Any) -> str:
    """Return a number for `data-value`, by which tables sort; empty where it is unknown."""
    return f"{value:.8g}" if is_known(value) else ""


def rich(text: str) -> Markup:
    """Return text with `code` and **strong** marked up, everything else escaped."""
    escaped = str(escape(text))
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return Markup(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped))


def breakable(name: str) -> Markup:
    """Return a candidate's name that a narrow column may break after a hyphen, an underscore or a dot."""
    return Markup(re.sub(r"([-_.])", r"\1<wbr>", str(escape(name))))
