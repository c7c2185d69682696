"""What a terminal shows is what was written: no markup in users' names."""

import io

from rich.table import Table

from bakeoff.core.progress import progress_bar, screen

NAME = "[red] shoes :shoe: [/] [link=x]"


def test_names_are_no_markup():
    shown = io.StringIO()
    table = Table(NAME, title=NAME)
    table.add_row(NAME)
    console = screen(file=shown)
    console.print(NAME)
    console.print(table)
    assert shown.getvalue().count(NAME) == 4


def test_a_bar_inside_another_is_silent_and_the_next_one_is_not(capsys):
    for title in ("first", "second"):
        with progress_bar() as bar:
            task = bar.add_task(title, total=2)
            for _ in range(2):
                with progress_bar() as inner:
                    list(inner.track(range(3), description="inner"))
                bar.advance(task)
    shown = capsys.readouterr().err
    assert "inner" not in shown
    assert all(f"{title} ━━━━━━━━ 2/2" in shown for title in ("first", "second"))
