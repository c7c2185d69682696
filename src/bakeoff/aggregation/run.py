"""The whole of `bakeoff aggregate`: read, put together, write, print a table, draw a dot plot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from bakeoff.aggregation.results import from_experiments, from_folder
from bakeoff.aggregation.studies import aggregate_study, group_results
from bakeoff.core.errors import EvaluationError
from bakeoff.core.failures import drawing
from bakeoff.core.files import write_json
from bakeoff.core.paths import state_dir
from bakeoff.core.progress import screen
from bakeoff.core.section import LanguageCode
from bakeoff.core.translation import Translator
from bakeoff.data.figures import Figure
from bakeoff.report.render import environment

_CSV = ("n_splits", "mean", "sd", "standard_error", "low", "high", "n_best", "mean_rank")
_NARROW = ("mean", "interval", "best", "behind")
_WIDE_CHARS, _NAME_CHARS = 120, 32
_DOT, _LINE = "#0072B2", "#D55E00"  # Okabe and Ito's palette, distinguishable to colour-blind eyes
_ROW_INCHES = 0.42


def aggregate(
    root: Path,
    sources: Sequence[str],
    out_dir: Path,
    *,
    language: LanguageCode = "en",
    all_commits: bool = False,
    console: Console | None = None,
) -> dict[str, Any]:
    """Write aggregate.json, .csv and .png into `out_dir`, print them as a table, and return the record.

    `sources` are folders and names of experiments; empty = all experiments of this commit, or of older ones too.

    Raises:
        EvaluationError: nothing to aggregate, one split alone, or sources that do not belong together.
    """
    t = Translator(language)
    folders = [source for source in sources if Path(source).is_dir()]
    results = [from_folder(Path(folder).resolve()) for folder in folders]
    names = [source for source in sources if source not in folders]
    if names or not sources:
        results += from_experiments(root, names, all_commits=all_commits)
    if not results:
        raise EvaluationError(
            "DVC knows no experiment of this commit with results; make some with `dvc exp run -S split.seed=1` and so "
            "on (`bakeoff aggregate --help`), look at older commits with --all-commits, or name folders."
        )
    groups = group_results(results, apart=not sources)
    several = [group for group in groups if len(group.sources) > 1]
    words = _words(language)
    records = [aggregate_study(group) for group in several or groups]
    single = [name for group in groups if group not in several for names in group.sources.values() for name in names]
    excluded = sorted({name for group in several for name in group.apart})
    written = {
        "measure": "accuracy",
        "split": "test",
        "language": language,
        "interval": "nadeau_bengio_t_95",
        "studies": [record | {"sentence": words.sentence(record).strip()} for record in records],
        "notes": words.notes(several, excluded, single).splitlines(),
    }
    _write(out_dir, written, t)
    _print(console or screen(), written, out_dir, t)
    return written


def _words(language: LanguageCode) -> Any:
    """Return what aggregate.txt says."""
    return environment(language, html=False).get_template("aggregation/aggregate.txt").module


def _write(out_dir: Path, record: dict[str, Any], t: Translator) -> None:
    write_json(out_dir / "aggregate.json", record)
    rows = [
        {name: study[name] for name in ("dataset", "profile", "repair")}
        | {"candidate": row["candidate"]}
        | {key: row[key] for key in _CSV}
        | {"apart": "; ".join(f"{why}: {n}" for why, n in (row["apart"] or {}).items())}
        | {f"behind_{key}": value for key, value in (row["behind_best"] or {}).items()}
        for study in record["studies"]
        for row in study["candidates"]
    ]
    pd.DataFrame(rows).to_csv(out_dir / "aggregate.csv", index=False)
    with drawing(out_dir / "aggregate.png", out_dir, kept=state_dir("failures") / "aggregate") as path:
        draw_splits(record["studies"], path, t)


def _print(screen: Console, record: dict[str, Any], out_dir: Path, t: Translator) -> None:
    for study in record["studies"]:
        screen.print(study_table(study, t, width=screen.width))
        screen.print(study["sentence"], highlight=False)
    for note in record["notes"]:
        screen.print(note, style="dim", highlight=False)
    files = ", ".join(str(out_dir / f"aggregate.{ending}") for ending in ("json", "csv", "png"))
    screen.print(t.gettext("Written: {files}", files=files), highlight=False, soft_wrap=True)


def study_table(study: Mapping[str, Any], t: Translator, *, width: int = _WIDE_CHARS) -> Table:
    """Return one row per candidate, the highest mean first; a narrow terminal gets fewer columns."""
    names = [row["candidate"] for row in study["candidates"]]
    words = _words(t.language)
    columns = tuple(words.columns) if width >= _WIDE_CHARS else _NARROW
    table = Table(title=words.title(study).strip(), box=box.SIMPLE, title_justify="left")
    table.add_column(t.gettext("candidate"), overflow="fold", min_width=min(_NAME_CHARS, max(map(len, names))))
    for name in columns:
        table.add_column(words.columns[name], justify="right", no_wrap=name == "interval")
    for row in study["candidates"]:
        cells = dict(zip(words.columns, words.cells(row, study["n_splits"]).splitlines(), strict=True))
        table.add_row(row["candidate"], *(cells[name] for name in columns))
    return table


def draw_splits(studies: Sequence[Mapping[str, Any]], path: Path, t: Translator) -> None:
    """Write one panel per study: candidates from top to bottom by mean, then those without a rank, hollow."""
    heights = [max(2, len(study["candidates"])) for study in studies]
    figure = Figure(figsize=(9, 1.1 * len(studies) + _ROW_INCHES * sum(heights)), dpi=130, layout="constrained")
    panels = figure.subplots(len(studies), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, study in zip(panels, studies, strict=True):
        _draw_study(axes, study)
        axes.xaxis.set_major_formatter(lambda value, _: t.number(value, ".3f"))
        axes.set_title(_words(t.language).title(study).strip(), loc="left", fontsize=11)
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
