"""What more photos would buy, in a sentence, in a figure, and as the report page shows it."""

from pathlib import Path
from typing import Any

from bakeoff.core.translation import Translator
from bakeoff.records.data_curve import FILE, FOLDER, DataCurveRecord, Estimate
from bakeoff.report.facts import Facts
from bakeoff.report.palette import BACKGROUND, FROZEN, INK, open_figure
from bakeoff.report.render import environment


def data_curve_in_words(record: DataCurveRecord, t: Translator) -> str:
    """Return what more photos would bring, or why that cannot be told, and which classes gained most so far."""
    return environment(t.language, html=False).globals["data_curve_in_words"](record)


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


def data_curves(facts: Facts) -> list[tuple[Path, DataCurveRecord]]:
    """Return the curves that belong to trainings of the study, each with the folder that its figure lies in."""
    read = [(one, DataCurveRecord.read_current(one.folder / FOLDER / FILE)) for one in facts.done]
    return [(one.folder / FOLDER, found) for one, found in read if found and found.training_key == one.training.key]
