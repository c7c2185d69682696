"""The verdict in sentences, in the language of params, and with every test on the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Column, Table

from bakeoff.core.progress import screen
from bakeoff.core.translation import N_, Translator
from bakeoff.report.render import environment, prose

NAMES = {
    "brightness": N_("brightness"),
    "contrast": N_("contrast"),
    "saturation": N_("saturation"),
    "sharpness": N_("sharpness"),
    "aspect_ratio": N_("aspect ratio"),
    "megapixels": N_("megapixels"),
    "text_length": N_("length of texts"),
    "unknown_words": N_("share of unknown words"),
    "languages": N_("languages"),
    "no_text": N_("products without a text"),
    "features": N_("the network’s features"),
    "class_shares": N_("shares of the predicted classes"),
    "confidence": N_("confidence"),
    "accuracy": N_("accuracy"),
    "calibration": N_("calibration"),
}

VERDICTS = {"alarm": N_("ALARM"), "changed": N_("CHANGED"), "calm": N_("NO ALARM"), "no_evidence": N_("NO EVIDENCE")}
_SMALLEST_P = 0.001
_COLUMNS = (N_("what"), N_("study"), N_("new"), N_("n"), N_("statistic"), N_("p (Holm)"), N_("differs"))
_STYLES = {"alarm": "bold red", "changed": "bold yellow", "calm": "bold green", "no_evidence": "bold red"}
_STATISTICS = {"kolmogorov_smirnov": "D", "mmd_permutation": "MMD²", "chi_square_permutation": "χ²"}
_STATISTICS |= dict.fromkeys(("fisher_exact", "calibration_permutation"), "Δ")


def settle_verdict(tests: Sequence[Mapping[str, Any]]) -> str:
    """Return `alarm` (accuracy fell), `changed` (something else differs) or `calm`."""
    differing = [test for test in tests if test["differs"]]
    if any(test["name"] == "accuracy" and test["statistic"] < 0 for test in differing):
        return "alarm"
    return "changed" if differing else "calm"


def write_sentences(report: Mapping[str, Any], t: Translator) -> list[str]:
    """Return what is said of a report: accuracy or its estimate, what differs, what was left out, what to do."""
    template = environment(t.language, html=False).get_template("deploy/monitoring/sentences.txt")
    text = template.render(report=report, names=NAMES, write_p=lambda p_value: write_p(p_value, t))
    return list(filter(None, map(prose, text.split("\n\n"))))


def write_p(p_value: float, t: Translator) -> str:
    """Return `p = 0.020`, or `p < 0.001`."""
    if p_value < _SMALLEST_P:
        return t.gettext("p < {limit:.3f}", limit=_SMALLEST_P)
    return t.gettext("p = {p:.3f}", p=p_value)


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
    table = Table(*(Column(t.gettext(title), overflow="fold") for title in _COLUMNS))
    for test in tests:
        means = ["" if test.get(name) is None else t.number(test[name], ".3g") for name in ("reference", "new")]
        sizes = f"{t.number(test['n_reference'], ',d')} / {t.number(test['n_new'], ',d')}"
        statistic = f"{_STATISTICS[test['test']]} {t.number(test['statistic'], '.3g')}"
        differs = t.gettext("yes") if test["differs"] else t.gettext("no")
        title, p_value = NAMES[test["name"]], write_p(test["p_holm"], t)
        table.add_row(t.gettext(title), *means, sizes, statistic, p_value, differs)
    return table
