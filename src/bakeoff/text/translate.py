"""Texts in another language: by a local model, or by a web service where one is configured.

Texts that are in the wanted language, or whose language is not sure, stay as they are. A block that cannot be
translated keeps its original; what has been translated is kept in .bakeoff/translations/<key>.jsonl.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path

from bakeoff.core.code import digest
from bakeoff.core.errors import ParamsError, TrainingError
from bakeoff.core.locks import waiting_lock
from bakeoff.core.paths import main_checkout
from bakeoff.core.progress import progress_bar
from bakeoff.records.text import TranslationParams
from bakeoff.text.detect import UNDETERMINED, detect_languages

_TIMEOUT_S = 30.0
_LOCAL_CHARS = 800
"""What local models take at a time."""
_HOPELESS = 5
"""Failures after which a language that has not succeeded once is given up."""
_FAILURES = (OSError, HTTPException, ValueError, LookupError, RuntimeError, TypeError)
_KEY = "BAKEOFF_TRANSLATION_KEY"
"""The environment variable that holds a web service's key, which stays out of params.yaml."""
Translate = Callable[[str, str], str]
"""From a block and its language's code to the block in the wanted language."""


def translated(texts: Sequence[str], params: TranslationParams, root: Path) -> list[str]:
    """Return each text in the language `params.to`; `root` is .bakeoff/translations of the main checkout.

    Raises:
        ParamsError: no translator is configured.
        TrainingError: there is something to translate, and not one block of it could be.
    """
    translate, languages = _translator(params), detect_languages(texts)
    foreign = [code not in (params.to, UNDETERMINED) for code in languages]
    wanted = {
        (block, code): None
        for text, code, is_foreign in zip(texts, languages, foreign, strict=True)
        for block in (blocks(text, params.block) if is_foreign else ())
        if block.strip()
    }
    file = root / f"{digest(params.model_dump(exclude={'licence', 'commercial_use'}))}.jsonl"
    root.mkdir(parents=True, exist_ok=True)
    with waiting_lock(file.with_suffix(".lock"), what="translations"):
        known = _read(file)
        problem = _translate_all([one for one in wanted if one not in known], translate, known, file)
    if problem:
        n_kept = sum(one not in known for one in wanted)
        if n_kept == len(wanted):
            raise TrainingError(f"no text could be translated ({problem}); see section `text.translation`.")
        sys.stderr.write(f"bakeoff: {n_kept} of {len(wanted)} blocks keep their original ({problem}).\n")
    return [
        "".join(known.get((block, code), block) for block in blocks(text, params.block)) if is_foreign else text
        for text, code, is_foreign in zip(texts, languages, foreign, strict=True)
    ]


def blocks(text: str, size: int) -> list[str]:
    """Return a text in parts of at most `size` characters that make it up, cut after sentences, else after words."""
    parts, rest = list[str](), text
    while len(rest) > size:
        ends = [[one.end() for one in re.finditer(pattern, rest[:size])] for pattern in (r"[.!?\n]\s+", r"\s+")]
        cut = next((found[-1] for found in ends if found), size)
        parts.append(rest[:cut])
        rest = rest[cut:]
    return [*parts, rest]


def _translate_all(
    wanted: list[tuple[str, str]], translate: Translate, known: dict[tuple[str, str], str], file: Path
) -> str:
    """Translate blocks into `known` and append them to the file; return why the first that failed did, or nothing."""
    problem, n_failed, can = "", Counter[str](), set[str]()
    with file.open("a", encoding="utf-8") as kept, progress_bar() as bar:
        for block, code in bar.track(wanted, description="translated"):
            if n_failed[code] >= _HOPELESS and code not in can:
                continue
            try:
                known[block, code] = translate(block, code)
            except _FAILURES as error:
                problem = problem or f"{type(error).__name__}: {str(error)[:200]}"
                n_failed[code] += 1
                continue
            can.add(code)
            kept.write("\n" + json.dumps([block, code, known[block, code]]))  # a kill may cut a line
            kept.flush()
    return problem


def _read(file: Path) -> dict[tuple[str, str], str]:
    """Return what is kept; a line that a kill has cut short is none."""
    found = {}
    for line in file.read_text(encoding="utf-8").split("\n") if file.is_file() else ():
        try:
            block, code, text = json.loads(line)
        except ValueError:
            continue
        found[block, code] = text
    return found


def _translator(params: TranslationParams) -> Translate:
    if params.service == "web":
        return lambda block, code: _ask(str(params.url), block, code, params.to)
    if params.service == "local":
        return lambda block, code: " ".join(_local(str(params.model), code, params.to)(blocks(block, _LOCAL_CHARS)))
    raise ParamsError("variant translated needs a translator: set text.translation.service to local or web.")


def _local(model: str, source: str, target: str) -> Callable[[Sequence[str]], list[str]]:
    """Return the translator of a folder, from the main checkout, or of the hub."""
    from bakeoff.backbones.translator import open_translator

    name = model.format(source=source, to=target)
    folder = main_checkout() / name
    return open_translator(str(folder) if folder.is_dir() else name)


def _ask(url: str, block: str, source: str, target: str) -> str:
    """Return what a service with LibreTranslate's interface answers."""
    asked = {"q": block, "source": source, "target": target, "format": "text"}
    if key := os.environ.get(_KEY):
        asked["api_key"] = key
    head = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(asked).encode(), head)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        return str(json.load(answer)["translatedText"])
