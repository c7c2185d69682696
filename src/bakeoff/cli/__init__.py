"""The command line `bakeoff`: everything around `dvc repro` that a person does by hand."""

from __future__ import annotations

import bakeoff.cli.study  # importing registers the commands; this order is that of `bakeoff --help`
import bakeoff.cli.deploy  # isort: skip
import bakeoff.cli.house  # noqa: F401  # isort: skip
from bakeoff.cli.app import app
from bakeoff.errors import exit_cleanly

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; a product error is one sentence and exit status 1."""
    import sys

    with exit_cleanly(debug="--debug" in sys.argv):
        app()
