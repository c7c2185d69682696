"""What may be done with a candidate: its licence in words, and whether commercial use is proven."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NON_COMMERCIAL = "NON-COMMERCIAL"
CHECK_LICENCE = "CHECK LICENCE"
RANDOM_START = "RANDOM START"
_KERAS = {"licence_code": "Apache-2.0", "commercial_use": True}
"""The baseline's network is Keras' own; its params section names no licence."""


def is_pretrained(training: Mapping[str, Any]) -> bool:
    """Return whether training.json's weights record names a source other than `random`."""
    return training["weights"]["source"] != "random"


def commercial_use(training: Mapping[str, Any]) -> bool | None:
    """Return whether code and weights together may be used commercially; None where nobody has said so.

    One "no" forbids; "yes" needs every part to say so. A random start has no published weights, so only the
    backbone's own entry counts.
    """
    verdicts: list[bool | None] = []
    backbone = _backbone(training)
    if "commercial_use" in backbone:
        verdicts.append(backbone["commercial_use"])
    if is_pretrained(training) or not verdicts:
        verdicts.append(training["weights"].get("commercial_use"))
    if False in verdicts:
        return False
    return True if all(verdict is True for verdict in verdicts) else None


def licence_of_code(training: Mapping[str, Any]) -> str | None:
    """Return the licence of the backbone's code, None where the record names none."""
    return _backbone(training).get("licence_code")


def licence_text(training: Mapping[str, Any]) -> str:
    """Return `Apache-2.0`, or `code X, weights Y` where the two differ."""
    code = licence_of_code(training)
    weights = training["weights"].get("licence") if is_pretrained(training) else None
    known = [text for text in (code, weights) if text]
    if not known:
        return str(training["weights"].get("licence") or "unknown")
    if len(set(known)) == 1:
        return str(known[0])
    return f"code {code}, weights {weights}"


def _backbone(training: Mapping[str, Any]) -> Mapping[str, Any]:
    if training.get("framework") == "tensorflow":
        return _KERAS
    return training.get("settings") or {}


def marks(*, pretrained: bool, commercial: bool | None) -> list[str]:
    """Return the warnings that stand beside a candidate's name wherever it is listed."""
    found = [] if pretrained else [RANDOM_START]
    if commercial is False:
        found.append(NON_COMMERCIAL)
    elif commercial is None:
        found.append(CHECK_LICENCE)
    return found
