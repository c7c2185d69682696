"""How the aggregate reads in a terminal and as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

from bakeoff.language.phrases import Words

_COLUMNS = ("mean", "sd", "error", "interval", "best", "rank", "behind")
_NARROW = ("mean", "interval", "best", "behind")
_WIDE_CHARS, _NAME_CHARS = 120, 32
_ALPHA = 0.05


def study_table(study: Mapping[str, Any], words: Words, *, width: int = _WIDE_CHARS) -> Table:
    """Return one row per candidate, the highest mean first; a narrow terminal gets fewer columns."""
    names = [row["candidate"] for row in study["candidates"]]
    columns = _COLUMNS if width >= _WIDE_CHARS else _NARROW
    title = words("aggregate.title", dataset=study["dataset"], profile=study["profile"], n=study["n_splits"])
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    table.add_column(
        words("aggregate.column.candidate"), overflow="fold", min_width=min(_NAME_CHARS, max(map(len, names)))
    )
    for name in columns:
        table.add_column(words(f"aggregate.column.{name}"), justify="right", no_wrap=name == "interval")
    for row in study["candidates"]:
        cells = dict(zip(_COLUMNS, _cells(row, study["n_splits"], words), strict=True))
        table.add_row(row["candidate"], *(cells[name] for name in columns))
    return table


def study_sentence(study: Mapping[str, Any], words: Words) -> str:
    """Return who leads, in how many splits, and whether that is more than chance."""
    ranked = [row for row in study["candidates"] if row["mean_rank"] is not None]
    if not ranked:
        return words("aggregate.sentence.none")
    best, n = ranked[0], study["n_splits"]
    values = {"best": best["candidate"], "n": n} | {key: best[key] for key in ("mean", "low", "high", "n_best")}
    if len(ranked) == 1:
        return words("aggregate.sentence.alone", **values)
    second, behind = ranked[1]["candidate"], ranked[1]["behind_best"]
    verdict = words(f"aggregate.verdict.{'lead' if behind['p_value'] < _ALPHA else 'undecided'}")
    points = {"points": behind["points"], "points_low": behind["low"], "points_high": behind["high"]}
    return words("aggregate.sentence.lead", **values, **points, second=second, p=behind["p_value"], verdict=verdict)


def _cells(row: Mapping[str, Any], n_splits: int, words: Words) -> list[str]:
    cells = [words.number(row["mean"], ".3f")]
    cells += ["" if row[key] is None else words.number(row[key], ".3f") for key in ("sd", "standard_error")]
    low, high = row["low"], row["high"]
    cells.append("" if low is None else f"{words.number(low, '.3f')}–{words.number(high, '.3f')}")
    if row["mean_rank"] is None:
        return [*cells, _why_apart(row, n_splits, words), "", ""]
    cells.append(words("aggregate.best_in", n_best=row["n_best"], n=n_splits))
    cells.append(words.number(row["mean_rank"], ".1f"))
    behind = row["behind_best"]
    return [*cells, f"{words.number(behind['points'])} ({words.number(behind['p_value'], '.3f')})" if behind else ""]


def _why_apart(row: Mapping[str, Any], n_splits: int, words: Words) -> str:
    """Return why a candidate has no rank: its doubts, with their splits where these are not all, and missing splits."""
    reasons = [
        words(f"aggregate.{why}")
        if n == n_splits
        else words("aggregate.partly", why=words(f"aggregate.{why}"), n_apart=n, n=n_splits)
        for why, n in (row["apart"] or {}).items()
    ]
    if row["n_splits"] < n_splits:
        reasons.append(words("aggregate.apart", n=row["n_splits"]))
    return ", ".join(reasons)
