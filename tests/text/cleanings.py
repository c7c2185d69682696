"""The ways to clean texts that the product comes with, and changes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakeoff.core.section import read_yaml, validate_section
from bakeoff.records.text import CleaningParams

FILE = Path(__file__).resolve().parents[2] / "conf" / "config.yaml"


def cleaning(profile: str, **changes: Any) -> CleaningParams:
    """Return `full` or `light` with other values for some steps."""
    return validate_section(CleaningParams, read_yaml(FILE)["text"]["cleaning"][profile] | changes, where="cleaning")
