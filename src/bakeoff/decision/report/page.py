"""reports/index.html: one file that needs nothing else, filled from template.html, its sections, styles and scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from bakeoff.decision.collect import Record
from bakeoff.decision.report.board import board
from bakeoff.decision.report.calibration import calibration_views
from bakeoff.decision.report.checklist import Evidence, checklist_rows
from bakeoff.decision.report.classes import class_table
from bakeoff.decision.report.comparisons import comparisons
from bakeoff.decision.report.confusions import class_order, confusion_view
from bakeoff.decision.report.embedding import Budget
from bakeoff.decision.report.evidence import read_channels, read_heat_maps
from bakeoff.decision.report.facts import commands, dataset_facts, provenance, weights_rows
from bakeoff.decision.report.learning import learning_views
from bakeoff.decision.report.speed import speed_views
from bakeoff.decision.report.tradeoff import mlflow_filter, tradeoff_views
from bakeoff.decision.report.wording import Wording, report_words
from bakeoff.decision.study import BASELINE
from bakeoff.decision.summary import Summary
from bakeoff.language.phrases import LanguageCode, Words, unbroken

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
        audit_file: data/catalogue/audit.json; None or missing leaves its counts out.
        language: of the page; None takes the choice's, whose sentences are in it already.
    """
    words = report_words(language or findings.choice.get("language") or _LANGUAGES[0])
    page = _environment(words).get_template("template.html").render(page_context(findings, audit_file, words))
    path.write_text(page, encoding="utf-8")


def _environment(words: Words) -> Environment:
    environment = Environment(
        loader=PackageLoader("bakeoff.decision.report", "."),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
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


def page_context(findings: Findings, audit_file: Path | None, words: Words) -> dict[str, Any]:
    """Return everything the template shows."""
    budget = Budget(PICTURE_BYTES)
    records, summaries, choice = findings.records, findings.summaries, findings.choice
    leading = leading_names(findings)
    shown = _first_records(findings, [*leading, *(item.candidate for item in summaries)])
    ranked = _first_records(findings, [item.candidate for item in summaries])
    confusions = [
        found
        for place, record in enumerate(shown[: len(leading)])
        if (found := confusion_view(record, budget, photos=place < 2))
    ]
    heat_maps = [found for record in shown for found in read_heat_maps(record, budget)]
    dataset = dataset_facts(records, audit_file)
    keys = _keys(records)
    evidence = Evidence(records, dataset["audit"], dataset["splits"], choice["inputs"]["runs_dir"])
    return {
        "choice": _unbroken({**_OPTIONAL, **choice}, words.language),
        "summaries": summaries,
        "answers": _unbroken(_answers(choice, words), words.language),
        "board": board(records, summaries, choice),
        "views": tradeoff_views(summaries, choice, Wording(words), keys=keys),
        "paired": comparisons(choice, summaries),
        "classes": class_table(ranked, class_order(shown[0], dataset["labels"])),
        "confusions": confusions,
        "calibration": calibration_views(ranked, leading),
        "learning": learning_views(ranked),
        "speed": speed_views(ranked),
        "heat_maps_top": [item for item in heat_maps if item["candidate"] in leading],
        "heat_maps_rest": [item for item in heat_maps if item["candidate"] not in leading],
        "n_pictures_left_out": budget.n_left_out,
        "channels": [found for record in shown if (found := read_channels(record))],
        "weights": weights_rows(records),
        "dataset": dataset,
        "checks": checklist_rows(evidence, words),
        "provenance": provenance(records),
        "commands": commands(records, choice["inputs"]["choices"]),
    }


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
            first.setdefault(record.slot.candidate, record)
    return [first[name] for name in dict.fromkeys(names)]


def _keys(records: Sequence[Record]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in records:
        if record.ok and record.training.get("key"):
            found.setdefault(record.slot.candidate, []).append(str(record.training["key"]))
    return found
