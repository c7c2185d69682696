"""How many products' texts does one core clean in a second, with and without lemmas?

    PYTHONPATH=src .venv-torch/bin/python benchmarks/text_cleaning.py [--full]

Products are generated: 200 French or English words each, drawn by Zipf's law from 60,000 (words of simplemma's
dictionaries, so that lemmas have work), numbers with units among them, a third with HTML. `full` is the profile of
TF-IDF and fastText without lemmas, `light` that of transformers; `full_of_analyser` is its rate over that of
scikit-learn's own analyser (accents, tokens, English stop words), which knows neither HTML nor languages. A second
pass, `full_again`, is what many more products approach, whose words are known. Memory is this process's peak. By
default 8,000 products (under a minute), with `--full` 85,000, with lemmas once also on all cores.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from bakeoff.core.machine import peak_resident_mib
from bakeoff.core.section import read_yaml, validate_section
from bakeoff.records.text import CleaningParams
from bakeoff.text.clean import clean_texts
from bakeoff.text.words import clean_chunk

ROOT = Path(__file__).resolve().parents[1]
PROFILES = read_yaml(ROOT / "conf" / "config.yaml")["text"]["cleaning"]
N_WORDS, N_KNOWN, CHUNK = 200, 60_000, 500
BARS = {"full_per_s": [5_000, 1e9], "peak_mib": 2_000}


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="85,000 products instead of 8,000")
    is_full = parser.parse_args().full
    texts = generate(85_000 if is_full else 8_000)
    figures: dict[str, float] = {
        "n_products": len(texts),
        "characters": round(float(np.mean([len(text) for text in texts]))),
    }
    passes = {"light": ("light", "none"), "full": ("full", "none"), "full_again": ("full", "none")}
    for name, (profile, lemmas) in (passes | {"lemmas": ("full", "simplemma")}).items():
        params = validate_section(CleaningParams, PROFILES[profile] | {"lemmas": lemmas}, where=profile)
        figures[f"{name}_per_s"] = rate(texts, partial(clean_chunk, settings=params.model_dump_json()))
    analyse = CountVectorizer(strip_accents="unicode", stop_words="english").build_analyzer()
    figures["full_of_analyser"] = round(figures["full_per_s"] / rate(texts, lambda chunk: list(map(analyse, chunk))), 2)
    if is_full:
        started = time.perf_counter()
        clean_texts(texts, params)
        figures["lemmas_on_all_cores_s"] = round(time.perf_counter() - started, 1)
    figures["peak_mib"] = round(peak_resident_mib())
    print(json.dumps({"benchmark": "text_cleaning", "figures": figures, "bars": BARS}))


def rate(texts: list[str], work: Callable[[list[str]], list[Any]]) -> int:
    """Return texts per second of this process's CPU time; loading models and dictionaries is not counted."""
    work(texts[:4])
    started = time.process_time()
    for start in range(0, len(texts), CHUNK):
        work(texts[start : start + CHUNK])
    return round(len(texts) / (time.process_time() - started))


def generate(n: int) -> list[str]:
    """Return the texts of `n` products."""
    from simplemma.strategies.dictionaries.dictionary_factory import DefaultDictionaryFactory
    from stopwordsiso import stopwords

    rng, factory, words_of = np.random.default_rng(0), DefaultDictionaryFactory(), {}
    for language in ("fr", "en"):
        known, common = sorted(map(decoded, factory.get_dictionary(language))), sorted(stopwords(language))
        words_of[language] = np.array([*common, *rng.choice(known, N_KNOWN - len(common), replace=False)], dtype=object)
    ranks = np.arange(1, N_KNOWN + 1)
    drawn = rng.choice(N_KNOWN, (n, N_WORDS), p=1 / ranks / (1 / ranks).sum()).astype(np.int32)
    texts = []
    for position in range(n):
        words = words_of["fr" if position % 4 else "en"][drawn[position]]
        measures = [f"{rng.integers(1, 400)} cm", "12,5 kg", f"{position}", "ps4", "Réf.", "2 x 3 m"]
        words[rng.integers(N_WORDS, size=len(measures))] = measures
        texts.append(with_html(words) if position % 3 == 0 else " ".join(words).capitalize())
    return texts


def decoded(word: str | bytes) -> str:
    return word if isinstance(word, str) else word.decode()


def with_html(words: np.ndarray) -> str:
    """Return words as a description in HTML: paragraphs, a list, inline tags, entities."""
    items = "".join(
        f"<li><b>{' '.join(part[:2])}</b>&nbsp;: {' '.join(part[2:])}</li>" for part in words[50:150].reshape(10, 10)
    )
    start, end = " ".join(words[:50]), " ".join(words[150:]).replace("é", "&eacute;")
    return f'<p class="intro">{start}</p><br/><ul>{items}</ul><div style="color:red">{end} &amp; plus</div>'


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
