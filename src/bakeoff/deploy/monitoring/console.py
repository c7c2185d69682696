"""The verdict and every test, on the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from bakeoff.core.progress import screen
from bakeoff.core.translation import N_, Translator
from bakeoff.deploy.monitoring.verdict import NAMES, VERDICTS, write_p

_COLUMNS = (N_("what"), N_("study"), N_("new"), N_("n"), N_("statistic"), N_("p (Holm)"), N_("differs"))
_STYLES = {"alarm": "bold red", "changed": "bold yellow", "calm": "bold green", "no_evidence": "bold red"}
_STATISTICS = {
    "kolmogorov_smirnov": "D",
    "mmd_permutation": "MMD²",
    "chi_square_permutation": "χ²",
    "fisher_exact": "Δ",
    "calibration_permutation": "Δ",
}


def print_monitoring(report: Mapping[str, Any], folder: Path) -> None:
    """Print the verdict in sentences, a table of the tests, and where the files are."""
    console, t = screen(), Translator(report["language"])
    verdict = report["verdict"]
    console.print(t.gettext(VERDICTS[verdict]), style=_STYLES[verdict])
    for sentence in report["sentences"]:
        console.print(sentence)
    console.print(_table(report["tests"], t))
    console.print(f"{folder / 'monitoring.json'}\n{folder / 'monitor.png'}", soft_wrap=True)


def _table(tests: list[Mapping[str, Any]], t: Translator) -> Table:
    table = Table()
    for title in _COLUMNS:
        table.add_column(t.gettext(title), overflow="fold")
    for test in tests:
        means = ["" if test.get(name) is None else t.number(test[name], ".3g") for name in ("reference", "new")]
        sizes = f"{t.number(test['n_reference'], ',d')} / {t.number(test['n_new'], ',d')}"
        statistic = f"{_STATISTICS[test['test']]} {t.number(test['statistic'], '.3g')}"
        differs = t.gettext("yes") if test["differs"] else t.gettext("no")
        title, p_value = NAMES[test["name"]], write_p(test["p_holm"], t)
        table.add_row(t.gettext(title), *means, sizes, statistic, p_value, differs)
    return table
