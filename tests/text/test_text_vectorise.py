"""TF-IDF by hand, and equal to scikit-learn's on any text."""

from __future__ import annotations

from math import log, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff.core.errors import TrainingError
from bakeoff.records.text import VectoriserParams
from text_models import CHARACTERS, WORDS

pytestmark = pytest.mark.torch
TEXT = st.text(st.sampled_from("aAbéßİΣσ1_-. \t\n ＂🙂א"), max_size=20) | st.text(max_size=8)


def fitted(texts: list[str], words: Any = WORDS, characters: Any = None) -> tuple[Any, np.ndarray]:
    from bakeoff.text.vectorise import fit_vectoriser

    vectoriser, features = fit_vectoriser(texts, VectoriserParams(words=words, characters=characters))
    assert (features.dtype, features.indices.dtype) == (np.float64, np.int32)  # scikit-learn refuses int64
    return vectoriser, features.toarray()


def test_numbers_by_hand() -> None:
    texts = ["red car", "red car red", "blue bus", ""]
    vectoriser, found = fitted(texts)
    assert vectoriser.terms == {"words": ["blue", "bus", "car", "red"]}
    once, twice = log(5 / 2) + 1, log(5 / 3) + 1  # (1 + texts) / (1 + texts with the term)
    assert vectoriser.idf["words"] == pytest.approx([once, once, twice, twice])
    half = 1 / sqrt(2)
    expected = [[0, 0, half, half], [0, 0, 1 / sqrt(5), 2 / sqrt(5)], [half, half, 0, 0], [0] * 4]
    assert found == pytest.approx(np.array(expected))
    sublinear = fitted(texts, WORDS | {"sublinear": True})[1]
    length = sqrt(1 + (1 + log(2)) ** 2)
    assert sublinear[1] == pytest.approx([0, 0, 1 / length, (1 + log(2)) / length])


@pytest.mark.parametrize("sublinear", [False, True])
@pytest.mark.parametrize("limits", [{}, {"min_df": 2}, {"max_df": 0.5}, {"min_df": 0.2, "max_df": 4}])
def test_features_are_scikit_learns(sublinear: bool, limits: dict[str, Any]) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    own = {"sublinear": sublinear, **limits}
    theirs = {"sublinear_tf": sublinear, **limits}

    @given(texts=st.lists(TEXT, min_size=1, max_size=8), others=st.lists(TEXT, max_size=3))
    @settings(max_examples=60)
    def check(texts: list[str], others: list[str]) -> None:
        union = make_union(
            TfidfVectorizer(ngram_range=(1, 2), **theirs),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **theirs),
        )
        try:
            union.fit(texts)
        except ValueError:  # of texts without a term
            with pytest.raises(TrainingError):
                fitted(texts, WORDS | own | {"ngrams": [1, 2]}, CHARACTERS | own)
            return
        vectoriser, found = fitted(texts, WORDS | own | {"ngrams": [1, 2]}, CHARACTERS | own)
        # their fit_transform adds a row's terms in another order than their transform: the last digit
        assert np.array_equal(found, union.transform(texts).toarray())
        assert np.array_equal(
            vectoriser.transform([*texts, *others]).toarray(), union.transform([*texts, *others]).toarray()
        )

    check()


def test_the_most_frequent_terms_are_kept_and_of_equal_ones_the_first() -> None:
    texts = ["dd cc bb aa", "dd cc bb ee", "dd dd"]
    assert fitted(texts, WORDS | {"max_features": 1})[0].terms == {"words": ["dd"]}
    assert fitted(texts, WORDS | {"max_features": 2})[0].terms == {"words": ["bb", "dd"]}
    assert fitted(texts, WORDS | {"max_features": 4})[0].terms == {"words": ["aa", "bb", "cc", "dd"]}
    assert fitted(texts, WORDS | {"max_features": 9})[0].terms == {"words": ["aa", "bb", "cc", "dd", "ee"]}
    characters = CHARACTERS | {"ngrams": [2, 2], "max_features": 3}
    assert fitted(texts, None, characters)[0].terms == {"characters": [" d", "d ", "dd"]}


def test_texts_without_known_terms_are_zeros() -> None:
    vectoriser, _ = fitted(["red car", "blue bus"], WORDS, CHARACTERS)
    n_terms = sum(map(len, vectoriser.terms.values()))
    assert vectoriser.transform(["", "\x00", "מכונית", "a"]).toarray().tolist() == [[0.0] * n_terms] * 4
    assert vectoriser.transform([]).shape == (0, n_terms)


@pytest.mark.parametrize("kind", ["words", "characters"])
def test_where_no_term_is_left_a_sentence_says_so(kind: str) -> None:
    def fit(texts: list[str], **limits: Any) -> None:
        own = {"words": None, "characters": None} | {kind: (WORDS if kind == "words" else CHARACTERS) | limits}
        fitted(texts, **own)

    with pytest.raises(TrainingError, match="none of the 2 training texts has a term that counts; make the cleaning"):
        fit(["", " "])
    with pytest.raises(TrainingError, match=rf"none of the 2 .* lower vectoriser\.{kind}\.min_df or raise"):
        fit(["red", "blau"], min_df=2)
    with pytest.raises(TrainingError, match="none of the 2 training texts"):
        fit(["red", "red"], max_df=0.5)
