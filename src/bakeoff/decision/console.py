"""The end of a run in a terminal: leaderboard, choice, and where everything is; readable at 80 columns and in a log."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bakeoff.decision.leaderboard import read_leaderboard
from bakeoff.decision.summary import Summary, summarise
from bakeoff.errors import EvaluationError

_WIDE = 112
_NAME_CHARS = 36


def print_summary(reports_dir: Path, *, console: Console | None = None) -> None:
    """Print what `compare` wrote to `reports_dir`.

    Args:
        reports_dir: holds leaderboard.csv and choice.json.
        console: where to print; default stdout.

    Raises:
        EvaluationError: no comparison has been made yet.
    """
    screen = console or Console()
    leaderboard, choice_file = reports_dir / "leaderboard.csv", reports_dir / "choice.json"
    for path in (leaderboard, choice_file):
        if not path.is_file():
            raise EvaluationError(f"{path} is missing; run `bakeoff run`, or `bakeoff compare --partial`.")
    choice = json.loads(choice_file.read_text(encoding="utf-8"))
    summaries = summarise(read_leaderboard(leaderboard))
    screen.print(_leaderboard(summaries, choice, wide=screen.width >= _WIDE))
    _print_choice(screen, choice)
    _print_places(screen, reports_dir, choice)


def _leaderboard(summaries: Sequence[Summary], choice: Mapping[str, Any], *, wide: bool) -> Table:
    table = Table(title=f"Leaderboard, {choice['n_test']} test products", box=box.SIMPLE, title_justify="left")
    table.add_column("#", justify="right")
    names = [item.candidate for item in summaries] + [row["candidate"] for row in choice["failed"]]
    table.add_column("candidate", overflow="fold", min_width=min(_NAME_CHARS, max(map(len, names), default=0)))
    table.add_column("accuracy", justify="right")
    if wide:
        table.add_column("95 % interval", justify="right", no_wrap=True)
        table.add_column("macro F1", justify="right")
    table.add_column("ms/photo", justify="right")
    if wide:
        table.add_column("images/s", justify="right")
        table.add_column("MiB", justify="right")
    table.add_column("notes")
    chosen = _names(choice)
    for rank, item in enumerate(summaries, start=1):
        table.add_row(*_cells(rank, item, wide=wide), style="bold" if item.candidate in chosen else None)
    for row in choice["failed"]:
        blank = [""] * (6 if wide else 2)
        table.add_row("-", row["candidate"], *blank, Text("FAILED", style="bold red"))
    return table


def _cells(rank: int, item: Summary, *, wide: bool) -> list[str | Text]:
    latency = _number(item.latency_ms, 1) + ("" if item.time_comparable else " *")
    marks = [*item.marks, *([] if item.learned else ["DID NOT LEARN"])]
    notes = Text((", " if wide else "\n").join(marks), style="yellow")
    if not wide:
        return [str(rank), item.candidate, f"{item.accuracy:.3f}", latency, notes]
    interval = f"{item.accuracy_low:.3f}-{item.accuracy_high:.3f}"
    speed = [latency, _number(item.images_per_s, 1), _number(item.size_mib, 0)]
    return [str(rank), item.candidate, f"{item.accuracy:.3f}", interval, _number(item.macro_f1, 3), *speed, notes]


def _print_choice(screen: Console, choice: Mapping[str, Any]) -> None:
    for part in (choice["opening"], choice["best_reason"], choice["best_commercial_reason"]):
        if part:
            screen.print(Text(part, style="bold yellow" if part is choice["opening"] else ""), end="\n\n")
    for note in choice["notes"]:
        screen.print(Text(f"* {note}"))
    for row in choice["failed"]:
        screen.print(Text(f"FAILED {row['candidate']} (seed {row['seed']}): {row['problem']}", style="red"))


def _print_places(screen: Console, reports_dir: Path, choice: Mapping[str, Any]) -> None:
    runs = Path(choice["inputs"]["runs_dir"])
    name = choice["best"]["candidate"] if choice["best"] else "<candidate>"
    seed = choice["inputs"]["seeds"][0]
    places = {
        "Report": str(reports_dir / "index.html"),
        "Figure": str(reports_dir / "pareto.png"),
        "Heat maps": str(runs / name / f"seed_{seed}" / "interpretation" / "attributions"),
        "MLflow": "make ui   (or `bakeoff ui`)",
    }
    for title, place in places.items():
        screen.print(Text(f"{title + ':':<11}{place}"), soft_wrap=True)


def _names(choice: Mapping[str, Any]) -> set[str]:
    return {choice[key]["candidate"] for key in ("best", "best_commercial") if choice[key]}


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"
