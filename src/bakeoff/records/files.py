"""The keys that name results made from a training, and the labels that must agree."""

import hashlib
import json
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from bakeoff.core.errors import EvaluationError


def derived_key(training_key: str, *params: Mapping[str, Any]) -> str:
    """Return the key of a result made from a training: sha256 over its key and the params sections, 16 hex digits."""
    text = json.dumps([training_key, *(dict(section) for section in params)], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def require_same_labels(labels: list[str], expected: list[str], *, given_by: str, expected_by: str) -> None:
    """Check that two label lists agree, order included; an EvaluationError tells the first difference."""
    if list(labels) == list(expected):
        return
    pairs = enumerate(zip_longest(labels, expected))
    first, differing = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
    given, wanted = (label or "nothing" for label in differing)
    raise EvaluationError(
        f"the label sets differ: {given_by} has {len(labels)} labels, {expected_by} has {len(expected)}; "
        f"label {first} is {given!r} there and {wanted!r} here; train the candidate again on this catalogue."
    )
