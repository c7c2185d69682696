"""The note's two tables: who takes part, and what each reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakeoff.decision.collect import value_at
from bakeoff.decision.comparisons import p_in_words
from bakeoff.language.phrases import Words
from bakeoff.report.note.note_blocks import Table
from bakeoff.report.note.note_facts import NoteFacts
from bakeoff.report.page.facts import weights_rows

MAX_ROWS = 16
"""More would not fit on two pages; the rest is in leaderboard.csv."""
_HASH_DIGITS = 8
_CANDIDATES = ("model", "architecture", "parameters", "weights", "licence", "commercial")
_RESULTS = ("candidate", "accuracy", "macro_f1", "ece", "latency", "rate", "size", "baseline")


def candidates_table(facts: NoteFacts, words: Words) -> Table:
    """Return one row per backbone: architecture, size, where its weights came from, licences."""
    sizes: dict[str, Any] = {}
    for record in facts.done:
        sizes.setdefault(record.candidate.model, record.training.get("n_parameters"))
    verdicts = {True: "yes", False: "no", None: "check"}
    rows = []
    for row in weights_rows(facts.done)[:MAX_ROWS]:
        millions = sizes[row["model"]]
        size = "–" if millions is None else words("note.million", millions=millions / 1e6)
        commercial = words(f"note.{verdicts[row['commercial']]}")
        named = [row["model"], str(row["architecture"] or "–"), size, _weights(row, words)]
        rows.append([*named, licence_text(row, words), commercial])
    return Table([words(f"note.column.{name}") for name in _CANDIDATES], rows, n_text=6)


def licence_text(row: Mapping[str, Any], words: Words) -> str:
    """Return `code; weights` of a row of `weights_rows`, one licence where both agree or no weights were published."""
    known = [str(row[key] or words("note.unknown")) for key in ("licence_code", "licence_weights")]
    return known[0] if not row["pretrained"] or known[0] == known[1] else words("note.semicolon").join(known)


def results_table(facts: NoteFacts, words: Words) -> Table:
    """Return one row per candidate in the leaderboard's order, with intervals and the test against the baseline."""
    against = {row["candidate"]: row for row in facts.choice.get("comparisons") or [] if row["role"] == "baseline"}
    rows = [_result(row, against.get(row["candidate"]), facts, words) for row in facts.rows[:MAX_ROWS]]
    apart = list(dict.fromkeys(row["candidate"] for row in facts.choice.get("apart") or []))
    caption = words("note.results.caption", apart=words.join(apart)) if apart else words("note.results.caption_none")
    if len(facts.rows) > MAX_ROWS:
        caption += " " + words("note.results.more", n=len(facts.rows) - MAX_ROWS)
    return Table([words(f"note.column.{name}") for name in _RESULTS], rows, caption=caption)


def _result(row: Mapping[str, Any], test: Mapping[str, Any] | None, facts: NoteFacts, words: Words) -> list[str]:
    record = facts.record(row["candidate"])
    ece = value_at(record.calibration, "test.after.ece_equal_width") if record else None
    return [
        row["candidate"],
        _ranged(row["accuracy"], row["accuracy_low"], row["accuracy_high"], words),
        _ranged(row["macro_f1"], row["macro_f1_low"], row["macro_f1_high"], words),
        _number(ece, ".3f", words),
        _number(row["latency_ms"], ".1f", words),
        _number(row["images_per_s"], ".1f", words),
        _number(row["size_mib"], ".0f", words),
        _against(test, words),
    ]


def _against(test: Mapping[str, Any] | None, words: Words) -> str:
    if test is None:
        return "–"
    points = [words.number(test[key], "+.1f") for key in ("difference_points", "low_points", "high_points")]
    return f"{points[0]} [{points[1]}; {points[2]}] ({p_in_words(test['p_holm'], words)})"


def _ranged(value: float | None, low: float | None, high: float | None, words: Words) -> str:
    text = _number(value, ".3f", words)
    return text if low is None or high is None else f"{text} [{words.number(low, '.3f')}; {words.number(high, '.3f')}]"


def _number(value: float | None, spec: str, words: Words) -> str:
    return "–" if value is None else words.number(value, spec)


def _weights(row: Mapping[str, Any], words: Words) -> str:
    if not row["pretrained"]:
        return words("note.random")
    origin = str(row["origin"] or row["source"])
    return f"{origin} ({row['sha256'][:_HASH_DIGITS]})" if row.get("sha256") else origin
