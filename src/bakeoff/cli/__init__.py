"""The command line `bakeoff`: everything around `dvc repro` that a person does by hand."""

from bakeoff.cli import decide, deploy, house, measure, study  # noqa: F401 - importing registers a module's commands
from bakeoff.cli.app import PANELS, app
from bakeoff.core.errors import exit_cleanly
from bakeoff.core.start import pin_environment

__all__ = ["app", "main"]

app.registered_commands.sort(key=lambda command: PANELS.index(str(command.rich_help_panel)))


def main() -> None:
    """Run the command line; a product error is one sentence and exit status 1."""
    import sys

    pin_environment()
    with exit_cleanly(debug="--debug" in sys.argv):
        try:
            app()
        except SystemExit as stop:
            if stop.code == 130:  # Typer's, after Ctrl-C
                raise KeyboardInterrupt from None
            raise
