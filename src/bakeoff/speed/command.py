"""`bakeoff throughput`: a session held under the machine's lock, its file and its table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bakeoff.records.files import write_record
from bakeoff.speed.rounds import SessionResult, hold_session, session_file, trained_candidates
from bakeoff.speed.sharing import machine_lock
from bakeoff.study.params import load_params

SESSION_FILE = "measurements/throughput.json"


def run_session(root: Path, *, n_rounds: int, candidates: list[str] | None) -> int:
    """Hold a session, write its file, print its table, and return 1 where a candidate failed, else 0.

    Raises:
        EvaluationError: nothing is trained, an unknown candidate, or nothing could be measured.
    """
    chosen = trained_candidates(root, load_params(root / "params.yaml"), candidates)
    started_at = datetime.now(UTC)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        waiting = progress.add_task("waiting for another measurement", total=None, visible=False)
        with machine_lock(lambda: progress.update(waiting, visible=True)):
            progress.remove_task(waiting)
            result = hold_session(root, chosen, n_rounds=n_rounds, progress=progress)
    write_record(root / SESSION_FILE, session_file(result, n_rounds=n_rounds, started_at=started_at))
    print_session(result)
    return 1 if result.failed else 0


def print_session(result: SessionResult) -> None:
    """Print one row per architecture, fastest first, then who failed."""
    title = "Throughput: medians over the rounds, in brackets the lowest and the highest"
    table = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("candidates", overflow="fold", min_width=20)
    for column in ("images/s", "batch", "latency ms", "p99 ms", "end to\nend /s"):
        table.add_column(column, justify="right", overflow="fold")
    ranked = sorted(result.records.items(), key=lambda item: -item[1]["images_per_s"])
    for key, record in ranked:
        table.add_row("\n".join(result.candidates[key]), *_cells(record))
    console = Console()
    console.print(table)
    for name, problem in sorted(result.failed.items()):
        console.print(f"failed: {name}: {problem}", markup=False, soft_wrap=True)
    noisy = [record["measured_on"] for _, record in ranked if record["noisy"]]
    if noisy:
        console.print(
            f"The machine was restless while measuring {', '.join(noisy)} (see docs/throughput.md); "
            "measure again when it is quiet.",
            soft_wrap=True,
        )


def _cells(record: dict[str, Any]) -> list[str]:
    return [
        _with_range(record, "images_per_s"),
        str(record["batch_size"]),
        _with_range(record, "latency_ms_p50"),
        f"{record['latency_ms_p99']:.1f}",
        f"{record['end_to_end']['images_per_s']:.1f}",
    ]


def _with_range(record: dict[str, Any], name: str) -> str:
    return f"{record[name]:.1f}\n({record[f'{name}_low']:.1f}–{record[f'{name}_high']:.1f})"
