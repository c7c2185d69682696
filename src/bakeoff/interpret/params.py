"""Sections `interpret` and `interpret_text`: which photos and texts are explained, and how."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, create_model

from bakeoff.core.section import PositiveInt, Section
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.parts import PartsParams
from bakeoff.interpret.photos import Kind
from bakeoff.interpret.robustness import RobustnessParams


def _known(name: str) -> str:
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}; legal methods: {', '.join(METHODS)}")
    return name


class OverviewParams(Section):
    """Part `overview`: how many examples of each class are shown, and how many test products are looked at."""

    prototypes: Annotated[int, Field(ge=0)]
    """0 = neither examples nor the map of the products, which both need features of all of them."""
    criticisms: Annotated[int, Field(ge=0)]
    max_rows: PositiveInt | None
    """Each class by its share; null = all."""


MethodName = Annotated[str, AfterValidator(_known)]
# A method with nothing to set needs no section.
_settings: Any = {
    name: (method.Settings, ... if method.Settings.model_fields else method.Settings())
    for name, method in METHODS.items()
}
_OfMethods = create_model("_OfMethods", __base__=Section, **_settings)


class InterpretParams(_OfMethods):
    """Section `interpret`: which photos are explained and by which methods; each method's settings by its name."""

    methods: list[MethodName]
    counter_methods: list[MethodName]
    """Those that also explain the class that might have been."""
    n_shared: Annotated[int, Field(ge=0)]
    max_shared: PositiveInt | None
    n_own: dict[Kind, Annotated[int, Field(ge=0)]]
    batch_px: PositiveInt
    overview: OverviewParams
    parts: PartsParams
    robustness: RobustnessParams

    def settings(self, method: str) -> Any:
        """Return a method's settings."""
        return getattr(self, method)

    def used(self) -> dict[str, Any]:
        """Return what the result depends on: all but the settings of methods that are not asked for, and memory."""
        return self.model_dump(exclude={"batch_px", *(set(METHODS) - set(self.methods))})


class InterpretTextParams(Section):
    """Section `interpret_text`: how many terms of a class, which test products, and how exactly."""

    n_terms: PositiveInt
    n_shared: Annotated[int, Field(ge=0)]
    max_shared: PositiveInt | None
    n_own: dict[Kind, Annotated[int, Field(ge=0)]]
    steps: PositiveInt
    """Of Integrated Gradients."""
