"""The report's plain facts: weights and licences, the data set, and what it takes to get the same numbers again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.decision.collect import Record, value_at
from bakeoff.decision.licences import commercial_use, is_pretrained, licence_of_code

_SPLITS = ("train", "validation", "test")


def weights_rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return one row per backbone: where its weights came from and under which licences code and weights stand."""
    rows: dict[str, dict[str, Any]] = {}
    for record in records:
        if record.ok and record.candidate.model not in rows:
            rows[record.candidate.model] = _weights_row(record)
    return list(rows.values())


def _weights_row(record: Record) -> dict[str, Any]:
    training, weights = record.training, record.training["weights"]
    return {
        "model": record.candidate.model,
        "architecture": value_at(training, "settings.architecture") or training.get("architecture"),
        "pretrained": is_pretrained(training),
        "source": weights["source"],
        "origin": weights.get("url_or_id") or weights.get("file"),
        "revision": weights.get("revision"),
        "sha256": weights.get("sha256"),
        "reason": weights.get("reason"),
        "licence_code": licence_of_code(training),
        "licence_weights": weights.get("licence"),
        "commercial": commercial_use(training),
    }


def dataset_facts(records: Sequence[Record], audit_file: Path | None) -> dict[str, Any]:
    """Return the catalogue's name, licence and source, products per split, and the audit's counts if there is one."""
    first = next(record for record in records if record.ok)
    splits = {name: value_at(first.metrics, f"splits.{name}.n") for name in _SPLITS}
    audit = read_audit(audit_file)
    labels = list(first.training.get("labels") or [])
    return {
        **dict.fromkeys(("name", "licence", "source_url", "digest")),
        **dict(first.training.get("dataset") or {}),
        "n_labels": len(labels),
        "labels": labels,
        "splits": {name: n for name, n in splits.items() if n is not None},
        "audit": {"rejected": {}} | audit,
        "classes": _class_rows(audit.get("per_class") or {}),
    }


def read_audit(path: Path | None) -> dict[str, Any]:
    """Return audit.json, empty where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path is not None and path.is_file() else {}


def _class_rows(per_class: Mapping[str, int]) -> list[dict[str, Any]]:
    largest = max(per_class.values(), default=1)
    return [{"label": label, "n": n, "share": n / largest} for label, n in per_class.items()]


def provenance(records: Sequence[Record]) -> dict[str, Any]:
    """Return commits, versions per framework, device, threads and the training schedules behind the numbers."""
    done = [record for record in records if record.ok]
    frameworks = {str(record.training.get("framework")): record.training.get("versions") or {} for record in done}
    return {
        "commits": sorted({str(commit) for record in done if (commit := record.training.get("git_commit"))}),
        "frameworks": dict(sorted(frameworks.items())),
        "threads": sorted({str(record.throughput.get("threads")) for record in done}),
        "batch_sizes": sorted({str(record.throughput.get("batch_size")) for record in done}),
        "schedules": schedules(done),
        "keys": [{"name": record.candidate.title, "key": record.training.get("key")} for record in done],
    }


def commands(records: Sequence[Record], choices: Sequence[str] | None) -> list[str]:
    """Return the shell lines that make the study again: its commit where there is but one, and the choices over conf/.

    Args:
        records: of every candidate.
        choices: what `-S` takes; None where params.yaml is no composition of conf/.
    """
    commits = provenance(records)["commits"]
    picked = "".join(f" -S {shlex.quote(choice)}" for choice in choices or ())
    return [
        *([f"git checkout {commits[0]}"] if len(commits) == 1 else []),
        "make setup",
        ".venv-torch/bin/bakeoff run" if choices is None else f".venv-torch/bin/dvc exp run{picked}",
        ".venv-torch/bin/bakeoff show   # prints this leaderboard",
    ]


def schedules(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return the distinct schedules, epochs to learning rate, with the candidates that follow each."""
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        training = record.training.get("training") or {}
        shown = {name: training.get(name) for name in ("epochs", "learning_rate", "max_steps", "batch_size")}
        shown["loss"] = record.training.get("loss")
        row = found.setdefault(json.dumps(shown, sort_keys=True), {**shown, "candidates": []})
        if record.candidate.name not in row["candidates"]:
            row["candidates"].append(record.candidate.name)
    return list(found.values())
