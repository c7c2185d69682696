"""Which terms speak for a class in all texts, and which words do in one."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bakeoff.interpret.tokens import can_attribute, token_shares
from bakeoff.records.explained_texts import Scored, Weighted
from bakeoff.text.classify import TextClassifier
from bakeoff.text.embed import SentenceVectors
from bakeoff.text.encode import Encoders
from bakeoff.text.heads import ForestHead, LinearHead
from bakeoff.text.vectorise import Vectoriser

ALL_CLASSES = ""
"""No class is called so."""


class Weighed(NamedTuple):
    """A text's words in order, each with what it adds to a class, and by how much their sum misses what it should be.

    The gap is None where nothing is promised of the sum.
    """

    words: list[Weighted]
    gap: float | None


def top_terms(classifier: TextClassifier, labels: Sequence[str], n: int) -> dict[str, list[Weighted]]:
    """Return up to n terms and weights > 0 by class name, largest first; of K `labels`, those that training knew.

    Of linear models the coefficients of TF-IDF. Of a forest the importances, which are of all classes together. Of
    fastText how much a text of one word alone raises the class's log probability over an empty text, nats. Encoders
    have no list of terms.
    """
    if isinstance(classifier.vectoriser, Encoders):
        return {}
    head, terms = classifier.head, _terms(classifier)
    names = [str(labels[label_id]) for label_id in classifier.classes]
    if isinstance(head, ForestHead):
        return {ALL_CLASSES: _largest(terms, head.importances(), n)}
    if scored_by(classifier) == "score":
        weights = head.arrays["coefficients"]
    else:
        weights = (_log_probabilities(classifier, terms) - _log_probabilities(classifier, [""])).T[classifier.classes]
    return {name: _largest(terms, row, n) for name, row in zip(names, weights, strict=True)}


def scored_by(classifier: TextClassifier) -> Scored:
    """Return what `weigh_words` explains of a class."""
    is_linear = isinstance(classifier.vectoriser, Vectoriser) and isinstance(classifier.head, LinearHead)
    return "score" if is_linear else "log_probability"


def weigh_words(classifier: TextClassifier, text: str, label_id: int, *, steps: int) -> Weighed:
    """Return what each word of a cleaned text adds to a class (label_id below K), in the order of the text.

    Of linear models a term's coefficient times its TF-IDF, shared among the places where the text has it and the words
    that it is made of: their sum and the intercept are the class's score. Of encoders with a linear head Integrated
    Gradients in `steps` steps over the embeddings of tokens (`token_shares`). Of others how far the class's log
    probability falls when all of the word's places in the text are left out, nats (occlusion; Li et al. 2016,
    arXiv:1612.08220), shared among these places. Nothing counts for a class that training did not know.
    """
    words, place, gap = text.split(), np.flatnonzero(classifier.classes == label_id), None
    values, vectoriser, head = np.zeros(len(words)), classifier.vectoriser, classifier.head
    if not len(place) or not words:
        pass
    elif isinstance(vectoriser, Vectoriser) and isinstance(head, LinearHead):
        row = classifier.features([text]).tocoo()
        shares = dict(zip(row.col.tolist(), row.data * head.arrays["coefficients"][place[0], row.col], strict=True))
        found = list(vectoriser.places(text))
        times = Counter(column for column, _ in found)
        for column, at in found:
            np.add.at(values, at, shares[column] / times[column] / len(at))
        gap = float(values.sum() - sum(shares.values()))
    elif isinstance(vectoriser, Encoders) and isinstance(head, LinearHead) and can_attribute(vectoriser.encoders):
        values, gap = token_shares(vectoriser.encoders, head, text, int(place[0]), steps=steps)
    else:
        times = Counter(words)
        without = [" ".join(word for word in words if word != left_out) for left_out in times]
        scores = _log_probabilities(classifier, [text, *without])[:, label_id]
        falls = dict(zip(times, (scores[0] - scores[1:]).tolist(), strict=True))
        values = np.array([falls[word] / times[word] for word in words])
    return Weighed(list(zip(words, values.tolist(), strict=True)), gap)


def _terms(classifier: TextClassifier) -> list[str]:
    """Return the terms in the features' order; of fastText, whose features are none, the words but its line's end."""
    if isinstance(classifier.vectoriser, Vectoriser):
        return [term for terms in classifier.vectoriser.terms.values() for term in terms]
    assert isinstance(classifier.vectoriser, SentenceVectors)
    return [word for word in classifier.vectoriser.model.get_words() if word != "</s>"]


def _log_probabilities(classifier: TextClassifier, texts: Sequence[str]) -> np.ndarray:
    return np.log(classifier.probabilities(texts).astype(np.float64))


def _largest(terms: Sequence[str], weights: np.ndarray, n: int) -> list[Weighted]:
    order: list[int] = np.argsort(-weights, kind="stable")[:n].tolist()
    return [(terms[place], float(weights[place])) for place in order if weights[place] > 0]
