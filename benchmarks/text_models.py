"""How long do TF-IDF models take, how much memory, and do they equal a hand-written pipeline?

    PYTHONPATH=src .venv-torch/bin/python benchmarks/text_models.py [--full] [--catalogue data/catalogue]

Texts of 200 words in 27 classes made here, words as frequent as in a language (Zipf); 8,500 of them by default (half a
minute), `--full` takes 85,000, Rakuten's number (three minutes). Each fit has a process of its own, whose largest
memory is measured, texts and libraries included. Where a prepared catalogue with texts is there, accuracy over twenty
splits too, of frozen MiniLM as well (a minute more).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from bakeoff.backbones.text_encoder import TextEncoder
from bakeoff.catalogue.split_folder import write_split
from bakeoff.core.section import load_section
from bakeoff.records.text import TextClassifierParams
from bakeoff.study.params import load_params
from bakeoff.text.classify import LabelledTexts, TextClassifier
from bakeoff.text.clean import clean_texts, join_fields
from bakeoff.text.encode import Encoders
from bakeoff.text.params import TextParams
from bakeoff.weights.texts import find_encoder

N_CLASSES, N_WORDS, VOCABULARY = 27, 200, 100_000
N_SPLITS = 20
OWN_SHARE = 0.15  # of a text's words that are of its class's own


def params_of(name: str) -> TextClassifierParams:
    """Return what conf/text_model/<name>.yaml says."""
    section = yaml.safe_load((Path("conf/text_model") / f"{name}.yaml").read_text())["text_settings"][name]
    return TextClassifierParams.model_validate({key: section[key] for key in TextClassifierParams.model_fields})


def make_texts(n_texts: int) -> LabelledTexts:
    """Return texts of 2 to 5 syllables per word; each class has 500 words of its own, of any frequency."""
    rng = np.random.default_rng(0)
    syllables = np.array([first + vowel for first in "bcdfghjklmnprstvz" for vowel in ("a", "e", "i", "o", "u", "an")])
    parts = syllables[rng.integers(0, len(syllables), (2 * VOCABULARY, 5))]
    words = pd.unique(
        pd.Series(["".join(row[:n]) for row, n in zip(parts, rng.integers(2, 6, len(parts)), strict=True)])
    )
    words = np.array(words[:VOCABULARY], dtype=object)
    ends = np.cumsum(1 / (np.arange(len(words)) + 2.7))
    labels = rng.integers(0, N_CLASSES, n_texts)
    own = rng.integers(0, len(words), (N_CLASSES, 500))
    texts = []
    for label in labels:
        places = np.searchsorted(ends, rng.random(N_WORDS) * ends[-1])
        is_own = rng.random(N_WORDS) < OWN_SHARE
        places[is_own] = rng.choice(own[label], is_own.sum())
        texts.append(" ".join(words[places]))
    return LabelledTexts(texts, labels, np.ones(n_texts, np.float32), N_CLASSES)


def measure(name: str, n_texts: int, answer: Any) -> None:
    """Fit one model to generated texts and send its time, s, largest memory, MiB, and accuracy on other texts."""
    known = make_texts(n_texts + 2000)
    learned, asked = known.at(np.arange(n_texts)), known.at(np.arange(n_texts, n_texts + 2000))
    started, cpu_started = time.perf_counter(), time.process_time()
    classifier = TextClassifier.fit(learned, params_of(name), seed=0)
    figures = {"s": time.perf_counter() - started, "cpu_s": time.process_time() - cpu_started}
    figures["accuracy"] = float((classifier.probabilities(asked.texts).argmax(axis=1) == asked.labels).mean())
    figures["mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer.put(figures)


def measured(name: str, n_texts: int) -> dict[str, float]:
    """Return what `measure` finds in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=measure, args=(name, n_texts, answer))
    process.start()
    found = answer.get()
    process.join()
    return {f"{name}_{what}": round(value, 2) for what, value in found.items()}


def by_hand() -> Any:
    """Return tfidf_svm written by hand."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    return make_pipeline(TfidfVectorizer(max_features=10_000, max_df=0.85), LinearSVC(random_state=0, max_iter=5000))


def on_catalogue(folder: Path) -> dict[str, float]:
    """Return mean and standard deviation of test accuracy over twenty splits, of tfidf_svm and of frozen MiniLM.

    TF-IDF reads raw texts, so that its answers can be held against a pipeline by hand; MiniLM reads light ones.
    """
    products, texts = (pd.read_parquet(folder / f"{name}.parquet") for name in ("products", "texts"))
    joined = join_fields(texts.set_index("product_id").loc[products["product_id"]], ["title", "description"])
    light = load_section(Path("params.yaml"), TextParams).cleaning["light"]
    labels = products["label_id"].to_numpy()
    raw = LabelledTexts(joined, labels, products["weight"].to_numpy(), int(labels.max()) + 1)
    read = {"tfidf_svm": raw, "minilm": replace(raw, texts=clean_texts(joined, light))}
    one = params_of("minilm").encoders["minilm"]
    encoders = Encoders([TextEncoder.open(find_encoder(one, timeout_s=10).path, one)])
    accuracies, n_other = {name: list[float]() for name in read}, 0
    for seed in range(N_SPLITS):
        with tempfile.TemporaryDirectory() as scratch:
            split = load_params(Path("params.yaml")).split.model_copy(update={"seed": seed})
            write_split(folder, split, Path(scratch))
            splits = pd.read_parquet(Path(scratch) / "splits.parquet").set_index("product_id")["split"]
        of_product = splits.loc[products["product_id"]].to_numpy()
        found = {}
        for name, known in read.items():
            train, test = (known.at(np.flatnonzero(of_product == part)) for part in ("train", "test"))
            classifier = TextClassifier.fit(train, params_of(name), seed=0, encoders=encoders)
            found[name] = classifier.probabilities(test.texts).argmax(axis=1)
            accuracies[name].append(float((found[name] == test.labels).mean()))
        train, test = (raw.at(np.flatnonzero(of_product == part)) for part in ("train", "test"))
        expected = by_hand().fit(train.texts, train.labels).predict(test.texts)
        n_other += int((expected != found["tfidf_svm"]).sum())
    figures = {f"{name}_accuracy": round(statistics.mean(own), 4) for name, own in accuracies.items()}
    spread = {f"{name}_accuracy_sd": round(statistics.stdev(own), 4) for name, own in accuracies.items()}
    return figures | spread | {"answers_other_than_by_hand": n_other}


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="85,000 texts")
    parser.add_argument("--accuracy-only", action="store_true", help="no generated texts")
    parser.add_argument("--catalogue", type=Path, default=Path("data/catalogue"))
    args = parser.parse_args()
    n_texts = 85_000 if args.full else 8_500
    figures: dict[str, float] = {"n_texts": n_texts}
    for name in () if args.accuracy_only else ("tfidf_svm", "tfidf_chars_svm"):
        figures |= measured(name, n_texts)
    if (args.catalogue / "texts.parquet").exists():
        figures |= on_catalogue(args.catalogue)
    memory = {f"{name}_mib": 2048 for name in ("tfidf_svm", "tfidf_chars_svm")}
    bars = {"tfidf_svm_s": 60, "tfidf_chars_svm_s": 300, **memory, "tfidf_svm_accuracy": 0.63, "minilm_accuracy": 0.86}
    bars |= {"answers_other_than_by_hand": 0}
    print(json.dumps({"benchmark": "text_models", "figures": figures, "bars": bars}))


if __name__ == "__main__":
    main()
