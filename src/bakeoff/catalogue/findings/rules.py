"""Photos far out in a measure, products that share a photo or text, and texts that are missing, marked up or rare."""

import html
import re
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from bakeoff.catalogue.findings.base import Column, Examination, Examined, Finding, repeated, rival_of_each
from bakeoff.data.table import PHOTO_OF

_FAR = 3.5 / 0.6745
"""Spreads between median and threshold: a modified z-score of 3.5, which one of 4,300 normal values exceeds."""
_GREY_CHROMA = 4 / 255  # what JPEG leaves between the channels of a photo without colour
_TAG = re.compile(r"</?[a-z][a-z0-9]*(\s[^<>]*)?/?>|<!--", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9a-f]+|[a-z][a-z0-9]*);", re.IGNORECASE)
_RARE = 0.05


@dataclass(frozen=True)
class Outliers:
    """The finding of products whose photo is far out on one side of a measure.

    The threshold is the median less, or plus, `_FAR` times the median distance from it of the values on that side: a
    modified z-score of 3.5. Medians, because a mean and a standard deviation move with the very photos that are sought.
    Unlike in the source each side has a spread of its own, because most measures of photos are skewed. Where photos
    hardly differ in a measure (all of one size), `least_spread` stands in for the spread, so that differences which
    nobody sees are not flagged.

    Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers, ASQC 1993, ISBN 0-87389-247-X; Leys et al. 2013,
    doi:10.1016/j.jesp.2013.03.013 (why medians). Most of the measures are CleanVision's.
    """

    measure: str
    side: Literal["low", "high"]
    least_spread: float  # in the measure's unit; of its logarithm to base 10 where that is what is compared
    of_logarithm: bool = False

    def __call__(self, catalogue: Examined) -> Examination:
        """Return the measure of every photo, and which lie beyond the threshold."""
        scores, is_low = catalogue.products[self.measure].astype(float), self.side == "low"
        compared = np.log10(scores) if self.of_logarithm else scores
        threshold = self.threshold(compared)
        is_far = compared < threshold if is_low else compared > threshold
        shown = 10**threshold if self.of_logarithm else threshold
        return Examination(catalogue.products["product_id"], scores, is_far, shown, is_low_worse=is_low)

    def threshold(self, values: Column) -> float:
        """Return what values, logarithms where those are compared, lie beyond where they are far out."""
        median, sign = float(values.median()), -1 if self.side == "low" else 1
        distances = sign * (values - median)
        spread = max(float(distances[distances >= 0].median()), self.least_spread)
        return median + sign * _FAR * spread


def greyscale(catalogue: Examined) -> Examination:
    """Photos without colour where most have some: what they are is defined, the catalogue decides whether it is odd."""
    chroma = catalogue.products["chroma"].astype(float)
    is_grey = (chroma <= _GREY_CHROMA) & (chroma.median() > _GREY_CHROMA)
    return Examination(catalogue.products["product_id"], chroma, is_grey, _GREY_CHROMA, is_low_worse=True)


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


OUTLIERS: dict[str, Outliers] = {
    "blurred": Outliers("sharpness", "low", 0.1),
    "dark": Outliers("luma_p99", "low", 0.05),
    "bright": Outliers("luma_p05", "high", 0.05),
    "low_information": Outliers("information", "low", 0.1),
    "small": Outliers("megapixels", "low", 0.05, of_logarithm=True),
    "large": Outliers("megapixels", "high", 0.05, of_logarithm=True),
    "tall": Outliers("aspect_ratio", "low", 0.02, of_logarithm=True),
    "wide": Outliers("aspect_ratio", "high", 0.02, of_logarithm=True),
    "colour_dominance": Outliers("dominance", "high", 0.01),
    "oversaturated": Outliers("saturation", "high", 0.02),
    "undersaturated": Outliers("saturation", "low", 0.02),
    "bordered": Outliers("border", "high", 0.02),
}
FINDINGS: dict[str, Finding] = {
    **OUTLIERS,
    "greyscale": greyscale,
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
