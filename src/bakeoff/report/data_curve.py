"""What more photos would buy, in a sentence, in a figure, and as the report page shows it."""

from pathlib import Path
from typing import Any

from bakeoff.core.translation import N_, Translator
from bakeoff.records.data_curve import FIGURE, FILE, FOLDER, DataCurveRecord, Estimate
from bakeoff.report.facts import Facts
from bakeoff.report.page.embedding import Budget
from bakeoff.report.palette import BACKGROUND, FROZEN, INK, open_figure

_PROBLEMS = {
    "flat": N_("From {n} to {more} photos accuracy did not rise measurably, so nothing can be said of more photos."),
    "few_points": N_("Too few numbers of photos were tried for a curve, so nothing can be said of more photos."),
}
_GAINS = {
    "per_class": N_("{n:,d} more photos of each class would bring {low} to {high} points of accuracy."),
    "double": N_("Twice the photos would bring {low} to {high} points of accuracy."),
}


def data_curve_in_words(record: DataCurveRecord, t: Translator) -> str:
    """Return what more photos would bring, or why that cannot be told, and which classes gained most so far."""
    if record.problem:
        n, more = (t.number(float(point.at), ",.0f") for point in (record.points[0], record.points[-1]))
        return t.gettext(_PROBLEMS[record.problem], n=n, more=more)
    told = [t.gettext(_GAINS[str(gain.at)], n=record.per_class, **_points(gain, t)) for gain in record.gains]
    names = [t.gettext("{name} ({low} to {high})", name=gain.at, **_points(gain, t)) for gain in record.classes]
    if names:
        told.append(
            t.gettext("Classes that surely gained from the second half, in points: {names}.", names=t.join(names))
        )
    else:
        told.append(t.gettext("Which classes gain most cannot be told from so few products of each."))
    return " ".join(told)


def _points(gain: Estimate, t: Translator) -> dict[str, str]:
    return {"low": t.number(100 * gain.low, "+.1f"), "high": t.number(100 * gain.high, "+.1f")}


def draw_data_curve(record: DataCurveRecord, path: Path, t: Translator) -> None:
    """Write accuracy against training photos: points with intervals, the law with its band."""
    figure, axes = open_figure(4.2)
    for one in record.points:
        axes.plot([one.at, one.at], [one.low, one.high], color=INK)
    axes.plot(*_line(record.points), "o", color=INK, label=t.gettext("measured, 95% interval"))
    if record.curve:
        axes.plot(*_line(record.curve), color=FROZEN, label=t.gettext("power law, 95% band"))
        n, low, high = zip(*((one.at, one.low, one.high) for one in record.curve), strict=True)
        axes.fill_between(n, low, high, color=FROZEN, alpha=0.15)
    axes.axvline(record.n_photos, color=INK, linestyle=":", label=t.gettext("photos of the train split"))
    axes.yaxis.set_major_formatter(lambda value, _: t.percent(value, 0))
    axes.set(xlabel=t.gettext("training photos"), ylabel=t.gettext("accuracy on held-out training products"))
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path, bbox_inches="tight", facecolor=BACKGROUND)


def _line(estimates: list[Estimate]) -> tuple[list[Any], list[float]]:
    return [one.at for one in estimates], [one.value for one in estimates]


def data_curves(facts: Facts, budget: Budget, t: Translator) -> list[dict[str, Any]]:
    """Return the curves that belong to trainings of the study, each with its sentence and its figure as a data URI."""
    found = [(one, DataCurveRecord.read_current(one.folder / FOLDER / FILE)) for one in facts.done]
    return [
        {
            "record": record,
            "told": data_curve_in_words(record, t),
            "picture": budget.embed(one.folder / FOLDER, FIGURE, max_px=960),
        }
        for one, record in found
        if record and record.training_key == one.training.key
    ]
