"""What a terminal shows is what was written: no markup in users' names."""

import io

from rich.table import Table

from bakeoff.core.progress import screen

NAME = "[red] shoes :shoe: [/] [link=x]"


def test_names_are_no_markup():
    shown = io.StringIO()
    table = Table(NAME, title=NAME)
    table.add_row(NAME)
    console = screen(file=shown)
    console.print(NAME)
    console.print(table)
    assert shown.getvalue().count(NAME) == 4
