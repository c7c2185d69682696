"""Titles and descriptions that are missing, repeated, marked up, or in a language that few others are in."""

import html
import re
from dataclasses import dataclass
from typing import Literal

from bakeoff.catalogue.findings.base import Column, Examination, Examined, Finding, first_of_each, rival_of_each

_TAG = re.compile(r"</?[a-z][a-z0-9]*(\s[^<>]*)?/?>|<!--", re.IGNORECASE)
_ENTITY = re.compile(r"&(#\d+|#x[0-9a-f]+|[a-z][a-z0-9]*);", re.IGNORECASE)
_RARE = 0.05


@dataclass(frozen=True)
class MissingTexts(Finding):
    """Products without a title, or without a description, where others have one."""

    name: str
    field: Literal["title", "description"]

    def examine(self, catalogue: Examined) -> Examination:
        """Return the length of each text in characters."""
        texts = catalogue.products[self.field].fillna("").str.strip()
        is_missing = (texts == "") & bool((texts != "").any())
        return Examination(catalogue.products["product_id"], texts.str.len(), is_missing, is_low_worse=True)


class DuplicateTexts(Finding):
    """All but the first of the products with the same title and description; the measure is how many have them."""

    name = "duplicate_text"

    def examine(self, catalogue: Examined) -> Examination:
        """Return for each product how many have its texts."""
        folded = _folded(catalogue)
        sizes = folded.groupby(folded).transform("size")
        product_ids = catalogue.products["product_id"].loc[folded.index]
        return Examination(product_ids, sizes, folded.duplicated(), 1.0, others=first_of_each(product_ids, folded))


class TextConflicts(Finding):
    """Products of which the same title and description have other labels too; the measure is how many labels."""

    name = "text_conflict"

    def examine(self, catalogue: Examined) -> Examination:
        """Return for each product how many labels its texts have."""
        folded = _folded(catalogue)
        own = catalogue.products.loc[folded.index]
        n_labels = own["label"].groupby(folded).transform("nunique")
        return Examination(own["product_id"], n_labels, n_labels > 1, 1.0, others=rival_of_each(own, folded))


class MarkedUpTexts(Finding):
    """Products whose texts hold HTML: tags, or characters written as entities; the measure is how many."""

    name = "html_in_text"

    def examine(self, catalogue: Examined) -> Examination:
        """Return the number of tags and entities in each product's texts."""
        found = catalogue.texts.map(_count_marks)
        return Examination(catalogue.products["product_id"], found, found > 0, 0.0)


class RareLanguages(Finding):
    """Products whose texts are in a language that few of the catalogue's are in; the measure is its share.

    Few is less than a twentieth of the texts in the most common language: a catalogue in two languages has no finding.
    """

    name = "rare_language"

    def examine(self, catalogue: Examined) -> Examination:
        """Return for each product the share of its language among the texts whose language is known."""
        languages = catalogue.languages.dropna()
        shares = languages.map(languages.value_counts(normalize=True)).reindex(catalogue.products.index).astype(float)
        threshold = _RARE * float(shares.max()) if len(languages) else None
        is_rare = shares < (threshold or 0)
        return Examination(catalogue.products["product_id"], shares, is_rare, threshold, is_low_worse=True)


def _folded(catalogue: Examined) -> Column:
    """Return the texts of the products that have any, without upper case."""
    return catalogue.texts[catalogue.texts != ""].str.casefold()


def _count_marks(text: str) -> int:
    entities = (found[0] for found in _ENTITY.finditer(text))
    return len(_TAG.findall(text)) + sum(html.unescape(entity) != entity for entity in entities)
