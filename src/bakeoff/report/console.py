"""The end of a run in a terminal: leaderboard, choice, and where everything is; readable at 80 columns and in a log."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bakeoff.core.errors import EvaluationError
from bakeoff.core.failures import read_failures
from bakeoff.decision.leaderboard import read_leaderboard
from bakeoff.decision.summary import Summary, summarise
from bakeoff.language.console import PHRASES
from bakeoff.language.phrases import Words

_WIDE = 112
_NAME_CHARS = 36


def print_summary(reports_dir: Path, *, console: Console | None = None) -> None:
    """Print what `compare` wrote to `reports_dir`, in the language it was written in.

    Args:
        reports_dir: holds leaderboard.csv and choice.json.
        console: where to print; default stdout.

    Raises:
        EvaluationError: no comparison has been made yet, or an older version made it.
    """
    screen = console or Console()
    leaderboard, choice_file = reports_dir / "leaderboard.csv", reports_dir / "choice.json"
    for path in (leaderboard, choice_file):
        if not path.is_file():
            raise EvaluationError(f"{path} is missing; run `bakeoff run`, or `bakeoff compare --partial`.")
    choice = json.loads(choice_file.read_text(encoding="utf-8"))
    if "language" not in choice:
        raise EvaluationError(f"{choice_file} was written by an older version; run `bakeoff compare`.")
    words = Words(choice["language"], PHRASES)
    summaries = summarise(read_leaderboard(leaderboard))
    screen.print(_leaderboard(summaries, choice, words, wide=screen.width >= _WIDE))
    _print_choice(screen, reports_dir, choice, words)
    _print_places(screen, reports_dir, choice, words)


def _leaderboard(summaries: Sequence[Summary], choice: Mapping[str, Any], words: Words, *, wide: bool) -> Table:
    table = Table(title=words("title", n=choice["n_test"]), box=box.SIMPLE, title_justify="left")
    table.add_column("#", justify="right")
    names = [item.candidate for item in summaries] + [row["candidate"] for row in choice["failed"]]
    width = min(_NAME_CHARS, max(map(len, names), default=0))
    table.add_column(words("column.candidate"), overflow="fold", min_width=width)
    shown = [name for name in _COLUMNS if wide or name not in _WIDE_ONLY]
    for name in shown:
        table.add_column(words(f"column.{name}"), justify="right", no_wrap=name == "interval")
    table.add_column(words("column.notes"), overflow="fold")
    chosen = _names(choice)
    for rank, item in enumerate(summaries, start=1):
        cells = [_COLUMNS[name](item, words) for name in shown]
        marks = Text((", " if wide else "\n").join(_marks(item, words)), style="yellow")
        table.add_row(str(rank), item.candidate, *cells, marks, style="bold" if item.candidate in chosen else None)
    for row in choice["failed"]:
        table.add_row("-", row["candidate"], *[""] * len(shown), Text(words("mark.failed"), style="bold red"))
    return table


def _number(value: float, spec: str, words: Words) -> str:
    return words.number(value, spec) if math.isfinite(value) else "-"


_COLUMNS: dict[str, Callable[[Summary, Words], str]] = {
    "accuracy": lambda item, words: words.number(item.accuracy, ".3f"),
    "interval": lambda item, words: "-".join(words.number(end, ".3f") for end in item.interval),
    "macro_f1": lambda item, words: _number(item.macro_f1, ".3f", words),
    "latency": lambda item, words: _number(item.latency_ms, ".1f", words) + ("" if item.time_comparable else " *"),
    "images_per_s": lambda item, words: _number(item.images_per_s, ".1f", words),
    "size": lambda item, words: _number(item.size_mib, ".0f", words),
}
_WIDE_ONLY = frozenset({"interval", "macro_f1", "images_per_s", "size"})


def _marks(item: Summary, words: Words) -> list[str]:
    found = [words(f"mark.{mark.lower().replace(' ', '_').replace('-', '_')}") for mark in item.marks]
    return found if item.learned else [*found, words("mark.did_not_learn")]


def _print_choice(screen: Console, reports_dir: Path, choice: Mapping[str, Any], words: Words) -> None:
    for part in (choice["opening"], choice["best_reason"], choice["best_commercial_reason"]):
        if part:
            screen.print(Text(part, style="bold yellow" if part is choice["opening"] else ""), end="\n\n")
    sure = [text for text in (choice["groups_sentence"], choice["stability"]["sentence"]) if text]
    if choice["best"] and sure:
        screen.print(Text(words("heading.sure"), style="bold"))
        screen.print(Text(" ".join(sure)), end="\n\n")
    if choice["scenarios"]:
        screen.print(Text(words("heading.scenarios"), style="bold"))
        for row in choice["scenarios"]:
            screen.print(Text(f"- {row['sentence']}"))
        screen.print()
    for note in choice["notes"]:
        screen.print(Text(f"* {note}"))
    for row in choice["failed"]:
        screen.print(Text(words("failed", **row), style="red"))
    for failure in read_failures(reports_dir):
        screen.print(Text(words("not_made", what=failure.what, error=failure.error), style="yellow"))


def _print_places(screen: Console, reports_dir: Path, choice: Mapping[str, Any], words: Words) -> None:
    runs = Path(choice["inputs"]["runs_dir"])
    name = choice["best"]["candidate"] if choice["best"] else "<candidate>"
    seed = choice["inputs"]["seeds"][0]
    places = {
        "report": str(reports_dir / "index.html"),
        "figures": f"{reports_dir / 'pareto.png'}, {reports_dir / 'differences.png'}",
        "heat_maps": str(runs / name / f"seed_{seed}" / "interpretation" / "attributions"),
        "mlflow": words("place.ui"),
    }
    titles = {key: words("place", title=words(f"place.{key}")) for key in places}
    width = max(map(len, titles.values())) + 1
    for key, place in places.items():
        screen.print(Text(f"{titles[key]:<{width}}{place}"), soft_wrap=True)


def _names(choice: Mapping[str, Any]) -> set[str]:
    return {choice[key]["candidate"] for key in ("best", "best_commercial") if choice[key]}
