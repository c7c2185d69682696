"""The end of a run in a terminal: leaderboard, choice, and where everything is; readable at 80 columns and in a log."""

from collections.abc import Callable
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bakeoff.core.failures import read_failures
from bakeoff.core.progress import screen
from bakeoff.core.translation import N_, Translator
from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.decision.summary import Summary
from bakeoff.report.facts import read_decision
from bakeoff.report.render import environment, is_known

_WIDE = 112
_NAME_CHARS = 36
Cell = Callable[[Summary, Translator], str]


def print_summary(reports_dir: Path, *, console: Console | None = None) -> None:
    """Print what `compare` wrote to `reports_dir`, in the language it was written in; errors as `read_decision`."""
    terminal = console or screen()
    choice, summaries = read_decision(reports_dir)
    t = Translator(choice.language)
    terminal.print(_leaderboard(choice, summaries, t, wide=terminal.width >= _WIDE))
    template = environment(choice.language, html=False).get_template("console.txt")
    text = template.render(choice=choice, failures=read_failures(reports_dir))
    terminal.print(Text.from_markup(text, emoji=False), end="")
    terminal.print(_places(reports_dir, t), soft_wrap=True)


def _leaderboard(choice: ChoiceRecord, summaries: list[Summary], t: Translator, *, wide: bool) -> Table:
    title = t.gettext("Leaderboard, {n:,d} test products", n=choice.n_test)
    if (repair := summaries[0].repair) != "none":
        title += t.gettext(", repair: {name}", name=repair)
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    failed = [row.candidate for row in choice.failed]
    names = [item.candidate for item in summaries] + failed
    table.add_column("#", justify="right")
    table.add_column(t.gettext("candidate"), overflow="fold", min_width=min(_NAME_CHARS, max(map(len, names))))
    columns = {title: cell for title, (cell, narrow_too) in _COLUMNS.items() if wide or narrow_too}
    for title in columns:
        table.add_column(t.gettext(title), justify="right", no_wrap=title == _INTERVAL)
    table.add_column(t.gettext("notes"), overflow="fold")
    for rank, item in enumerate(summaries, start=1):
        marks = Text((", " if wide else "\n").join(_marks(item, t)), style="yellow")
        cells = [cell(item, t) for cell in columns.values()]
        style = "bold" if item.candidate in choice.winners else None
        table.add_row(str(rank), item.candidate, *cells, marks, style=style)
    for name in failed:
        table.add_row("-", name, *[""] * len(columns), Text(t.gettext("FAILED"), style="bold red"))
    return table


def _number(value: float, spec: str, t: Translator) -> str:
    return t.number(value, spec) if is_known(value) else "-"


_INTERVAL = N_("95% interval")
_COLUMNS: dict[str, tuple[Cell, bool]] = {
    N_("accuracy"): (lambda item, t: t.number(item.accuracy, ".3f"), True),
    _INTERVAL: (lambda item, t: "-".join(t.number(end, ".3f") for end in item.interval), False),
    N_("macro F1"): (lambda item, t: _number(item.macro_f1, ".3f", t), False),
    N_("ms/product"): (
        lambda item, t: (
            _number(item.latency_ms, ".1f", t)
            + (" *" if is_known(item.latency_ms) and not item.time_comparable else "")
        ),
        True,
    ),
    N_("products/s"): (lambda item, t: _number(item.images_per_s, ".1f", t), False),
    N_("MiB"): (lambda item, t: _number(item.size_mib, ".0f", t), False),
}
"""How each cell is written, and whether a narrow terminal shows the column too."""


def _marks(item: Summary, t: Translator) -> list[str]:
    found = [t.gettext(mark) for mark in item.marks]  # which macros.html says too
    found += [] if item.learned else [t.gettext("DID NOT LEARN")]
    return [*found, t.gettext("STILL IMPROVING")] if item.still_improving else found


def _places(reports: Path, t: Translator) -> str:
    """Return where everything is, a line each."""
    places = {
        t.gettext("Report:"): reports / "index.html",
        t.gettext("Figures:"): f"{reports / 'pareto.png'}, {reports / 'differences.png'}",
        t.gettext("Heat maps:"): f"{reports / 'explanations'}/",
        t.gettext("MLflow:"): t.gettext("make ui   (or `bakeoff ui`)"),
    }
    width = max(map(len, places)) + 1
    return "\n".join(f"{title:<{width}}{place}" for title, place in places.items())
