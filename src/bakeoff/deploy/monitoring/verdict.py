"""The verdict in sentences, in the language of params."""

from collections.abc import Mapping, Sequence
from typing import Any

from bakeoff.core.translation import N_, Translator
from bakeoff.report.render import environment, prose

NAMES = {
    "brightness": N_("brightness"),
    "contrast": N_("contrast"),
    "saturation": N_("saturation"),
    "sharpness": N_("sharpness"),
    "aspect_ratio": N_("aspect ratio"),
    "megapixels": N_("megapixels"),
    "features": N_("the network’s features"),
    "class_shares": N_("shares of the predicted classes"),
    "confidence": N_("confidence"),
    "accuracy": N_("accuracy"),
    "calibration": N_("calibration"),
}

VERDICTS = {"alarm": N_("ALARM"), "changed": N_("CHANGED"), "calm": N_("NO ALARM"), "no_evidence": N_("NO EVIDENCE")}
_SMALLEST_P = 0.001


def settle_verdict(tests: Sequence[Mapping[str, Any]]) -> str:
    """Return `alarm` (accuracy fell), `changed` (something else differs) or `calm`."""
    differing = [test for test in tests if test["differs"]]
    if any(test["name"] == "accuracy" and test["statistic"] < 0 for test in differing):
        return "alarm"
    return "changed" if differing else "calm"


def write_sentences(report: Mapping[str, Any], t: Translator) -> list[str]:
    """Return what is said of a report: accuracy or its estimate, what differs, what was left out, what to do."""
    template = environment(t.language, html=False).get_template("monitoring.txt")
    text = template.render(report=report, names=NAMES, write_p=lambda p_value: write_p(p_value, t))
    return list(filter(None, map(prose, text.split("\n\n"))))


def write_p(p_value: float, t: Translator) -> str:
    """Return `p = 0.020`, or `p < 0.001`."""
    if p_value < _SMALLEST_P:
        return t.gettext("p < {limit:.3f}", limit=_SMALLEST_P)
    return t.gettext("p = {p:.3f}", p=p_value)
