"""Texts as TF-IDF of words and of characters within words: scikit-learn's numbers, character terms far faster."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from operator import itemgetter, matmul
from typing import Any

import numpy as np
from scipy import sparse

from bakeoff.core.errors import TrainingError
from bakeoff.records.text import TermParams, VectoriserParams

Counted = tuple[list[Any], Any, Callable[[np.ndarray], list[str]]]
_ANALYZERS = {"words": "word", "characters": "char_wb"}
_CHUNK = 2000  # texts whose every character term is counted at once: 100 MB
_PART = 250  # texts that are weighed at once: of 2000 the allocator keeps 80 MB


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

    def places(self, text: str) -> Iterator[tuple[int, list[int]]]:
        """Yield each known term of a text once per place: its column, and the numbers of its words, from 0.

        A text's words are what spaces divide; `transform` has been called.
        """
        words, start = text.split(), 0
        for counter, terms in zip(self._counters, self.terms.values(), strict=True):
            known = counter.vocabulary_
            yield from ((start + known[term], at) for term, at in _places(counter, words) if term in known)
            start += len(terms)

    def weigh(self, counts: Iterable[Any]) -> sparse.csr_array:
        """Return (N, D) float64 of how often N texts have each term, by kind."""
        kinds = list(zip(self._weighers, counts, strict=True))
        n, size = kinds[0][1].shape[0], sum(own.nnz for _, own in kinds)
        values, columns, starts = np.empty(size), np.empty(size, np.int32), np.zeros(n + 1, np.int32)
        for start in range(0, n, _PART):  # beside the whole, parts of it would take as much memory again
            parts = [weigher.transform(own[start : start + _PART]) for weigher, own in kinds]
            part, known = sparse.hstack(parts, format="csr"), starts[start]
            starts[start : start + _PART + 1] = known + part.indptr
            values[known : known + part.nnz], columns[known : known + part.nnz] = part.data, part.indices
        return sparse.csr_array((values, columns, starts), shape=(n, sum(map(len, self.terms.values()))))


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


def _places(counter: Any, words: Sequence[str]) -> list[tuple[str, list[int]]]:
    if counter.analyzer != "word":
        divide = counter.build_analyzer()
        return [(term, [number]) for number, word in enumerate(words) for term in divide(word)]
    prepare, divide = counter.build_preprocessor(), counter.build_tokenizer()
    found = [(token, number) for number, word in enumerate(words) for token in divide(prepare(word))]
    shortest, longest = counter.ngram_range
    terms = [found[start : start + n] for n in range(shortest, longest + 1) for start in range(len(found) - n + 1)]
    return [(" ".join(token for token, _ in term), [number for _, number in term]) for term in terms]


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
        before, last, names = (_words if kind == "words" else _characters)(counter, texts)
    except ValueError as error:  # scikit-learn's, of texts without a term
        raise TrainingError(nothing) from error
    n_texts, n_times = np.zeros((2, last.shape[1]), np.int64)
    for start in range(0, len(texts), _CHUNK):
        first, *others = [*before, last]
        counts = _product([first[start : start + _CHUNK], *others])
        n_texts += np.bincount(counts.indices, minlength=len(n_texts))
        n_times += counts.sum(axis=0)
    least, most = (n if isinstance(n, int) else n * len(texts) for n in (params.min_df, params.max_df))
    kept = np.flatnonzero((n_texts >= least) & (n_texts <= most))
    n = params.max_features or len(kept)
    if len(kept) > n:  # or equally frequent ones
        kept = kept[n_times[kept] >= np.partition(n_times[kept], -n)[-n]]
    chosen = sorted(zip((-n_times[kept]).tolist(), names(kept), kept.tolist(), strict=True))[:n]
    if not chosen:
        raise TrainingError(nothing)
    terms = {term: column for _, term, column in sorted(chosen, key=itemgetter(1))}
    return _product([*before, last[:, [*terms.values()]]]), [*terms]


def _characters(counter: Any, texts: Sequence[str]) -> Counted:
    """Return factors (`_factors`), the last one apart, and what gives the terms of some of its columns."""
    *before, last = _factors(counter, texts)
    found = counter.get_feature_names_out()
    return before, last, lambda columns: found[columns].tolist()


def _numbered(counter: Any, texts: Sequence[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return V words, and of the M words of all texts each one's number among them and its text's, (M,) int32."""
    numbers: dict[str, int] = {}
    prepare, divide = counter.build_preprocessor(), counter.build_tokenizer()
    places = [array("i", (numbers.setdefault(word, len(numbers)) for word in divide(prepare(text)))) for text in texts]
    text_of = np.repeat(np.arange(len(texts), dtype=np.int32), [len(own) for own in places])
    return [*numbers], np.concatenate([text_of[:0], *(np.frombuffer(own, np.int32) for own in places if own)]), text_of


def _words(counter: Any, texts: Sequence[str]) -> Counted:
    """Return the same of words and n-grams of words, which are numbers until they are asked for.

    As strings, the pairs of words of 85,000 texts take gigabytes.
    """
    words, found, text_of = _numbered(counter, texts)
    ids, at, known = found, np.arange(len(found), dtype=np.int32), [np.arange(len(words))]
    rows, columns = [text_of], [found]
    for n in range(1, counter.ngram_range[1]):
        inside = at[: np.searchsorted(at, len(found) - n)]
        whole = text_of[inside] == text_of[inside + n]
        at = inside[whole]
        codes = ids[: len(inside)][whole] * np.int64(len(words)) + found[at + n]
        codes, ids = np.unique(codes, return_inverse=True)
        known.append(codes)
        rows.append(text_of[at])
        columns.append(ids := ids.astype(np.int32))
    first = counter.ngram_range[0] - 1
    starts = np.cumsum([0, *map(len, known[first:])])
    columns = [own + np.int32(start) for own, start in zip(columns[first:], starts, strict=False)]
    if not starts[-1]:
        raise ValueError("no words")

    def name(n: int, number: int) -> str:
        if not n:
            return words[number]
        before, last = divmod(int(known[n][number]), len(words))
        return f"{name(n - 1, before)} {words[last]}"

    def names(terms: np.ndarray) -> list[str]:
        lengths = np.searchsorted(starts, terms, side="right") - 1
        return list(map(name, (first + lengths).tolist(), (terms - starts[lengths]).tolist()))

    where = np.concatenate(rows[first:]), np.concatenate(columns)
    counts = sparse.coo_array((np.ones(len(where[0]), np.int32), where), shape=(len(texts), int(starts[-1])))
    return [], counts.tocsr(), names
