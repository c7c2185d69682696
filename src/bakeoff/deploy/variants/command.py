"""`bakeoff variants`: a trained candidate's variants, their file and their table."""

import tempfile
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from rich import box
from rich.progress import Progress
from rich.table import Table

from bakeoff.core.errors import EvaluationError
from bakeoff.core.files import write_json
from bakeoff.core.locks import measuring_lock, waiting_lock
from bakeoff.core.machine import ComputeParams
from bakeoff.core.progress import screen
from bakeoff.core.section import load_section
from bakeoff.core.seeding import default_threads
from bakeoff.data.table import load_catalogue
from bakeoff.deploy.prediction.candidates import TrainedCandidate, find_candidate
from bakeoff.deploy.variants.build import BUILDERS, Plain
from bakeoff.deploy.variants.compare import Task, compare_variants
from bakeoff.predictors.torch_predictor import load_torch_predictor
from bakeoff.records.candidate import Candidate
from bakeoff.records.speed import ThroughputRecord
from bakeoff.speed.params import ThroughputParams
from bakeoff.training.device import resolve_device

VARIANTS_FILE = "measurements/variants.json"
_CELLS = {
    "images/s\n× plain": "{images_per_s:.1f}\n× {speedup:.2f}",
    "latency ms\n× plain": "{latency_ms_p50:.1f}\n× {latency_speedup:.2f}",
    "MiB": "{size_mib:.1f}",
    "to make\ns": "{setup_s:.1f}",
    "accuracy": "{accuracy:.3f}",
    "points lost\n95 %": (
        "{accuracy_lost_points:.1f}\n({accuracy_lost_low_points:.1f} to {accuracy_lost_high_points:.1f})"
    ),
    "agrees": "{agreement:.3f}",
}
"""The table's columns and what a row shows in each."""


def run_variants(root: Path, candidate: str, *, seed: int | None = None, names: list[str] | None = None) -> None:
    """Measure a candidate's variants, write and print them; without `seed` of the one to deploy, without `names` all.

    An EvaluationError for an unknown candidate or variant, the TensorFlow baseline, or a broken file of variants.
    """
    if Candidate(candidate).is_baseline:
        raise EvaluationError(
            "baseline_tf has no variants: TensorFlow runs it compiled (tf.function) in float32 and nothing else is "
            "built here; expected a trained PyTorch candidate such as mobilenetv2-finetune."
        )
    unknown = [name for name in names or [] if name not in BUILDERS]
    if unknown:
        raise EvaluationError(f"variant {', '.join(unknown)} is unknown; expected some of {', '.join(BUILDERS)}.")
    trained = find_candidate(root, candidate, seed=seed)
    _read(root / VARIANTS_FILE)  # what cannot be added to is better told before minutes of measuring
    chosen = [name for name in BUILDERS if name in names] if names else list(BUILDERS)
    with Progress() as progress, tempfile.TemporaryDirectory() as folder:
        bar = progress.add_task("loading", total=len(chosen) + 1)
        plain, task = _prepare(root, trained, Path(folder))
        with waiting_lock(measuring_lock(), what="the measuring of speed"):
            rows = compare_variants(
                plain, chosen, task, on_variant=lambda name: progress.update(bar, advance=1, description=name)
            )
            _write(root / VARIANTS_FILE, candidate, key=trained.training.key, n_test=len(task.label_ids), rows=rows)
        progress.update(bar, completed=len(chosen) + 1)
    _print(candidate, rows, task)


def _prepare(root: Path, trained: TrainedCandidate, folder: Path) -> tuple[Plain, Task]:
    params_file = root / "params.yaml"
    compute, wanted = load_section(params_file, ComputeParams), load_section(params_file, ThroughputParams)
    catalogue = load_catalogue(root / "data" / "catalogue", root / "data" / "splits" / "splits.parquet").by_product()
    predictor = load_torch_predictor(trained.folder / "training", device=compute.device)
    predictor.set_threads(wanted.threads or compute.threads or default_threads())
    rows = catalogue.rows("test")
    task = Task(
        photos=predictor.images(catalogue.at(rows)),
        label_ids=catalogue.label_ids(rows),
        probability_kind=predictor.probability_kind,
        batch_size=_batch_size(root, trained.name, wanted),
        budget_s=wanted.budget_s,
    )
    network: Any = predictor.module
    return Plain(network, predictor.image_size, resolve_device(compute.device), folder), task


def _batch_size(root: Path, candidate: str, params: ThroughputParams) -> int:
    """Return the batch size at which the network was fastest, else the middle of those that are tried."""
    record = ThroughputRecord.read_if_there(root / "measurements" / "throughput.json")
    speed = record.networks.get(Candidate(candidate).model) if record else None
    return speed.batch_size if speed else params.batch_sizes[len(params.batch_sizes) // 2]


def _write(path: Path, candidate: str, *, key: str, n_test: int, rows: list[dict[str, Any]]) -> None:
    """Put the rows into the file; rows of the same training that were not measured now stay."""
    held = _read(path)
    before, measured = held.get(candidate, {}), {row["variant"] for row in rows}
    same = before["variants"] if before.get("key") == key else []
    kept = [row for row in same if row["variant"] not in measured]
    order = ["plain", *BUILDERS]
    variants = sorted([*rows, *kept], key=lambda row: order.index(row["variant"]))
    write_json(path, {**held, candidate: {"key": key, "n_test": n_test, "variants": variants}})


def _read(path: Path) -> dict[str, Any]:
    """Return the rows of all candidates so far, {} where there is not a file."""
    try:
        return TypeAdapter(dict[str, dict[str, Any]]).validate_json(path.read_bytes()) if path.is_file() else {}
    except ValidationError:
        told = f"{path} is not a JSON object of `bakeoff variants`; delete it, or get it back from git."
        raise EvaluationError(told) from None


def _print(candidate: str, rows: list[dict[str, Any]], task: Task) -> None:
    title = f"Variants of {candidate}: {len(task.label_ids)} test photos, batch {task.batch_size}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("variant", no_wrap=True)
    for column in _CELLS:
        table.add_column(column, justify="right")
    for row in rows:
        cells = [cell.format(**row) for cell in _CELLS.values()] if row["status"] == "ok" else ["failed"]
        table.add_row(row["variant"], *cells)
    console = screen()
    console.print(table)
    for row in rows:
        if row["status"] == "failed":
            console.print(f"{row['variant']} failed: {row['problem']}", soft_wrap=True)
