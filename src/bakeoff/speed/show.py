"""The table that a session ends with."""

from rich import box
from rich.table import Table

from bakeoff.core.progress import screen
from bakeoff.records.speed import NetworkSpeed, ThroughputRecord


def print_session(record: ThroughputRecord) -> None:
    """Print one row per network, fastest first, then what failed."""
    title = "Throughput: median of all calls, in brackets the slowest and the fastest round"
    table = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("network", overflow="fold", min_width=16)
    for column in ("images/s", "batch", "latency ms", "p99 ms", "end to\nend /s"):
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
        console.print(
            f"The machine was noisy while measuring {', '.join(noisy)} (see docs/throughput.md); measure again when it "
            "is quiet: `bakeoff throughput`.",
            soft_wrap=True,
        )


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
