"""What a source hands over: the tensors of a checkpoint file with their provenance, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bakeoff.records.weights import Reason, Source


@dataclass(frozen=True)
class Found:
    """A checkpoint as published, not yet checked against the architecture."""

    path: Path
    source: Source
    url_or_id: str
    revision: str | None = None


@dataclass(frozen=True)
class NotFound:
    """Why a source has nothing."""

    reason: Reason
