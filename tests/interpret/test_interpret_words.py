"""Terms that speak for a class: planted ones are found, contributions add up to the score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from text_models import CHARACTERS, CLASSIFIERS, made, params_of

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
    from bakeoff.text.explain import top_terms

    found = top_terms(fitted(name, counts), NAMES, 5)
    assert list(found) == NAMES[: len(counts)]  # there was no ship
    for label_id, terms in enumerate(found.values()):
        assert sum(number(term) in range(200 + 20 * label_id, 220 + 20 * label_id) for term, _ in terms) >= 4
        weights = [weight for _, weight in terms]
        assert weights == sorted(weights, reverse=True)
        assert min(weights) > 0


def test_a_forests_terms_are_its_importances() -> None:
    from sklearn.ensemble import RandomForestClassifier

    from bakeoff.text.explain import ALL_CLASSES, top_terms

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
def test_contributions_add_up_to_the_score(name: str) -> None:
    from bakeoff.text.explain import term_contributions

    classifier, text = fitted(name, characters=CHARACTERS), made(KNOWN, seed=1).texts[40]
    arrays = classifier.head.arrays
    scores = [
        sum(value for _, value in term_contributions(classifier, text, label_id)) + arrays["intercepts"][label_id]
        for label_id in range(3)
    ]
    expected = classifier.features([text]) @ arrays["coefficients"].T + arrays["intercepts"]
    assert scores == pytest.approx(expected[0].tolist())
    sizes = [abs(value) for _, value in term_contributions(classifier, text, 1)]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", ["random_forest", "fasttext"])
def test_without_a_word_its_class_loses_log_probability(name: str) -> None:
    from bakeoff.text.explain import term_contributions

    classifier, text = fitted(name), "wo3rd wo201rd wo202rd wo3rd wo202rd"
    found = dict(term_contributions(classifier, text, 0))
    assert set(found) == {"wo3rd", "wo201rd", "wo202rd"}
    whole, without = (np.log(classifier.probabilities([one])[0, 0]) for one in (text, "wo3rd wo201rd wo3rd"))
    assert found["wo202rd"] == pytest.approx(whole - without, abs=1e-5)
    assert found["wo202rd"] > found["wo3rd"]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_no_term_no_contribution(name: str) -> None:
    from bakeoff.text.explain import term_contributions

    classifier = fitted(name)
    assert term_contributions(classifier, "", 0) == []
    assert term_contributions(classifier, "wo201rd", NAMES.index("ships")) == []
