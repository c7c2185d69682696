"""The verdict in sentences, in the language of params."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bakeoff.core.translation import N_, Translator

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
_OWN = {  # by how many splits were left out
    3: N_("They were left out."),
    2: N_("Those of train and validation were left out; those of test are compared with themselves."),
    0: N_("Without them too few are left: the accuracy of {accuracy} is no evidence about new products."),
}


def settle_verdict(tests: Sequence[Mapping[str, Any]]) -> str:
    """Return `alarm` (accuracy fell), `changed` (something else differs) or `calm`."""
    differing = [test for test in tests if test["differs"]]
    if any(test["name"] == "accuracy" and test["statistic"] < 0 for test in differing):
        return "alarm"
    return "changed" if differing else "calm"


def write_sentences(report: Mapping[str, Any], t: Translator) -> Iterator[str]:
    """Yield the verdict's sentences: accuracy or its estimate, what differs, what was left out, what to do."""
    tests, own = report["tests"], {split: n for split, n in report.get("own_photos", {}).items() if n}
    if own:
        yield _own_photos(report, own, t)
    if report["verdict"] == "no_evidence":
        return
    yield _accuracy(report, t) if report["performance"] else _estimate(report, t)
    drifting = [test["name"] for test in tests if test["differs"] and test["name"] != "accuracy"]
    if drifting:
        yield t.gettext(
            "The new products differ from the study’s, more than chance explains, in: {names}.",
            names=t.join(t.gettext(NAMES[name]) for name in drifting),
        )
    elif not any(test["differs"] for test in tests):
        yield t.gettext(
            "The {n:,d} new products differ from the study’s in none of the {n_tests} respects tested, beyond what "
            "chance explains.",
            n_tests=len(tests),
            n=report["n_new"],
        )
    if report["n_refused"]:
        yield t.ngettext(
            "{n} photo could not be read and was left out.",
            "{n:,d} photos could not be read and were left out.",
            report["n_refused"],
        )
    if report["verdict"] == "alarm":
        yield t.gettext("Look at the classes that lost most, and train again with new products among the study’s.")
    elif drifting and not report["performance"]:
        yield t.gettext(
            "Label a random sample of the new products and run `bakeoff monitor` on it: only that tells "
            "whether accuracy suffers."
        )


def _own_photos(report: Mapping[str, Any], own: Mapping[str, int], t: Translator) -> str:
    """Return what is said of the study's own photos among the new ones, `own` of each split."""
    left_out = report["own_left_out"]
    found = t.ngettext(
        "{n:,d} of {n_all:,d} photos is the study’s own ({splits}).",
        "{n:,d} of {n_all:,d} photos are the study’s own ({splits}).",
        sum(own.values()),
        n_all=report["n_new"] + sum(own.get(split, 0) for split in left_out),
        splits=t.join(f"{n} {split}" for split, n in own.items()),
    )
    accuracy = (report["performance"] or {}).get("accuracy") or report["estimated_accuracy"]["average_confidence"]
    return f"{found} {t.gettext(_OWN[len(left_out)], accuracy=t.percent(accuracy['value']))}"


def write_p(p_value: float, t: Translator) -> str:
    """Return `p = 0.020`, or `p < 0.001`."""
    return (
        t.gettext("p < {limit:.3f}", limit=_SMALLEST_P)
        if p_value < _SMALLEST_P
        else t.gettext("p = {p:.3f}", p=p_value)
    )


def _accuracy(report: Mapping[str, Any], t: Translator) -> str:
    performance = report["performance"]
    test = next(test for test in report["tests"] if test["name"] == "accuracy")
    now, before = performance["accuracy"], performance["accuracy_at_deployment"]
    points = 100 * performance["difference"]["value"]
    measured = t.gettext(
        "{candidate} classifies {accuracy} of {n:,d} labelled new products correctly (95% interval {low} to {high}); "
        "at deployment it was {before} of {n_before:,d} test products.",
        candidate=report["candidate"],
        accuracy=t.percent(now["value"]),
        low=t.percent(now["low"]),
        high=t.percent(now["high"]),
        n=now["n"],
        before=_before(before, t),
        n_before=before["n"],
    )
    gaps = {"points": points, "p": write_p(test["p_holm"], t), "n_tests": len(report["tests"])}
    if test["differs"]:
        gaps["points"] = abs(points)
        drop = N_("This drop of {points:.1f} points is more than chance explains ({p}, corrected for {n_tests} tests).")
        gain = N_(
            "This gain of {points:.1f} points is more than chance explains ({p}, corrected for {n_tests} tests): the "
            "new products are easier than the study’s, or the network has learned from some of them."
        )
        told = t.gettext(drop, **gaps) if points < 0 else t.gettext(gain, **gaps)
    else:
        chance = N_("The difference of {points:+.1f} points is within chance ({p}, corrected for {n_tests} tests).")
        found = N_("With this many products a drop of {drop:.1f} points would be found four times in five.")
        drop, too_few = performance["detectable_drop"], N_("So few products cannot show any drop four times in five.")
        power = t.gettext(found, drop=100 * drop) if drop else t.gettext(too_few)
        told = f"{t.gettext(chance, **gaps)} {power}"
    return f"{measured} {told}"


def _estimate(report: Mapping[str, Any], t: Translator) -> str:
    estimate = report["estimated_accuracy"]
    before = estimate["accuracy_at_deployment"]
    return t.gettext(
        "Without labels the accuracy can only be estimated: {confidence} by the mean confidence, "
        "{threshold} by a threshold on it (at deployment it was {before} of {n_before:,d} test products).",
        confidence=t.percent(estimate["average_confidence"]["value"]),
        threshold=t.percent(estimate["threshold_on_confidence"]["value"]),
        before=_before(before, t),
        n_before=before["n"],
    )


def _before(accuracy: Mapping[str, Any], t: Translator) -> str:
    """Return the accuracy at deployment; of a winner that had luck with its test products, both figures."""
    value, measured = t.percent(accuracy["value"]), t.percent(accuracy["measured"])
    if value == measured:
        return value
    return t.gettext("{value} (corrected for having been chosen; {measured} measured)", value=value, measured=measured)
