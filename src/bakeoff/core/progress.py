"""The bar that moves on stderr while a training or an extraction lasts."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar() -> Progress:
    """Return a bar with title, count and times; without a terminal it prints its last state only."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=8),  # beside a long candidate's name all must fit into 80 characters
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    return Progress(*columns, console=Console(stderr=True))
