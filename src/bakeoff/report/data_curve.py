"""What more photos would buy, in a sentence, in a figure, and as the report page shows it."""

from pathlib import Path
from typing import Any

from bakeoff.core.translation import N_, Translator
from bakeoff.records.data_curve import FIGURE, FILE, FOLDER, DataCurveRecord, Gain
from bakeoff.report.facts import Facts
from bakeoff.report.page.embedding import Budget
from bakeoff.report.palette import FROZEN, INK, open_figure

_PROBLEMS = {
    "flat": N_(
        "From {first:,.0f} to {last:,.0f} photos the accuracy did not rise measurably, so nothing can be said of more."
    ),
    "few_points": N_("There are too few points for a curve, so nothing can be said of more photos."),
}
_MORE = {
    "per_class": N_("{n:,d} more photos of each class would bring {gain}"),
    "double": N_("twice the photos would bring {gain}"),
}


def data_curve_in_words(record: DataCurveRecord, t: Translator) -> str:
    """Return what more photos would bring, or why that cannot be told, and which classes gained most so far."""
    if record.problem:
        first, last = record.points[0].n_photos, record.points[-1].n_photos
        return t.gettext(_PROBLEMS[record.problem], first=first, last=last)
    told = [t.gettext(_MORE[gain.name], n=record.per_class, gain=_points(gain, t)) for gain in record.gains]
    sentence = "; ".join(told) + "."
    classes = [t.gettext("{label} ({gain})", label=gain.name, gain=_points(gain, t)) for gain in record.classes]
    if classes:
        last = t.gettext("Of the classes, these surely gained from the second half: {names}.", names=t.join(classes))
    else:
        last = t.gettext("Which classes gain most cannot be told from so few products of each.")
    return f"{sentence[0].upper()}{sentence[1:]} {last}"


def _points(gain: Gain, t: Translator) -> str:
    low, high = (t.number(100 * end, "+.1f") for end in (gain.low, gain.high))
    return t.gettext("{low} to {high} points", low=low, high=high)


def draw_data_curve(record: DataCurveRecord, path: Path, t: Translator) -> None:
    """Write accuracy against training photos: points with intervals, the law with its band."""
    figure, axes = open_figure(4.2)
    n, accuracy, low, high = zip(*((p.n_photos, p.accuracy, p.low, p.high) for p in record.points), strict=True)
    bars = [[a - b for a, b in zip(accuracy, low, strict=True)], [b - a for a, b in zip(accuracy, high, strict=True)]]
    axes.errorbar(n, accuracy, yerr=bars, fmt="o", color=INK, capsize=3, label=t.gettext("measured, 95% interval"))
    if record.curve:
        n, accuracy, low, high = zip(*((p.n_photos, p.accuracy, p.low, p.high) for p in record.curve), strict=True)
        axes.plot(n, accuracy, color=FROZEN, label=t.gettext("power law with its 95% band"))
        axes.fill_between(n, low, high, color=FROZEN, alpha=0.15)
    axes.axvline(record.n_photos, color=INK, linestyle=":", label=t.gettext("all training photos"))
    axes.yaxis.set_major_formatter(lambda value, _: t.percent(value, 0))
    axes.set_xlabel(t.gettext("training photos"))
    axes.set_ylabel(t.gettext("accuracy on held-out training products"))
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(path)


def data_curves(facts: Facts, budget: Budget, t: Translator) -> list[dict[str, Any]]:
    """Return the curves that belong to trainings of the study, each with its sentence and its figure as a data URI."""
    found = []
    for one in facts.done:
        record = DataCurveRecord.read_current(one.folder / FOLDER / FILE)
        if record and record.training_key == one.training.key:
            picture = budget.embed(one.folder / FOLDER, FIGURE, max_px=960)
            found.append({"record": record, "told": data_curve_in_words(record, t), "picture": picture})
    return found
