"""The whole of `bakeoff aggregate`: read, put together, write, print."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from bakeoff.aggregation.results import from_experiments, from_folder
from bakeoff.aggregation.studies import aggregate_study, group_results
from bakeoff.aggregation.views import draw_splits, study_table
from bakeoff.core.errors import EvaluationError
from bakeoff.core.failures import drawing
from bakeoff.core.files import write_json
from bakeoff.core.paths import state_dir
from bakeoff.core.progress import screen
from bakeoff.core.section import LanguageCode
from bakeoff.core.translation import Translator
from bakeoff.report.render import environment

_WORDS = Path(__file__).with_name("aggregate.txt")
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
    several = [group for group in groups if len(group.splits) > 1]
    words: Any = environment(language, html=False).from_string(_WORDS.read_text(encoding="utf-8")).module
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
