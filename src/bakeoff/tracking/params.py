"""Section `tracking`: what is shown of a run; no output of a stage depends on it."""

from typing import Annotated

from pydantic import Field

from bakeoff.core.section import Section


class TrackingParams(Section):
    """Section `tracking`: what is logged to MLflow and beside it."""

    experiment: Annotated[str, Field(min_length=1)]
    tensorboard: bool
    system_metrics: bool
    log_models: bool
