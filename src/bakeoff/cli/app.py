"""The Typer application that the command modules hang their commands on, and the project folder they work in."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Which classifier should you deploy on your products? `bakeoff run` answers it with a DVC study.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
SEED_HELP = "Which of its trainings; default: the best on validation, the one that is registered."
STUDY, DECIDE, MEASURE, DEPLOY, HOUSE = PANELS = (
    "The study",
    "The decision",
    "Speed",
    "Use the winner",
    "Settings and upkeep",
)
"""The panels that `bakeoff --help` groups commands in, in its order."""


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False) -> None:
    """Take the flags that stand before the command; `main` looks for --debug itself, before anything can fail."""


def project() -> Path:
    """Return the project's folder, found from the current one."""
    from bakeoff.core.paths import project_root

    return project_root()
