"""The verdict and every test, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bakeoff.deploy.monitoring.verdict import monitoring_words, write_p
from bakeoff.language.phrases import Words

_STYLES = {"alarm": ("alarm", "bold red"), "changed": ("change", "bold yellow"), "calm": ("calm", "bold green")}


def print_monitoring(report: Mapping[str, Any], folder: Path, *, console: Console | None = None) -> None:
    """Print the verdict in sentences, a table of the tests, and where the files are."""
    console = console or Console()
    words = monitoring_words(report["language"])
    key, style = _STYLES[report["verdict"]]
    console.print(words(key), style=style)
    for sentence in report["sentences"]:
        console.print(sentence)
    console.print(_table(report["tests"], words))
    console.print(f"{folder / 'monitoring.json'}\n{folder / 'monitor.png'}", soft_wrap=True)


def _table(tests: list[Mapping[str, Any]], words: Words) -> Table:
    table = Table()
    for name in ("what", "reference", "new", "n", "statistic", "p_holm", "differs"):
        table.add_column(words(f"column.{name}"), overflow="fold")
    for test in tests:
        means = [_mean(test, name, words) for name in ("reference", "new")]
        sizes = f"{words.number(test['n_reference'], ',d')} / {words.number(test['n_new'], ',d')}"
        statistic = f"{words('test.' + test['test'])} {words.number(test['statistic'], '.3g')}"
        differs = words("yes" if test["differs"] else "no")
        name, p_value = words(f"name.{test['name']}"), write_p(test["p_holm"], words)
        table.add_row(name, *means, sizes, statistic, p_value, differs)
    return table


def _mean(test: Mapping[str, Any], name: str, words: Words) -> str:
    """Return a sample's mean, where there is one."""
    mean = test.get(name)
    return "" if mean is None else words.number(mean, ".3g")
