"""Whether a method's maps of a candidate can be believed, from its measurements on single photos."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bakeoff.faithfulness.deletion import areas_under
from bakeoff.records.faithfulness import AnswerCurve, MethodFaithfulness, Pointing, Trust
from bakeoff.statistics.bootstrap import mean_interval
from bakeoff.statistics.interval import wilson

LIKENESS = 0.5
"""Rank correlation above which a map looks the same for a network that knows nothing."""
MIN_PHOTOS = 8
"""Below so many photos nothing is said for or against a method."""


class Measured(NamedTuple):
    """What was measured of one method's map of one photo; None where it could not be."""

    curves: np.ndarray
    """(2, steps + 1) probabilities of the explained class: deletion, insertion."""
    random_curves: np.ndarray
    """The same by a random map."""
    infidelity: float | None
    sensitivity: float | None
    same_when_random: float | None
    pointing: tuple[float, float, float] | None
    """Whether the most important pixel lies in the box (0 or 1), the share of the top pixels that do, the box's share
    of the photo; None where no box is known, or the candidate was wrong."""


def summarise(title: str, measured: Sequence[Measured], not_learned: str | None) -> MethodFaithfulness:
    """Return a method's faithfulness from at least one photo; `not_learned` says why the candidate knows nothing."""
    curves, random = np.array([(one.curves, one.random_curves) for one in measured]).transpose(1, 2, 0, 3)
    deletion, insertion = (_answer_curve(*each) for each in zip(curves, random, (-1, 1), strict=True))
    alike = _mean([one.same_when_random for one in measured])
    pointing = _pointing([one.pointing for one in measured if one.pointing])
    trust, sentence = judge(deletion, insertion, alike, pointing, n=len(measured))
    if not_learned:
        trust, sentence = "no", f"the candidate did not learn ({not_learned}): its maps explain guesses."
    return MethodFaithfulness(
        title=title,
        n=len(measured),
        deletion=deletion,
        insertion=insertion,
        infidelity=_mean([one.infidelity for one in measured]),
        sensitivity=_mean([one.sensitivity for one in measured]),
        same_when_random=alike,
        pointing=pointing,
        trust=trust,
        sentence=sentence,
    )


def judge(
    deletion: AnswerCurve, insertion: AnswerCurve, same_when_random: float | None, pointing: Pointing | None, *, n: int
) -> tuple[Trust, str]:
    """Return whether a method can be believed, and why.

    No: its maps of a network with random parameters correlate above 0.5 with the network's own; deletion or insertion
    is worse than by a random map, the other not better; or it points into the boxes less often than chance. Yes: none
    of that, deletion or insertion is better, and, where boxes are known, it points into them more often than chance.
    Better, worse, more and less: the 95 % interval over the photos is clear of no difference. Else it is undecided.

    Source:
        J. Adebayo, J. Gilmer, M. Muelly, I. Goodfellow, M. Hardt and B. Kim, Sanity checks for saliency maps, NeurIPS
        2018, section 3, arXiv:1810.03292: the parameter randomisation test.
    """
    curves = {"deletion": deletion, "insertion": insertion}
    gains = ", ".join(
        f"{name} {one.gain:+.2f} [{one.gain_low:+.2f}, {one.gain_high:+.2f}]" for name, one in curves.items()
    )
    better = any(one.gain_low > 0 for one in curves.values())
    worse = any(one.gain_high < 0 for one in curves.values()) and not better
    alike, pointed, astray, no_aim = same_when_random or 0.0, "", False, False
    if pointing:
        pointed = f"points into the box in {pointing.share:.0%} of photos, {pointing.chance:.0%} by chance"
        astray, no_aim = pointing.share_high < pointing.chance, pointing.share_low <= pointing.chance
    rules: list[tuple[bool, Trust, str]] = [
        (n < MIN_PHOTOS, "undecided", f"{n} photos are too few to tell; {MIN_PHOTOS} are needed."),
        (alike > LIKENESS, "no", f"it looks the same for a network that knows nothing (rank correlation {alike:.2f})."),
        (worse, "no", f"a random map finds what the answer depends on better ({gains})."),
        (astray, "no", f"it {pointed}."),
        (not better, "undecided", f"it could not be told from a random map on {n} photos ({gains})."),
        (
            same_when_random is None,
            "undecided",
            f"it is better than a random map ({gains}), but could not be tried on a network that knows nothing.",
        ),
        (no_aim, "undecided", f"it is better than a random map ({gains}), but {pointed}."),
        (True, "yes", f"it is better than a random map ({gains}){pointed and f', and {pointed}'}."),
    ]
    return next((trust, sentence) for holds, trust, sentence in rules if holds)


def _answer_curve(curves: np.ndarray, random: np.ndarray, sign: int) -> AnswerCurve:
    """Return the mean of curves (N, steps + 1), and its gain on a random map's; `sign` -1: the lower, the better."""
    areas = areas_under(curves)
    gains = sign * (areas - areas_under(random))
    gain = float(gains.mean())
    low, high = (-1.0, 1.0) if len(gains) == 1 else (gain, gain)
    if np.ptp(gains) > 0:
        interval = mean_interval(gains, None)
        low, high = interval.low, interval.high
    mean, area = curves.mean(axis=0).tolist(), float(areas.mean())
    return AnswerCurve(probabilities=mean, area=area, gain=gain, gain_low=low, gain_high=high)


def _pointing(found: Sequence[tuple[float, float, float]]) -> Pointing | None:
    if not found:
        return None
    hits, top, chance = np.array(found).T
    hit = wilson(float(hits.mean()), len(found))
    shares = {"share": hit.estimate, "share_low": hit.low, "share_high": hit.high, "chance": float(chance.mean())}
    return Pointing(n=len(found), **shares, top_share=float(top.mean()), top_in_box=float((top > 0.5).mean()))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
