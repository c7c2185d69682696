"""The whole comparison: collect, rank, choose, draw, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bakeoff.decision.choice import choose
from bakeoff.decision.collect import Record, collect
from bakeoff.decision.leaderboard import build_leaderboard, timing_notes, usual_device, write_leaderboard
from bakeoff.decision.metrics_file import flat_metrics
from bakeoff.decision.scatter import draw_pareto
from bakeoff.decision.study import Study
from bakeoff.decision.summary import summarise
from bakeoff.evaluation.records import write_record
from bakeoff.params import CompareParams
from bakeoff.pruning import prune_runs

REPORTS = ("leaderboard.csv", "choice.json", "metrics.json", "pareto.png", "index.html")


def compare(
    runs_dir: Path,
    out_dir: Path,
    *,
    study: Study,
    limits: CompareParams,
    partial: bool = False,
    audit_file: Path | None = None,
) -> dict[str, Any]:
    """Write leaderboard.csv, choice.json, metrics.json, pareto.png and index.html, and return the choice.

    Args:
        runs_dir: folder with <candidate>/seed_<seed>/{training,evaluation,interpretation}.
        out_dir: reports/.
        study: which candidates there should be.
        limits: section `compare`.
        partial: list missing candidates as failed instead of stopping.
        audit_file: data/catalogue/audit.json, for the report's data section; None or missing leaves the counts out.

    Raises:
        EvaluationError: a candidate has no usable result and `partial` is off, or none has one.
    """
    from bakeoff.decision.report.page import Findings, write_report

    # DVC may take the candidates stage, which prunes too, from its run cache without running it.
    prune_runs(runs_dir, candidates=[slot.candidate for slot in study.slots()], seeds=study.seeds)
    records = collect(runs_dir, study, partial=partial)
    table = build_leaderboard(records)
    summaries = summarise(table)
    choice = choose(summaries, limits, failed=_failures(records), notes=timing_notes(records))
    choice["inputs"] = _inputs(runs_dir, study, records, partial=partial)
    out_dir.mkdir(parents=True, exist_ok=True)
    for name in REPORTS:  # DVC may have hard-linked them to its cache: writing into one would change the cached copy
        (out_dir / name).unlink(missing_ok=True)
    write_leaderboard(table, out_dir / "leaderboard.csv")
    write_record(out_dir / "choice.json", choice)
    write_record(out_dir / "metrics.json", flat_metrics(choice, summaries))
    draw_pareto(summaries, out_dir / "pareto.png", allow_random=limits.allow_random_weights)
    write_report(Findings(records, summaries, choice), out_dir / "index.html", audit_file=audit_file)
    return choice


def _failures(records: Sequence[Record]) -> list[dict[str, Any]]:
    return [
        {"candidate": record.slot.candidate, "seed": record.slot.seed, "problem": record.problem}
        for record in records
        if not record.ok
    ]


def _inputs(runs_dir: Path, study: Study, records: Sequence[Record], *, partial: bool) -> dict[str, Any]:
    """Return what the choice was made from, keys included, so that every number can be traced."""
    return {
        "runs_dir": runs_dir.as_posix(),
        "models": list(study.models),
        "modes": list(study.modes),
        "seeds": list(study.seeds),
        "choices": None if study.choices is None else list(study.choices),
        "partial": partial,
        "device": usual_device(records),
        "keys": {record.slot.name: record.training.get("key") for record in records if record.ok},
    }
