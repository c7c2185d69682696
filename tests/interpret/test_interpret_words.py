"""Terms that speak for a class: planted ones are found, a text's words add up to the score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from text_models import CHARACTERS, CLASSIFIERS, WORDS, made, params_of

pytestmark = pytest.mark.torch
NAMES = ["cars", "buses", "trams", "ships"]
KNOWN = [30, 30, 30]


def fitted(name: str, counts: list[int] = KNOWN, **options: Any) -> Any:
    from bakeoff.text.classify import TextClassifier

    return TextClassifier.fit(made(counts, n_classes=len(NAMES)), params_of(name, **options), seed=0)


def number(term: str) -> int:
    return int(term.removeprefix("wo").removesuffix("rd"))


@pytest.mark.parametrize("name", ["linear_svc", "sgd_logistic", "fasttext"])
@pytest.mark.parametrize("counts", [KNOWN, [30, 30]])
def test_the_words_that_a_class_likes_are_on_top(name: str, counts: list[int]) -> None:
    from bakeoff.interpret.words import top_terms

    found = top_terms(fitted(name, counts), NAMES, 5)
    assert list(found) == NAMES[: len(counts)]  # there was no ship
    for label_id, terms in enumerate(found.values()):
        assert sum(number(term) in range(200 + 20 * label_id, 220 + 20 * label_id) for term, _ in terms) >= 4
        weights = [weight for _, weight in terms]
        assert weights == sorted(weights, reverse=True)
        assert min(weights) > 0


def test_a_forests_terms_are_its_importances() -> None:
    from sklearn.ensemble import RandomForestClassifier

    from bakeoff.interpret.words import ALL_CLASSES, top_terms

    classifier, known = fitted("random_forest"), made(KNOWN)
    forest = RandomForestClassifier(10, random_state=0).fit(
        classifier.features(known.texts), known.labels, known.weights
    )
    found = top_terms(classifier, NAMES, 10**6)
    assert list(found) == [ALL_CLASSES]
    terms = classifier.vectoriser.terms["words"]
    expected = dict(zip(terms, forest.feature_importances_.tolist(), strict=True))
    assert dict(found[ALL_CLASSES]) == pytest.approx({term: weight for term, weight in expected.items() if weight > 0})


@pytest.mark.parametrize("name", ["linear_svc", "sgd_logistic"])
def test_a_texts_words_add_up_to_the_score(name: str) -> None:
    from bakeoff.interpret.words import scored_by, weigh_words

    classifier = fitted(name, words=WORDS | {"ngrams": [1, 2]}, characters=CHARACTERS)
    text, arrays = f"{made(KNOWN, seed=1).texts[40]} wo3rd unheard-of a", classifier.head.arrays
    weighed = [weigh_words(classifier, text, label_id, steps=1) for label_id in range(3)]
    assert scored_by(classifier) == "score"
    assert [[word for word, _ in one.words] for one in weighed] == [text.split()] * 3
    scores = [sum(value for _, value in one.words) for one in weighed] + arrays["intercepts"]
    expected = classifier.features([text]) @ arrays["coefficients"].T + arrays["intercepts"]
    assert scores.tolist() == pytest.approx(expected[0].tolist())
    assert [one.gap for one in weighed] == pytest.approx([0, 0, 0], abs=1e-9)


def test_a_pairs_weight_is_shared_between_its_words_and_a_repeated_words_among_its_places() -> None:
    from bakeoff.interpret.words import weigh_words

    classifier = fitted("linear_svc", words=WORDS | {"ngrams": [2, 2]})
    first, second = next(term for term in classifier.vectoriser.terms["words"]).split()
    column = classifier.vectoriser.terms["words"].index(f"{first} {second}")
    half = classifier.head.arrays["coefficients"][0, column] / 2  # the text's one known term has TF-IDF 1
    found = weigh_words(classifier, f"{first} {second} unknown", 0, steps=1)
    assert [value for _, value in found.words] == pytest.approx([half, half, 0])
    classifier = fitted("linear_svc")
    one, two = weigh_words(classifier, "wo3rd wo3rd", 1, steps=1).words
    assert one == two
    assert one[1] == pytest.approx(weigh_words(classifier, "wo3rd", 1, steps=1).words[0][1] / 2)


@pytest.mark.parametrize("name", ["random_forest", "fasttext"])
def test_without_a_word_its_class_loses_log_probability(name: str) -> None:
    from bakeoff.interpret.words import scored_by, weigh_words

    classifier, text = fitted(name), "wo3rd wo201rd wo202rd wo3rd wo202rd"
    words, gap = weigh_words(classifier, text, 0, steps=1)
    assert (scored_by(classifier), gap) == ("log_probability", None)
    assert [word for word, _ in words] == text.split()
    values = [value for _, value in words]
    whole, without = (np.log(classifier.probabilities([one])[0, 0]) for one in (text, "wo3rd wo201rd wo3rd"))
    assert values[2] == values[4] == pytest.approx((whole - without) / 2, abs=1e-5)
    assert values[2] > values[0]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_no_word_no_weight(name: str) -> None:
    from bakeoff.interpret.words import weigh_words

    classifier = fitted(name)
    assert weigh_words(classifier, "", 0, steps=1) == ([], None)
    assert weigh_words(classifier, "wo201rd", NAMES.index("ships"), steps=1) == ([("wo201rd", 0)], None)


def test_the_strongest_words_are_distinct_and_in_order_of_size() -> None:
    from bakeoff.records.explained_texts import strongest

    words = [("a", 1.0), ("b", -3.0), ("a", 1.5), ("c", 0.5), ("d", -0.1), ("e", 0.0)]
    assert strongest(words, 9) == ([("a", 2.5), ("c", 0.5)], [("b", -3.0), ("d", -0.1)])
    assert strongest(words, 1) == ([("a", 2.5)], [("b", -3.0)])
