"""The study's networks measured: what the stage `throughput` and the command `bakeoff throughput` do."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from bakeoff.core.errors import EvaluationError
from bakeoff.core.progress import screen
from bakeoff.core.section import load_section
from bakeoff.records.candidate import BASELINE, Candidate
from bakeoff.records.speed import NetworkSpeed, ThroughputRecord
from bakeoff.speed.params import ThroughputParams
from bakeoff.speed.session import measure_networks


def measure_study(
    root: Path, out: Path, *, candidates: Sequence[str] = (), rounds: int | None = None, budget_s: float | None = None
) -> ThroughputRecord:
    """Measure the networks of a study, write and print measurements/throughput.json (`out`), and return the record.

    With `candidates` only their networks; the others' earlier records stay. `rounds` and `budget_s` take the place of
    the params'. An EvaluationError for an unknown candidate, or where nothing could be measured; an earlier file stays.
    """
    params = load_section(root / "params.yaml", ThroughputParams)
    changes = {"rounds": rounds, "budget_s": budget_s}
    params = params.model_copy(update={name: value for name, value in changes.items() if value is not None})
    known = study_networks(root)
    chosen = sorted({_network(name, known) for name in candidates}) if candidates else known
    earlier = ThroughputRecord.read_if_there(out) if candidates else None  # before minutes of measuring
    record = measure_networks(root, chosen, params)
    print_session(record)
    if earlier is not None:
        others = set(known) - set(chosen)
        kept = {name: speed for name, speed in earlier.networks.items() if name in others}
        failed = {name: problem for name, problem in earlier.failed.items() if name in others}
        record = record.model_copy(update={"networks": kept | record.networks, "failed": failed | record.failed})
    record.write(out)
    return record


def study_networks(root: Path) -> list[str]:
    """Return the study's networks, models and baseline; an EvaluationError where the stage `candidates` has not run."""
    folder = root / "data" / "candidates"
    models = sorted(path.name.removesuffix(".json") for path in folder.glob("*.json"))
    if not folder.is_dir():
        raise EvaluationError(f"{folder} is missing; run `dvc repro candidates`.")
    return [BASELINE, *models]


def _network(name: str, known: Sequence[str]) -> str:
    for network in (name, Candidate(name).model):
        if network in known:
            return network
    raise EvaluationError(f"{name!r} is not a candidate or network of the study; its networks: {', '.join(known)}.")


def print_session(record: ThroughputRecord) -> None:
    """Print one row per network, fastest first, then what failed."""
    title = "Throughput: median of all calls, in brackets the slowest and the fastest round"
    table = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("network", overflow="fold", min_width=16)
    for column in ("products/s", "batch", "latency ms", "p99 ms", "end to\nend /s"):
        table.add_column(column, justify="right", overflow="fold")
    ranked = sorted(record.networks.items(), key=lambda item: -item[1].images_per_s)
    for name, speed in ranked:
        table.add_row(name, *_cells(speed))
    console = screen()
    console.print(table)
    for name, problem in sorted(record.failed.items()):
        console.print(f"failed: {name}: {problem}", soft_wrap=True)
    noisy = [name for name, speed in ranked if speed.noisy]
    if noisy:
        told = f"The machine was noisy while measuring {', '.join(noisy)} (see docs/throughput.md); "
        console.print(f"{told}measure again when it is quiet: `bakeoff throughput`.", soft_wrap=True)


def _cells(speed: NetworkSpeed) -> list[str]:
    slow_end = (
        f"{speed.latency_ms_slowest:.1f}\n(slowest of {speed.n_latency})"
        if speed.latency_ms_p99 is None
        else f"{speed.latency_ms_p99:.1f}"
    )
    return [
        f"{speed.images_per_s:.1f}\n({speed.images_per_s_low:.1f}–{speed.images_per_s_high:.1f})",
        str(speed.batch_size),
        f"{speed.latency_ms_p50:.1f}\n({speed.latency_ms_p50_low:.1f}–{speed.latency_ms_p50_high:.1f})",
        slow_end,
        f"{speed.end_to_end.images_per_s:.1f}",
    ]
