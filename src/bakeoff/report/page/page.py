"""reports/index.html: one file that needs nothing else, filled from template.html, its sections, styles and scripts.

Each section is made by itself: one that fails leaves a sentence in its place, and the others stand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, get_args

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from bakeoff.core.failures import surviving
from bakeoff.decision.collect import Record
from bakeoff.decision.summary import Summary
from bakeoff.language.phrases import LanguageCode, Words, unbroken
from bakeoff.records.candidate import BASELINE
from bakeoff.report.page.board import board
from bakeoff.report.page.calibration import calibration_views
from bakeoff.report.page.checklist import Evidence, checklist_rows
from bakeoff.report.page.classes import class_table
from bakeoff.report.page.comparisons import comparisons
from bakeoff.report.page.confusions import class_order, confusion_view
from bakeoff.report.page.embedding import Budget
from bakeoff.report.page.evidence import read_channels, read_heat_maps
from bakeoff.report.page.facts import commands, dataset_facts, provenance, weights_rows
from bakeoff.report.page.learning import learning_views
from bakeoff.report.page.speed import speed_views
from bakeoff.report.page.tradeoff import mlflow_filter, tradeoff_views
from bakeoff.report.page.wording import Wording, report_words

PICTURE_BYTES = 5_000_000
"""Pictures in base64 take a third more: the page stays under 8 MB."""
_LANGUAGES = get_args(LanguageCode)


@dataclass(frozen=True)
class Findings:
    """What a comparison found: every record, a line per candidate in rank order, and the choice."""

    records: Sequence[Record]
    summaries: Sequence[Summary]
    choice: dict[str, Any]


def write_report(
    findings: Findings, path: Path, *, audit_file: Path | None, language: LanguageCode | None = None
) -> None:
    """Write the report page.

    Args:
        findings: records, summaries and choice of one comparison.
        path: the HTML file.
        audit_file: data/audit/audit.json; None or missing leaves its counts out.
        language: of the page; None takes the choice's, whose sentences are in it already.
    """
    words = report_words(language or findings.choice.get("language") or _LANGUAGES[0])
    page = _Page.of(findings, audit_file, words)
    sections = {name: _render(name, page, path) for name in _SECTIONS}
    shown = [name for name, text in sections.items() if text.strip()]
    template = _environment(words.language).get_template("template.html")
    path.write_text(template.render(page.context, sections=sections.values(), shown=shown), encoding="utf-8")


@dataclass(frozen=True)
class _Page:
    """What several sections share."""

    findings: Findings
    words: Words
    dataset: dict[str, Any]
    leading: list[str]
    """Best, best for commercial use and the baseline."""
    shown: list[Record]
    """The first record with a result of each candidate, the leading ones first."""
    ranked: list[Record]
    """The same in rank order."""
    budget: Budget

    @classmethod
    def of(cls, findings: Findings, audit_file: Path | None, words: Words) -> _Page:
        leading, names = leading_names(findings), [item.candidate for item in findings.summaries]
        return cls(
            findings,
            words,
            dataset_facts(findings.records, audit_file),
            leading,
            _first_records(findings, [*leading, *names]),
            _first_records(findings, names),
            Budget(PICTURE_BYTES),
        )

    @property
    def choice(self) -> dict[str, Any]:
        """The choice as found; the templates get it with spaces that do not break."""
        return self.findings.choice

    @cached_property
    def context(self) -> dict[str, Any]:
        """What every section shows."""
        choice = _unbroken({**_OPTIONAL, **self.choice}, self.words.language)
        return {"choice": choice, "summaries": self.findings.summaries, "dataset": self.dataset}


def _render(name: str, page: _Page, path: Path) -> Markup:
    """Return a section's HTML, empty where it has nothing to show; a sentence where it fails."""
    environment = _environment(page.words.language)
    with surviving(f"section {name} of {path.name}", path.parent):
        own = _SECTIONS[name](page)
        return Markup(environment.get_template(f"sections/{name}.html").render(page.context, **own))
    return Markup(environment.get_template("failed.html").render(name=name))


