"""How the aggregate looks: a table in a terminal, and a dot plot of each split's accuracy with mean and interval."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from bakeoff.core.translation import N_, Translator
from bakeoff.data.figures import Figure

_COLUMNS = {
    "mean": N_("mean"),
    "sd": N_("SD of splits"),
    "error": N_("SE, corrected"),
    "interval": N_("95% interval"),
    "best": N_("best in"),
    "rank": N_("mean rank"),
    "behind": N_("points behind (p)"),
}
_REASONS = {"random_weights": N_("random start"), "not_learned": N_("did not learn")}
_NARROW = ("mean", "interval", "best", "behind")
_WIDE_CHARS, _NAME_CHARS = 120, 32
_DOT, _LINE = "#0072B2", "#D55E00"  # Okabe and Ito's palette, distinguishable to colour-blind eyes
_ROW_INCHES = 0.42


def study_title(study: Mapping[str, Any], t: Translator) -> str:
    """Return which study it is, and over how many splits."""
    is_raw = study.get("repair", "none") == "none"
    return t.gettext(
        "{dataset}, profile {profile}: test accuracy over {n} splits",
        dataset=study["dataset"] if is_raw else t.gettext("{dataset}, repair {repair}", **study),
        profile=study["profile"],
        n=study["n_splits"],
    )


def study_table(study: Mapping[str, Any], t: Translator, *, width: int = _WIDE_CHARS) -> Table:
    """Return one row per candidate, the highest mean first; a narrow terminal gets fewer columns."""
    names = [row["candidate"] for row in study["candidates"]]
    columns = tuple(_COLUMNS) if width >= _WIDE_CHARS else _NARROW
    table = Table(title=study_title(study, t), box=box.SIMPLE, title_justify="left")
    table.add_column(t.gettext("candidate"), overflow="fold", min_width=min(_NAME_CHARS, max(map(len, names))))
    for name in columns:
        table.add_column(t.gettext(_COLUMNS[name]), justify="right", no_wrap=name == "interval")
    for row in study["candidates"]:
        cells = dict(zip(_COLUMNS, _cells(row, study["n_splits"], t), strict=True))
        table.add_row(row["candidate"], *(cells[name] for name in columns))
    return table


def _cells(row: Mapping[str, Any], n_splits: int, t: Translator) -> list[str]:
    cells = ["" if row[key] is None else t.number(row[key], ".3f") for key in ("mean", "sd", "standard_error")]
    low, high = row["low"], row["high"]
    cells.append("" if low is None else f"{t.number(low, '.3f')}–{t.number(high, '.3f')}")
    if row["mean_rank"] is None:
        return [*cells, _why_apart(row, n_splits, t), "", ""]
    cells += [t.gettext("{n_best} of {n}", n_best=row["n_best"], n=n_splits), t.number(row["mean_rank"], ".1f")]
    behind = row["behind_best"]
    return [*cells, f"{t.number(behind['points'])} ({t.number(behind['p_value'], '.3f')})" if behind else ""]


def _why_apart(row: Mapping[str, Any], n_splits: int, t: Translator) -> str:
    """Return why a candidate has no rank: reasons for exclusion, on how many splits, and missing splits."""
    reasons = [
        t.gettext(_REASONS[why])
        if n == n_splits
        else t.gettext("{why} ({n_apart} of {n})", why=t.gettext(_REASONS[why]), n_apart=n, n=n_splits)
        for why, n in (row["apart"] or {}).items()
    ]
    if row["n_splits"] < n_splits:
        reasons.append(t.ngettext("{n} split only", "{n} splits only", row["n_splits"]))
    return ", ".join(reasons)


def draw_splits(studies: Sequence[Mapping[str, Any]], path: Path, t: Translator) -> None:
    """Write one panel per study: candidates from top to bottom by mean, then those without a rank, hollow."""
    heights = [max(2, len(study["candidates"])) for study in studies]
    figure = Figure(figsize=(9, 1.1 * len(studies) + _ROW_INCHES * sum(heights)), dpi=130, layout="constrained")
    panels = figure.subplots(len(studies), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, study in zip(panels, studies, strict=True):
        _draw_study(axes, study)
        axes.xaxis.set_major_formatter(lambda value, _: t.number(value, ".3f"))
        axes.set_title(study_title(study, t), loc="left", fontsize=11)
    panels[-1].set_xlabel(t.gettext("test accuracy (dots: splits; line: mean and 95% interval, corrected)"))
    figure.savefig(path)


def _draw_study(axes: Any, study: Mapping[str, Any]) -> None:
    rows = study["candidates"]
    for position, row in enumerate(rows):
        offsets = [0.13 * ((index % 3) - 1) for index in range(len(row["values"]))]
        axes.scatter(row["values"], [position + shift for shift in offsets], s=22, color=_DOT, alpha=0.6, zorder=2)
        if row["low"] is not None:
            axes.plot([row["low"], row["high"]], [position, position], color=_LINE, linewidth=2, zorder=3)
        ranked = row["mean_rank"] is not None
        colours = {"color": _LINE, "edgecolor": "white"} if ranked else {"facecolor": "white", "edgecolor": _LINE}
        axes.scatter([row["mean"]], [position], marker="D", s=40, zorder=4, **colours)
    axes.set_yticks(range(len(rows)), [row["candidate"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="x", color="#dddddd", linewidth=0.8, zorder=0)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
