"""The whole of `bakeoff aggregate`: read, put together, write, print."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from bakeoff.aggregation.figure import draw_splits
from bakeoff.aggregation.results import Result, from_experiments, from_folder
from bakeoff.aggregation.studies import StudySplits, aggregate_study, group_results
from bakeoff.aggregation.table import study_sentence, study_table
from bakeoff.core.errors import EvaluationError
from bakeoff.core.failures import drawing
from bakeoff.core.files import write_json
from bakeoff.core.paths import state_dir
from bakeoff.core.progress import screen
from bakeoff.core.section import LanguageCode
from bakeoff.core.translation import Translator

_CSV = ("n_splits", "mean", "sd", "standard_error", "low", "high", "n_best", "mean_rank")


def aggregate(
    root: Path,
    sources: Sequence[str],
    out_dir: Path,
    *,
    language: LanguageCode = "en",
    all_commits: bool = False,
    console: Console | None = None,
) -> dict[str, Any]:
    """Write aggregate.json, .csv and .png, print them as a table, and return the record.

    Args:
        root: the project, whose experiments DVC knows.
        sources: folders or names of experiments; empty = all experiments of this commit.
        out_dir: reports/.
        language: of table, sentences and figure.
        all_commits: also experiments of older commits.
        console: where to print; default stdout.

    Raises:
        EvaluationError: nothing to aggregate, one split alone, or sources that do not belong together.
    """
    t = Translator(language)
    results = read_results(root, sources, all_commits=all_commits)
    if not results:
        raise EvaluationError(
            "DVC knows no experiment of this commit with results; make some with `dvc exp run -S split.seed=1` and so "
            "on (`bakeoff aggregate --help`), look at older commits with --all-commits, or name folders."
        )
    groups = group_results(results, apart=not sources)
    several = [group for group in groups if len(group.splits) > 1]
    records = [aggregate_study(group) for group in several or groups]
    for record in records:
        record["sentence"] = study_sentence(record, t)
    single = [name for group in groups if group not in several for names in group.sources.values() for name in names]
    written = {"measure": "accuracy", "split": "test", "language": language, "interval": "nadeau_bengio_t_95"}
    written |= {"studies": records, "notes": _notes(several, single, t)}
    _write(out_dir, written, t)
    _print(console or screen(), written, out_dir, t)
    return written


def read_results(root: Path, sources: Sequence[str], *, all_commits: bool) -> list[Result]:
    """Return the results of the named folders and experiments, or of all experiments where none is named."""
    folders = [source for source in sources if Path(source).is_dir()]
    names = [source for source in sources if source not in folders]
    results = [from_folder(Path(folder).resolve()) for folder in folders]
    if names or not sources:
        results += from_experiments(root, names, all_commits=all_commits)
    return results


def _notes(studies: Sequence[StudySplits], single: Sequence[str], t: Translator) -> list[str]:
    notes = [
        t.gettext(
            "Training sets of different splits overlap, so the plain standard error is too small: it is "
            "corrected after Nadeau and Bengio (2003), with {ratio:.3f} test products per training product. "
            "Intervals and p-values are not adjusted for the number of candidates.",
            ratio=ratio,
        )
        for ratio in dict.fromkeys(one.test_to_train for one in studies)
    ]
    n_replaced = sum(study.n_replaced for study in studies)
    if n_replaced:
        notes.append(
            t.ngettext(
                "{n} older result of a split that was run again does not count.",
                "{n} older results of splits that were run again do not count.",
                n_replaced,
            )
        )
    apart = sorted({name for study in studies for name in study.apart})
    if apart:
        notes.append(
            t.gettext(
                "Excluded from the ranking, because their results say nothing about their backbones (random weights, "
                "or nothing learned): {names}.",
                names=t.join(apart),
            )
        )
    if single:
        notes.append(
            t.gettext(
                "Left out, a single split each of another data set, profile or training: {names}.", names=t.join(single)
            )
        )
    return notes


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