@cache
def _environment(language: LanguageCode) -> Environment:
    environment = Environment(
        loader=PackageLoader("bakeoff.report.page", "."),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = report_words(language)
    wording = Wording(words)
    environment.filters |= wording.filters()
    environment.globals |= {
        "t": words,
        "tn": words.count,
        "join": words.join,
        "known": wording.known,
        "mlflow_filter": mlflow_filter,
        "language": words.language,
    }
    return environment


_OPTIONAL: dict[str, Any] = {
    **dict.fromkeys(("rule", "stability", "groups_sentence", "matrix"), None),
    **dict.fromkeys(("scenarios", "apart", "references", "indistinguishable", "notes", "opening"), ()),
    "seeds": {},
}
"""What the choice of an older version does not have."""


def _answers(choice: dict[str, Any], words: Words) -> list[dict[str, Any]]:
    best, commercial = choice["best"], choice["best_commercial"]
    if best and commercial and best["candidate"] == commercial["candidate"]:
        reason = f"{choice['best_reason']} {choice['best_commercial_reason']}"
        return [{"title": words("answer.both"), "candidate": best, "reason": reason}]
    answers = [{"title": words("answer.best"), "candidate": best, "reason": choice["best_reason"]}]
    if best:
        reason = choice["best_commercial_reason"]
        answers.append({"title": words("answer.commercial"), "candidate": commercial, "reason": reason})
    return answers


def _unbroken(value: Any, language: LanguageCode) -> Any:
    """Return the choice with spaces that do not break before a percent sign, in French before a colon too."""
    if isinstance(value, str):
        return unbroken(value, language)
    if isinstance(value, dict):
        return {key: _unbroken(each, language) for key, each in value.items()}
    return [_unbroken(each, language) for each in value] if isinstance(value, list) else value


def leading_names(findings: Findings) -> list[str]:
    """Return best, best for commercial use and the baseline, each once; where none was chosen, the highest ranked."""
    chosen = [findings.choice[key]["candidate"] for key in ("best", "best_commercial") if findings.choice[key]]
    names = chosen or [findings.summaries[0].candidate]
    present = {item.candidate for item in findings.summaries}
    return list(dict.fromkeys([*names, *([BASELINE] if BASELINE in present else [])]))


def _first_records(findings: Findings, names: Sequence[str]) -> list[Record]:
    """Return the first record with a result of each named candidate, each once, in the names' order."""
    first: dict[str, Record] = {}
    for record in findings.records:
        if record.ok:
            first.setdefault(record.candidate.name, record)
    return [first[name] for name in dict.fromkeys(names)]


def _keys(records: Sequence[Record]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in records:
        if record.ok and record.training.get("key"):
            found.setdefault(record.candidate.name, []).append(str(record.training["key"]))
    return found


def _leaderboard(page: _Page) -> dict[str, Any]:
    records = page.findings.records
    return {"board": board(records, page.findings.summaries, page.choice), "provenance": provenance(records)}


def _heat_maps(page: _Page) -> dict[str, Any]:
    found = [item for record in page.shown for item in read_heat_maps(record, page.budget)]
    return {
        "heat_maps_top": [item for item in found if item["candidate"] in page.leading],
        "heat_maps_rest": [item for item in found if item["candidate"] not in page.leading],
        "n_pictures_left_out": page.budget.n_left_out,
    }


def _confusions(page: _Page) -> dict[str, Any]:
    records = page.shown[: len(page.leading)]
    views = [confusion_view(record, page.budget, photos=place < 2) for place, record in enumerate(records)]
    return {"confusions": [view for view in views if view]}


def _checklist(page: _Page) -> dict[str, Any]:
    dataset = page.dataset
    runs_dir = page.choice["inputs"]["runs_dir"]
    evidence = Evidence(page.findings.records, dataset["audit"], dataset["splits"], runs_dir)
    return {"checks": checklist_rows(evidence, page.words)}


def _tradeoff(page: _Page) -> dict[str, Any]:
    keys = _keys(page.findings.records)
    return {"views": tradeoff_views(page.findings.summaries, page.choice, Wording(page.words), keys=keys)}


def _reproduce(page: _Page) -> dict[str, Any]:
    records = page.findings.records
    return {"provenance": provenance(records), "commands": commands(records, page.choice["inputs"]["choices"])}


_SECTIONS: dict[str, Callable[[_Page], dict[str, Any]]] = {
    "answer": lambda page: {"answers": _unbroken(_answers(page.choice, page.words), page.words.language)},
    "leaderboard": _leaderboard,
    "tradeoff": _tradeoff,
    "comparisons": lambda page: {"paired": comparisons(page.choice, page.findings.summaries)},
    "matrix": lambda page: {},
    "classes": lambda page: {"classes": class_table(page.ranked, class_order(page.shown[0], page.dataset["labels"]))},
    "confusions": _confusions,
    "calibration": lambda page: {"calibration": calibration_views(page.ranked, page.leading)},
    "learning": lambda page: {"learning": learning_views(page.ranked)},
    "speed": lambda page: {"speed": speed_views(page.ranked)},
    "heat_maps": _heat_maps,
    "colour": lambda page: {"channels": [found for record in page.shown if (found := read_channels(record))]},
    "licences": lambda page: {"weights": weights_rows(page.findings.records)},
    "data": lambda page: {},
    "checklist": _checklist,
    "reproduce": _reproduce,
    "not_chosen": lambda page: {},
}
"""What each section shows beside the choice, the summaries and the data set; sections/<name>.html shows it."""
