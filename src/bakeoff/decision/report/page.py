"""reports/index.html: one file that needs nothing else, filled from template.html, style.css and sort.js."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from bakeoff.decision.collect import Record
from bakeoff.decision.report.embedding import Budget, as_data_uri
from bakeoff.decision.report.evidence import read_channels, read_confusion, read_heat_maps
from bakeoff.decision.report.facts import commands, dataset_facts, provenance, weights_rows
from bakeoff.decision.scatter import DARK, LIGHT, Theme, draw_pareto
from bakeoff.decision.study import BASELINE
from bakeoff.decision.summary import Summary

PICTURE_BYTES = 5_000_000
"""Pictures in base64 take a third more: the page stays under 8 MB."""
_CONFUSION_PX = 1100


@dataclass(frozen=True)
class Findings:
    """What a comparison found: every record, a line per candidate in rank order, and the choice."""

    records: Sequence[Record]
    summaries: Sequence[Summary]
    choice: dict[str, Any]


def write_report(findings: Findings, path: Path, *, audit_file: Path | None) -> None:
    """Write the report page.

    Args:
        findings: records, summaries and choice of one comparison.
        path: the HTML file.
        audit_file: data/catalogue/audit.json; None or missing leaves its counts out.
    """
    environment = Environment(
        loader=PackageLoader("bakeoff.decision.report", "."),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"num": format_number, "pct": format_pct, "breakable": breakable}
    page = environment.get_template("template.html").render(page_context(findings, audit_file))
    path.write_text(page, encoding="utf-8")


def page_context(findings: Findings, audit_file: Path | None) -> dict[str, Any]:
    """Return everything the template shows."""
    budget = Budget(PICTURE_BYTES)
    choice, shown = findings.choice, _evidence_records(findings)
    top = {record.slot.candidate for record in shown[: len(_leading_names(findings))]}
    confusions = [found for record in shown if record.slot.candidate in top and (found := _confusion(record, budget))]
    heat_maps = [found for record in shown for found in read_heat_maps(record, budget)]
    allow_random = bool(choice["limits"]["allow_random_weights"])
    return {
        "choice": choice,
        "summaries": findings.summaries,
        "answers": _answers(choice),
        "scale_pct": interval_scale(findings.summaries),
        "figure_light": _figure(findings.summaries, LIGHT, allow_random=allow_random),
        "figure_dark": _figure(findings.summaries, DARK, allow_random=allow_random),
        "confusions": confusions,
        "heat_maps_top": [item for item in heat_maps if item["candidate"] in top],
        "heat_maps_rest": [item for item in heat_maps if item["candidate"] not in top],
        "n_heat_maps_left_out": budget.n_left_out,
        "channels": [found for record in shown if (found := read_channels(record))],
        "weights": weights_rows(findings.records),
        "dataset": dataset_facts(findings.records, audit_file),
        "provenance": provenance(findings.records),
        "commands": commands(findings.records, choice["inputs"]["choices"]),
    }


def format_number(value: Any, digits: int = 1) -> str:
    """Return `1,234.5`, or an en dash where the value is unknown."""
    if value is None or value != value:  # noqa: PLR0124 - NaN is the one value that differs from itself
        return "–"
    return f"{value:,.{digits}f}"


def format_pct(value: float, digits: int = 1) -> str:
    """Return a share as `90.5 %`."""
    return f"{format_number(100 * value, digits)} %"


def breakable(name: str) -> Markup:
    """Return a candidate's name that a narrow column may break after a hyphen, an underscore or a dot."""
    return Markup(re.sub(r"([-_.])", r"\1<wbr>", str(escape(name))))


def interval_scale(summaries: Sequence[Summary]) -> Callable[[float], float]:
    """Return where an accuracy lies between the lowest and the highest interval end, in percent."""
    low = min(item.accuracy_low for item in summaries)
    span = max(item.accuracy_high for item in summaries) - low or 1.0
    return lambda accuracy: round(100 * (accuracy - low) / span, 1)


def _answers(choice: dict[str, Any]) -> list[dict[str, Any]]:
    best, commercial = choice["best"], choice["best_commercial"]
    if best and commercial and best["candidate"] == commercial["candidate"]:
        reason = f"{choice['best_reason']} {choice['best_commercial_reason']}"
        return [{"title": "Best, also for commercial use", "candidate": best, "reason": reason}]
    answers = [{"title": "Best", "candidate": best, "reason": choice["best_reason"]}]
    if best:
        reason = choice["best_commercial_reason"]
        answers.append({"title": "Best for commercial use", "candidate": commercial, "reason": reason})
    return answers


def _leading_names(findings: Findings) -> list[str]:
    """Return best, best for commercial use and the baseline, each once; where none was chosen, the highest ranked."""
    chosen = [findings.choice[key]["candidate"] for key in ("best", "best_commercial") if findings.choice[key]]
    names = chosen or [findings.summaries[0].candidate]
    present = {item.candidate for item in findings.summaries}
    return list(dict.fromkeys([*names, *([BASELINE] if BASELINE in present else [])]))


def _evidence_records(findings: Findings) -> list[Record]:
    """Return each candidate's first record that has a result: the leading ones, then the others in rank order."""
    first: dict[str, Record] = {}
    for record in findings.records:
        if record.ok:
            first.setdefault(record.slot.candidate, record)
    names = dict.fromkeys([*_leading_names(findings), *(item.candidate for item in findings.summaries)])
    return [first[name] for name in names]


def _confusion(record: Record, budget: Budget) -> dict[str, Any] | None:
    """Return a confusion matrix as cells, or as a picture where there are too many classes for a table."""
    found = read_confusion(record)
    picture = record.folder / "evaluation" / "figures" / "confusion.png"
    if found is None or found["as_table"] or not picture.is_file():
        return found
    return found | {"picture": budget.embed(picture, max_px=_CONFUSION_PX)}


def _figure(summaries: Sequence[Summary], theme: Theme, *, allow_random: bool) -> str:
    buffer = io.BytesIO()
    draw_pareto(summaries, buffer, theme=theme, allow_random=allow_random)
    return as_data_uri(buffer.getvalue(), "png")
