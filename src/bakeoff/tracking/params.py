"""Section `tracking`: what is shown of a run; no output of a stage depends on it."""

from pydantic import field_validator

from bakeoff.core.section import Section


class TrackingParams(Section):
    """Section `tracking`: what is logged to MLflow and beside it."""

    experiment: str
    tensorboard: bool
    system_metrics: bool
    log_models: bool

    @field_validator("experiment")
    @classmethod
    def _can_name_a_registered_model(cls, name: str) -> str:
        if any(sign in name for sign in '/:@?"') or name.strip(" .") != name or not name.isprintable() or not name:
            raise ValueError(
                f"{name!r} cannot name a model in MLflow's registry: give a name without / : @ ? and quotation marks, "
                "and without spaces or dots at its ends, such as shop-2026"
            )
        return name
