"""Products that share a photo or text, perhaps under several labels, and texts that are missing, marked up or rare."""

import html
import re
from functools import partial

from bakeoff.catalogue.findings.base import Column, Examination, Examined, Finding, repeated, rival_of_each
from bakeoff.data.table import PHOTO_OF

_TAG = re.compile(r"</?[a-z][a-z0-9]*(\s[^<>]*)?/?>|<!--", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-f]+|[a-z][a-z0-9]*);", re.IGNORECASE)
_RARE = 0.05


def exact_duplicates(catalogue: Examined) -> Examination:
    """All but the first of the products whose photos have the same pixels; the measure is how many have them."""
    return repeated(catalogue.products["product_id"], catalogue.products["digest"])


def near_duplicates(catalogue: Examined) -> Examination:
    """All but the first of the different photos in a cluster; the measure is how many they are."""
    products = catalogue.products.drop_duplicates("digest")
    return repeated(products["product_id"], products["cluster"])


def label_conflicts(catalogue: Examined) -> Examination:
    """Products in whose cluster other labels occur; the measure is the share that has this label: its training weight.

    The other product is null where `dataset.duplicates: drop` left this one alone.
    """
    products, weights = catalogue.products, catalogue.products["weight"].astype(float)
    others = rival_of_each(products, products["cluster"])
    return Examination(products["product_id"], weights, weights < 1, 1.0, is_low_worse=True, others=others)


def placeholders(catalogue: Examined) -> Examination:
    """Rejected products whose photo stands in for many; the measure is how many have it."""
    rejected = catalogue.rejected
    n_alike = rejected.groupby("detail")["detail"].transform("size")
    return Examination(rejected["product_id"], n_alike, rejected["reason"] == "placeholder")


def missing_texts(catalogue: Examined, *, field: str) -> Examination:
    """Products without a title, or without a description, where others have one; the measure is its length."""
    texts = catalogue.products[field].fillna("").str.strip()
    is_missing = (texts == "") & bool((texts != "").any())
    return Examination(catalogue.products["product_id"], texts.str.len(), is_missing, is_low_worse=True)


def duplicate_texts(catalogue: Examined) -> Examination:
    """All but the first of the products with the same title and description; the measure is how many have them."""
    folded = _folded(catalogue)
    return repeated(catalogue.products["product_id"].loc[folded.index], folded)


def text_conflicts(catalogue: Examined) -> Examination:
    """Products of which the same title and description have other labels too; the measure is how many labels."""
    folded = _folded(catalogue)
    own = catalogue.products.loc[folded.index]
    n_labels = own["label"].groupby(folded).transform("nunique")
    return Examination(own["product_id"], n_labels, n_labels > 1, 1.0, others=rival_of_each(own, folded))


def html_in_texts(catalogue: Examined) -> Examination:
    """Products whose texts hold tags, or characters written as entities; the measure is how many."""
    n_tags = catalogue.texts.map(lambda text: len(_TAG.findall(text)))
    found = n_tags + catalogue.texts.map(lambda text: sum(html.unescape(one) != one for one in _ENTITY.findall(text)))
    return Examination(catalogue.products["product_id"], found, found > 0, 0.0)


def rare_languages(catalogue: Examined) -> Examination:
    """Products whose texts are in a language that few of the catalogue's are in; the measure is its share.

    Few is less than a twentieth of the texts in the most common language: a catalogue in two languages has no finding.
    """
    languages = catalogue.languages.dropna()
    shares = languages.map(languages.value_counts(normalize=True)).reindex(catalogue.products.index).astype(float)
    threshold = _RARE * float(shares.max()) if len(languages) else None
    is_rare = shares < (threshold or 0)
    return Examination(catalogue.products["product_id"], shares, is_rare, threshold, is_low_worse=True)


def _folded(catalogue: Examined) -> Column:
    """Return the texts of the products that have any, without upper case; of several photos, with the first alone."""
    ids = catalogue.products["product_id"]
    is_first = catalogue.products.get(PHOTO_OF, ids) == ids
    return catalogue.texts[is_first & (catalogue.texts != "")].str.casefold()


FINDINGS: dict[str, Finding] = {
    "exact_duplicate": exact_duplicates,
    "near_duplicate": near_duplicates,
    "label_conflict": label_conflicts,
    "placeholder": placeholders,
    "missing_title": partial(missing_texts, field="title"),
    "missing_description": partial(missing_texts, field="description"),
    "duplicate_text": duplicate_texts,
    "text_conflict": text_conflicts,
    "html_in_text": html_in_texts,
    "rare_language": rare_languages,
}
