"""Which words set a class apart, and where they stand in its word cloud."""

import html
import re
from typing import Any

import numpy as np
from PIL import ImageFont
from sklearn.feature_extraction.text import CountVectorizer
from wordcloud import STOPWORDS, WordCloud

from bakeoff.data.figures import font_file

CLOUDS, WIDTH_PX, HEIGHT_PX = 30, 360, 220
_TAG, _WORD = re.compile(r"<[^<>]*>"), re.compile(r"\b[^\W\d_]\w+\b")
_LEAST_SHARE, _WORDS, _TIMES = 0.05, 40, 2.0


def distinctive_words(texts: Any, labels: Any, languages: Any) -> dict[str, dict[str, float]]:
    """Return each of the largest classes with the words that set it apart, and how much: a cloud's sizes.

    A word's weight is n log(n / e), its share of the divergence: how many of the class's products use it, and how many
    would if they used it as often as those of other classes in the same language, per product or per word, whichever is
    more. Words below 2 e weigh nothing, so articles and prepositions fall out in every language; a list of stop words
    there is of English alone, wordcloud's. Texts are those of the products of all classes; a language is null where
    unsure.

    Source: Tomokiyo and Hurst 2003, doi:10.3115/1119282.1119287 (pointwise divergence), here of products instead of
    occurrences, and with half a product added to e.
    """
    texts = texts.map(lambda text: html.unescape(_TAG.sub(" ", text)).lower())
    has_words, shares = texts.map(_WORD.search).notna(), languages.value_counts() / max(1, len(texts))
    if not has_words.any():
        return {}
    languages = languages.astype("string").where(languages.isin(shares.index[shares >= _LEAST_SHARE])).fillna("")
    counter = CountVectorizer(token_pattern=_WORD.pattern, binary=True)
    uses, words = counter.fit_transform(texts), counter.get_feature_names_out()
    is_stop, found = np.isin(words, list(STOPWORDS)), {}
    for label in labels[has_words].value_counts().index[:CLOUDS]:
        n, expected = np.zeros(len(words)), np.full(len(words), 0.5)
        for code in languages.unique():
            is_in = (languages == code, labels == label)
            here, there = uses[(is_in[0] & is_in[1]).to_numpy()], uses[(is_in[0] & ~is_in[1]).to_numpy()]
            n += np.asarray(here.sum(axis=0)).ravel()
            more = max(here.shape[0] / max(there.shape[0], 1), here.sum() / max(there.sum(), 1))
            expected += more * np.asarray(there.sum(axis=0)).ravel()
        weights = np.where((n < 2) | (n < _TIMES * expected) | is_stop, 0, n * np.log(np.maximum(n, 1) / expected))
        top = sorted(np.flatnonzero(weights), key=lambda place: (-weights[place], words[place]))[:_WORDS]
        found[label] = {str(words[place]): float(weights[place]) for place in top}
    return found


def lay_out(weights: dict[str, float]) -> list[dict[str, Any]]:
    """Return where each word of a cloud stands, the heaviest first: left, baseline, width and size of type, px."""
    font, placed = font_file("".join(weights)), list[dict[str, Any]]()
    options: Any = {"max_font_size": 42, "min_font_size": 9, "relative_scaling": 0.4, "margin": 6}  # stubs want text
    cloud = WordCloud(font, WIDTH_PX, HEIGHT_PX, prefer_horizontal=1, random_state=0, **options)
    for (word, _), size_px, (top, left), *_ in cloud.generate_from_frequencies(weights).layout_:
        start, above, end, _ = ImageFont.truetype(font, size_px).getbbox(word, anchor="ls")
        place = {"x": round(left - start), "y": round(top - above), "width": round(end - start)}
        placed.append({"word": word, "size": size_px, **place})
    return placed
