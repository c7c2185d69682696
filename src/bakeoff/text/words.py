"""Texts cleaned one by one, down to their words: units, abbreviations, numbers, stop words, lemmas, accents."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from bakeoff.records.text import CleaningParams
from bakeoff.text.detect import detect_languages
from bakeoff.text.lemmas import has_tagger, lemmatiser, tagger
from bakeoff.text.plain import plain_text

_MAX_LANGUAGES, _MAX_PIECES = 16, 2**18  # 40 MB each at most
_ACCENTS = re.compile("[\u0300-\u036f]+")
_UNIT = (
    "[kcdmμn]?m[23]?|[cdm]?l|[kmμ]?g|lbs?|oz|ft|pouces?|inch(?:es)?|[km]?wh?|k?v|kva|m?ah|[kmg]?hz|[kmg]o|[kmgt]b|"
    "mpx?|px|dpi|°[cf]?|min|h|%"
)  # neither `in` (2 in 1), nor `to` (2 to 4), nor `a`
_NUMBER = r"\d*(?:[.,]\d+)?"
_MEASURE = re.compile(rf"\d(?<![\w.,]\d){_NUMBER}(?: ?[x×] ?\d{_NUMBER})* ?(?:{_UNIT})(?![\w'’])", re.IGNORECASE)
"""A number with a unit; its first digit stands first, by which the search is twice as fast."""
_FIRST_PICTURE = 0x2190  # arrows, and from there on emoji


class _Separators(dict[int, str]):
    """For str.translate: what is no part of a word becomes a space."""

    def __missing__(self, code: int) -> str:
        kind = unicodedata.category(chr(code))
        is_part = kind[0] in "LMN" or kind in ("Cf", "Co") or (kind in ("So", "Sk") and code >= _FIRST_PICTURE)
        self[code] = chr(code) if is_part else " "
        return self[code]


_SEPARATORS = _Separators()


class Words(dict[str, str]):
    """What becomes of each piece of text between two spaces, found once: its cleaned words, or nothing."""

    def __init__(self, params: CleaningParams, languages: Sequence[str]) -> None:
        """Take the stop words and lemmas of some languages; an unknown one has neither."""
        from stopwordsiso import stopwords

        self._params = params
        self._stop_words = set(map(_fold, stopwords(languages))) if params.stop_words else set[str]()
        self._lemma = lemmatiser(languages if params.lemmas != "none" else ())
        self._tagger = tagger() if list(languages) == ["fr"] and has_tagger(params.lemmas) else None

    def __missing__(self, piece: str) -> str:
        if len(self) >= _MAX_PIECES:
            self.clear()
        words = self._split(piece) if self._params.by_word else [piece]
        self[piece] = _join(map(self._clean, words, map(self._lemma, words)))
        return self[piece]

    def clean(self, plain: str) -> str:
        """Return a plain text as the steps leave it."""
        params = self._params
        text = plain.lower() if params.lower else plain
        text = text if params.units == "keep" else _MEASURE.sub(" ", text)
        if self._tagger:
            words = self._split(text)
            return _join(map(self._clean, words, self._tagger(words)))
        has_more = params.by_word or params.accents == "strip"
        return _join(map(self.__getitem__, text.split())) if has_more else text

    def _split(self, text: str) -> list[str]:
        words = [text] if text.isalnum() else text.translate(_SEPARATORS).split()
        known = self._params.abbreviations
        return [part for word in words for part in known.get(_fold(word), word).split()] if known else words

    def _clean(self, word: str, lemma: str) -> str:
        params = self._params
        if _fold(word) in self._stop_words or (params.numbers == "drop" and word.isdigit()):
            return ""
        lemma = lemma.lower() if params.lower else lemma
        lemma = _without_accents(lemma) if params.accents == "strip" else lemma
        return lemma if len(lemma) >= params.min_length or not lemma.isalnum() else ""


def clean_chunk(texts: Sequence[str], *, settings: str) -> list[str]:
    """Return texts cleaned one by one; `settings` are CleaningParams as JSON. Words are kept for later calls."""
    params = _params(settings)
    plain = [plain_text(text, html=params.html) for text in texts]
    if not params.by_language or params.languages:
        words = _words(settings, *params.languages or ())
        return [words.clean(text) for text in plain]
    return [_words(settings, code).clean(text) for text, code in zip(plain, detect_languages(plain), strict=True)]


@lru_cache(_MAX_LANGUAGES)
def _words(settings: str, *languages: str) -> Words:
    return Words(_params(settings), languages)


@lru_cache(_MAX_LANGUAGES)
def _params(settings: str) -> CleaningParams:
    return CleaningParams.model_validate_json(settings)


def _join(words: Iterable[str]) -> str:
    return " ".join(filter(None, words))


def _fold(word: str) -> str:
    return _without_accents(word.lower())


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", word)))
