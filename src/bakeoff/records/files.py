"""The small JSON records of a candidate: reading training.json, writing results, and the keys that name them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bakeoff.core.errors import EvaluationError

_NEEDED = ("candidate", "model", "mode", "seed", "key")


def read_training(training_dir: Path) -> dict[str, Any]:
    """Return training.json: candidate, model, mode, seed, key, labels and what the training measured.

    Raises:
        EvaluationError: the file is missing, is not a JSON object, or lacks a name that every later record has.
    """
    path = Path(training_dir) / "training.json"
    if not path.is_file():
        raise EvaluationError(f"{path} is missing, so there is nothing to judge; run the training stage first.")
    try:
        training = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EvaluationError(f"{path} is not JSON ({error}); run the training stage again (`dvc repro -f`).") from None
    if not isinstance(training, dict):
        raise EvaluationError(f"{path} must hold a JSON object, got {type(training).__name__}; run the training again.")
    missing = [name for name in _NEEDED if name not in training]
    if missing:
        raise EvaluationError(f"{path} lacks {', '.join(missing)}; run the training stage again (`dvc repro -f`).")
    return training


def derived_key(training_key: str, *params: Mapping[str, Any]) -> str:
    """Return the key of a result made from a training: sha256 over its key and the params sections, 16 hex digits."""
    text = json.dumps([training_key, *(dict(section) for section in params)], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write `record` as readable JSON, whole or not at all; a NaN is refused by `json` (ValueError)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".tmp")
    partial.write_text(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, path)


def require_same_labels(labels: list[str], expected: list[str], *, given_by: str, expected_by: str) -> None:
    """Check that two label lists agree, order included.

    Raises:
        EvaluationError: they differ; the message tells the first difference.
    """
    if list(labels) == list(expected):
        return
    pairs = enumerate(zip(labels, expected, strict=False))
    first = next((i for i, (given, wanted) in pairs if given != wanted), min(len(labels), len(expected)))
    given = labels[first] if first < len(labels) else "nothing"
    wanted = expected[first] if first < len(expected) else "nothing"
    raise EvaluationError(
        f"the label sets differ: {given_by} has {len(labels)} labels, {expected_by} has {len(expected)}; "
        f"label {first} is {given!r} there and {wanted!r} here; train the candidate again on this catalogue."
    )
