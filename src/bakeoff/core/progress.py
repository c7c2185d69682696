"""What is shown on a terminal: text as it is written, and the bar that moves on stderr while a training lasts."""

from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def screen(*, stderr: bool = False, file: IO[str] | None = None) -> Console:
    """Return a console on which `[red]` in a name is no colour and `:shoe:` no picture; stdout unless told."""
    return Console(stderr=stderr, file=file, markup=False, emoji=False)


class _Bar(Progress):
    n_open = 0

    def __enter__(self) -> Progress:
        self.disable, _Bar.n_open = _Bar.n_open > 0, _Bar.n_open + 1
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        _Bar.n_open -= 1
        super().__exit__(*error)


def progress_bar() -> Progress:
    """Return a bar with title, count and times; without a terminal it prints its last state only.

    One inside another stays silent, as those of the many trainings of a curve.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=8),  # beside a long candidate's name all must fit into 80 characters
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    return _Bar(*columns, console=screen(stderr=True))
