"""Photos whose measure lies far from the others', with a threshold that the catalogue's own distribution gives."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bakeoff.catalogue.findings.base import Column, Examination, Examined, Finding

_FAR = 3.5 / 0.6745
"""Spreads between median and threshold: a modified z-score of 3.5, which one of 4,300 normal values exceeds."""
_GREY_CHROMA = 4 / 255  # what JPEG leaves between the channels of a photo without colour


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
FINDINGS: dict[str, Finding] = {**OUTLIERS, "greyscale": greyscale}
