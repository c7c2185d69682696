"""Which terms speak for a class, in all texts and in one."""

from collections.abc import Sequence

import numpy as np

from bakeoff.text.classify import TextClassifier
from bakeoff.text.embed import SentenceVectors
from bakeoff.text.encode import Encoders
from bakeoff.text.heads import ForestHead, LinearHead
from bakeoff.text.vectorise import Vectoriser

ALL_CLASSES = "all classes"
Terms = list[tuple[str, float]]


def top_terms(classifier: TextClassifier, labels: Sequence[str], n: int) -> dict[str, Terms]:
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
    if isinstance(classifier.vectoriser, Vectoriser) and isinstance(head, LinearHead):
        weights = head.arrays["coefficients"]
    else:
        weights = (_log_probabilities(classifier, terms) - _log_probabilities(classifier, [""])).T[classifier.classes]
    return {name: _largest(terms, row, n) for name, row in zip(names, weights, strict=True)}


def term_contributions(classifier: TextClassifier, text: str, label_id: int) -> Terms:
    """Return what each term of a text that counts adds to a class (label_id below K), largest size first.

    Of linear models a term's coefficient times its TF-IDF: their sum and the intercept are the class's score. Of others
    how far the class's log probability falls when all of the term's places in the text are left out, nats (occlusion;
    Li et al. 2016, arXiv:1612.08220). No terms for a class that training did not know.
    """
    place = np.flatnonzero(classifier.classes == label_id)
    if not len(place):
        return []
    if isinstance(classifier.vectoriser, Vectoriser) and isinstance(classifier.head, LinearHead):
        row = classifier.features([text]).tocoo()
        values = row.data * classifier.head.arrays["coefficients"][place[0], row.col]
        found = [(_terms(classifier)[column], value) for column, value in zip(row.col, values.tolist(), strict=True)]
    else:
        words = text.split()
        distinct = list(dict.fromkeys(words))
        without = [" ".join(word for word in words if word != left_out) for left_out in distinct]
        scores = _log_probabilities(classifier, [text, *without])[:, label_id]
        found = list(zip(distinct, (scores[0] - scores[1:]).tolist(), strict=True))
    return sorted(found, key=lambda term: -abs(term[1]))


def _terms(classifier: TextClassifier) -> list[str]:
    """Return the terms in the features' order; of fastText, whose features are none, the words but its line's end."""
    if isinstance(classifier.vectoriser, Vectoriser):
        return [term for terms in classifier.vectoriser.terms.values() for term in terms]
    assert isinstance(classifier.vectoriser, SentenceVectors)
    return [word for word in classifier.vectoriser.model.get_words() if word != "</s>"]


def _log_probabilities(classifier: TextClassifier, texts: Sequence[str]) -> np.ndarray:
    return np.log(classifier.probabilities(texts).astype(np.float64))


def _largest(terms: Sequence[str], weights: np.ndarray, n: int) -> Terms:
    order: list[int] = np.argsort(-weights, kind="stable")[:n].tolist()
    return [(terms[place], float(weights[place])) for place in order if weights[place] > 0]
