"""Texts as TF-IDF of words and of characters within words: scikit-learn's numbers, character terms far faster."""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import matmul
from typing import Any

import numpy as np
from scipy import sparse

from bakeoff.core.errors import TrainingError
from bakeoff.records.text import TermParams, VectoriserParams

_ANALYZERS = {"words": "word", "characters": "char_wb"}
_CHUNK = 2000  # texts whose every character term is counted at once: 100 MB


class Vectoriser:
    """TF-IDF with the terms that the training texts have; the terms of a kind make a vector of length 1, or 0."""

    def __init__(self, params: VectoriserParams, terms: dict[str, list[str]], idf: dict[str, np.ndarray]) -> None:
        """Hold, for `words` and `characters` where params set them, D terms and inverse document frequencies (D,)."""
        from sklearn.feature_extraction.text import TfidfTransformer

        self.terms, self.idf = terms, idf
        self._counters = [_counter(kind, getattr(params, kind), known) for kind, known in terms.items()]
        self._weighers = [TfidfTransformer(sublinear_tf=getattr(params, kind).sublinear) for kind in terms]
        for weigher, own in zip(self._weighers, idf.values(), strict=True):
            weigher.idf_ = own

    @property
    def arrays(self) -> list[np.ndarray]:
        """The numbers that were learnt: inverse document frequencies."""
        return [*self.idf.values()]

    def transform(self, texts: Sequence[str]) -> sparse.csr_array:
        """Return (N, D) float64 ≥ 0, words first; a text without a known term is a row of zeros."""
        if not len(texts):  # which scikit-learn refuses
            return sparse.csr_array((0, sum(map(len, self.terms.values()))))
        return self.weigh(_product(_factors(counter, texts)) for counter in self._counters)

    def weigh(self, counts: Iterable[sparse.csr_array]) -> sparse.csr_array:
        """Return (N, D) float64 of how often N texts have each term, by kind."""
        parts = [weigher.transform(own) for weigher, own in zip(self._weighers, counts, strict=True)]
        return sparse.csr_array(sparse.hstack(parts, format="csr") if parts[1:] else parts[0])


def fit_vectoriser(texts: Sequence[str], params: VectoriserParams) -> tuple[Vectoriser, sparse.csr_array]:
    """Return the vectoriser that knows the terms of N texts, and these texts' features (N, D) float64.

    Raises:
        TrainingError: no term is left.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    fitted = {kind: _fit_counts(kind, texts, own) for kind in _ANALYZERS if (own := getattr(params, kind))}
    terms = {kind: own for kind, (_, own) in fitted.items()}
    idf = {kind: np.asarray(TfidfTransformer().fit(counts).idf_) for kind, (counts, _) in fitted.items()}
    vectoriser = Vectoriser(params, terms, idf)
    return vectoriser, vectoriser.weigh(fitted.pop(kind)[0] for kind in terms)


def _counter(kind: str, params: TermParams, terms: list[str] | None = None) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    known: dict[str, Any] = {"vocabulary": terms, "dtype": np.int32}
    return CountVectorizer(analyzer=_ANALYZERS[kind], ngram_range=(params.ngrams[0], params.ngrams[1]), **known)


def _factors(counter: Any, texts: Sequence[str]) -> list[sparse.csr_array]:
    """Return matrices whose product has each text's count of each term (N, D); a counter without terms learns them.

    Terms of characters lie within words: they are counted once per distinct word.
    """
    count = counter.fit_transform if counter.vocabulary is None else counter.transform
    if counter.analyzer == "word":
        return [sparse.csr_array(count(texts))]
    numbers: dict[str, int] = {}
    words = [[numbers.setdefault(word, len(numbers)) for word in text.lower().split()] for text in texts]
    starts = np.cumsum([0, *map(len, words)], dtype=np.int32)  # scikit-learn's classifiers refuse int64
    places = np.fromiter((number for text in words for number in text), np.int32, starts[-1])
    found = sparse.csr_array((np.ones(len(places), np.int32), places, starts), shape=(len(words), len(numbers)))
    return [found, sparse.csr_array(count(list(numbers)))]


def _product(factors: Sequence[sparse.csr_array]) -> sparse.csr_array:
    """Return the matrix product with every row's columns in order, so that sums of a row do not depend on others."""
    counts = reduce(matmul, factors)
    counts.sort_indices()
    return counts


def _fit_counts(kind: str, texts: Sequence[str], params: TermParams) -> tuple[sparse.csr_array, list[str]]:
    """Return how often each text has each term that counts, (N, D) int32, and these terms in alphabetical order.

    As TfidfVectorizer chooses them, but of equally frequent terms the first by the alphabet: there the processor does.
    """
    advice = f"lower vectoriser.{kind}.min_df or raise vectoriser.{kind}.max_df"
    nothing = f"none of the {len(texts)} training texts has a term that counts; make the cleaning keep more, {advice}."
    counter = _counter(kind, params)
    try:
        *before, last = _factors(counter, texts)
    except ValueError as error:  # scikit-learn's, of texts without a term
        raise TrainingError(nothing) from error
    found = counter.get_feature_names_out()
    n_texts, n_times = np.zeros((2, len(found)), np.int64)
    for start in range(0, len(texts), _CHUNK):
        first, *others = [*before, last]
        counts = _product([first[start : start + _CHUNK], *others])
        n_texts += np.bincount(counts.indices, minlength=len(found))
        n_times += counts.sum(axis=0)
    least, most = (n if isinstance(n, int) else n * len(texts) for n in (params.min_df, params.max_df))
    kept = np.flatnonzero((n_texts >= least) & (n_texts <= most))
    kept = np.sort(kept[np.argsort(-n_times[kept], kind="stable")[: params.max_features]])
    if not len(kept):
        raise TrainingError(nothing)
    return _product([*before, last[:, kept]]), found[kept].tolist()
