"""Section `compare`: what the chosen candidate must keep to."""

from __future__ import annotations

from bakeoff.params.section import PositiveFloat, Section


class CompareParams(Section):
    """Section `compare`: limits the choice must keep; null = none."""

    max_latency_ms: PositiveFloat | None
    min_images_per_s: PositiveFloat | None
    max_size_mib: PositiveFloat | None
    allow_random_weights: bool
