"""The pre-production checklist: each line's state follows from the records, with the file that proves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from bakeoff.decision.collect import Record, value_at
from bakeoff.language.phrases import Words
from bakeoff.report.page.wording import is_known

State = Literal["proved", "not_proved", "not_applicable"]
_UNREADABLE = ("corrupt", "unreadable", "not_an_image", "truncated", "empty_file", "missing_file", "too_large")
_MAX_NAMES = 5
_UNEVEN_FROM = 1.5
"""Largest class over smallest: below this, weights would change next to nothing."""


class Line(NamedTuple):
    """One line: a phrase `check.<name>.<why>` with its values, the state, and the files that prove it."""

    name: str
    state: State
    why: str
    values: dict[str, Any]
    proof: str


@dataclass(frozen=True)
class Evidence:
    """What the lines are computed from."""

    records: Sequence[Record]
    audit: Mapping[str, Any]
    splits: Mapping[str, int]
    runs_dir: str

    @property
    def done(self) -> list[Record]:
        """The records that have a result."""
        return [record for record in self.records if record.ok]

    def proof(self, relative: str) -> str:
        """Return the pattern of a file that every training has."""
        return f"{self.runs_dir}/*/seed_*/{relative}"


def checklist(evidence: Evidence) -> list[Line]:
    """Return the eight lines of the checklist."""
    return [check(evidence) for check in _CHECKS]


def _images(evidence: Evidence) -> Line:
    audit, proof = evidence.audit, "data/audit/audit.json, data/catalogue/rejected.csv"
    n_read, n_kept, n_rejected = (audit.get(name) for name in ("n_read", "n_accepted", "n_rejected"))
    if n_read is None or n_kept is None or n_rejected is None:
        return Line("images", "not_proved", "missing", {}, "data/audit/audit.json")
    if n_kept + n_rejected != n_read:
        return Line("images", "not_proved", "lost", {"n": n_read - n_kept - n_rejected}, proof)
    n_bad = sum((audit.get("rejected") or {}).get(reason, 0) for reason in _UNREADABLE)
    return Line("images", "proved", "proved", {"read": n_read, "kept": n_kept, "bad": n_bad}, proof)


def _duplicates(evidence: Evidence) -> Line:
    n_groups, n_kept = evidence.audit.get("n_groups"), evidence.audit.get("n_accepted")
    if n_groups is None or n_kept is None:
        return Line("duplicates", "not_proved", "missing", {}, "data/audit/audit.json")
    rejected = evidence.audit.get("rejected") or {}
    n_dropped = sum(n for reason, n in rejected.items() if reason.startswith("duplicate"))
    values = {"dropped": n_dropped, "alike": n_kept - n_groups, "groups": n_groups}
    return Line("duplicates", "proved", "proved", values, "data/audit/audit.json, data/splits/splits.parquet")


def _distribution(evidence: Evidence) -> Line:
    per_class, proof = evidence.audit.get("per_class") or {}, "data/audit/audit.json, figures/class_counts.png"
    if not per_class or not evidence.splits:
        return Line("distribution", "not_proved", "missing", {}, "data/audit/audit.json")
    largest, smallest = max(per_class.values()), min(per_class.values())
    values = {"n": len(per_class), "largest": largest, "smallest": smallest, "ratio": largest / max(smallest, 1)}
    return Line("distribution", "proved", "proved", values, proof)


def _transforms(evidence: Evidence) -> Line:
    lacking = [record.candidate.name for record in evidence.done if not _shows_transforms(record)]
    proof = evidence.proof("training/figures/preview.png")
    values = {"n": len(evidence.done) - len(lacking), "all": len(evidence.done), "names": lacking}
    return Line("transforms", "not_proved" if lacking else "proved", "missing" if lacking else "proved", values, proof)


def _shows_transforms(record: Record) -> bool:
    return (record.folder / "training" / "figures" / "preview.png").is_file()


def _finite(evidence: Evidence) -> Line:
    broken = [r.candidate.name for r in evidence.done if not is_known(value_at(r.metrics, "splits.test.log_loss"))]
    proof = evidence.proof("evaluation/predictions.parquet")
    n = sum(n for n in evidence.splits.values())
    if broken:
        return Line("finite", "not_proved", "missing", {"names": broken}, evidence.proof("evaluation/metrics.json"))
    lacking = [r.candidate.name for r in evidence.done if not (r.folder / "training/predictions.parquet").is_file()]
    if lacking:
        return Line("finite", "not_proved", "missing", {"names": lacking}, proof)
    return Line("finite", "proved", "proved", {"n": n, "all": len(evidence.done)}, proof)


def _weights(evidence: Evidence) -> Line:
    per_class, proof = evidence.audit.get("per_class") or {}, evidence.proof("training/training.json")
    if not per_class:
        return Line("class_weights", "not_proved", "unknown", {}, "data/audit/audit.json")
    ratio = max(per_class.values()) / max(min(per_class.values()), 1)
    if ratio < _UNEVEN_FROM:
        return Line("class_weights", "not_applicable", "even", {"ratio": ratio}, "data/audit/audit.json")
    lacking = [record.candidate.name for record in evidence.done if not _is_weighted(record)]
    if lacking:
        return Line("class_weights", "not_proved", "missing", {"ratio": ratio, "names": lacking}, proof)
    return Line("class_weights", "proved", "proved", {"ratio": ratio}, proof)


def _is_weighted(record: Record) -> bool:
    """Return whether a training says that it weighted or resampled its classes."""
    names = ("class_weights", "balance", "sampler")
    found = [value_at(record.training, path) for name in names for path in (name, f"training.{name}")]
    return any(value not in (None, False, "none") for value in found)


def _seeds(evidence: Evidence) -> Line:
    seeds = sorted({record.training["seed"] for record in evidence.done if record.training.get("seed") is not None})
    lacking = [record.candidate.name for record in evidence.done if record.training.get("seed") is None]
    proof = f"params.yaml, {evidence.proof('training/training.json')}"
    if lacking:
        return Line("seeds", "not_proved", "missing", {"names": lacking}, proof)
    return Line("seeds", "proved", "one" if len(seeds) == 1 else "several", {"seeds": seeds}, proof)


def _versions(evidence: Evidence) -> Line:
    done, proof = evidence.done, evidence.proof("training/training.json")
    lacking = [r.candidate.name for r in done if not r.training.get("versions") or not r.training.get("git_commit")]
    if lacking:
        return Line("versions", "not_proved", "missing", {"names": lacking}, proof)
    commits = {record.training["git_commit"] for record in done}
    return Line("versions", "proved", "proved", {"n": len(commits)}, f"{proof}, requirements-*.txt")


_CHECKS: tuple[Callable[[Evidence], Line], ...] = (
    _images, _duplicates, _distribution, _transforms, _finite, _weights, _seeds, _versions,
)  # fmt: skip


def checklist_rows(evidence: Evidence, words: Words) -> list[dict[str, Any]]:
    """Return the lines with their sentences in the page's language."""
    rows = []
    for line in checklist(evidence):
        lists = {key: _listed(value, words) for key, value in line.values.items() if isinstance(value, list)}
        text = words(f"check.{line.name}.{line.why}", **line.values | lists)
        rows.append({"name": line.name, "state": line.state, "text": text, "proof": line.proof})
    return rows


def _listed(values: Sequence[Any], words: Words) -> str:
    shown = [str(value) for value in values[:_MAX_NAMES]]
    return words.join(
        [*shown, words("check.others", n=len(values) - len(shown))] if len(values) > len(shown) else shown
    )
