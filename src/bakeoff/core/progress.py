"""What is shown on a terminal: text as it is written, and the bar that moves on stderr while a training lasts."""

from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def screen(*, stderr: bool = False, file: IO[str] | None = None) -> Console:
    """Return a console on which `[red]` in a name is no colour and `:shoe:` no picture; stdout unless told."""
    return Console(stderr=stderr, file=file, markup=False, emoji=False)


def progress_bar(*, quiet: bool = False) -> Progress:
    """Return a bar with title, count and times; without a terminal it prints its last state only, `quiet` nothing."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=8),  # beside a long candidate's name all must fit into 80 characters
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    return Progress(*columns, console=screen(stderr=True), disable=quiet)
