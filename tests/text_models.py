"""Small text models and texts to learn from, for the tests of this room."""

from __future__ import annotations

from typing import Any

import numpy as np

WORDS = {"ngrams": [1, 1], "max_features": None, "min_df": 1, "max_df": 1.0, "sublinear": False}
CHARACTERS = WORDS | {"ngrams": [2, 5], "sublinear": True}
CLASSIFIERS: dict[str, dict[str, Any]] = {
    "linear_svc": {"c": 1.0, "max_iter": 5000},
    "sgd_logistic": {"alpha": 0.0001, "max_iter": 1000},
    "random_forest": {"n_trees": 10, "max_depth": None},
    "fasttext": {"learning_rate": 0.5, "dim": 10, "epochs": 20, "word_ngrams": 2, "buckets": 1000},
}


def params_of(name: str, *, characters: Any = None, words: Any = WORDS, balance: str = "none", **own: Any) -> Any:
    """Return a text model's params, its classifier's `own` among them; fastText has no terms."""
    from bakeoff.records.text import TextClassifierParams

    terms = None if name == "fasttext" else {"words": words, "characters": characters}
    classifier = {"name": name} | CLASSIFIERS[name] | own
    return TextClassifierParams.model_validate({"vectoriser": terms, "classifier": classifier, "balance": balance})


def made(counts: list[int], *, n_classes: int | None = None, seed: int = 0) -> Any:
    """Return texts of 12 words, so many of each class; three words of a text are of the twenty that its class likes."""
    from bakeoff.text.classify import LabelledTexts

    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = [np.concatenate([rng.integers(0, 200, 9), 200 + 20 * label + rng.integers(0, 20, 3)]) for label in labels]
    texts = [" ".join(f"wo{number}rd" for number in row) for row in rows]
    return LabelledTexts(texts, labels, np.ones(len(labels), np.float32), n_classes or len(counts))
