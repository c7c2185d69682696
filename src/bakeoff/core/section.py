"""What sections of params.yaml share: strictness, bounds, names of languages; how one section is read."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bakeoff.core.errors import ParamsError

LANGUAGES = ("en", "fr")
LanguageCode = Literal["en", "fr"]
Share = Annotated[float, Field(gt=0, lt=1)]
PositiveInt = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A part of params.yaml or of a record: unknown keys refused, no coercion, never changed after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def by_name(value: Any) -> Any:
    """Return `{name: value}` for a text: a choice without parameters of its own is written as its name alone."""
    return {"name": value} if isinstance(value, str) else value


SectionT = TypeVar("SectionT", bound=Section)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return params.yaml as plain values.

    Raises:
        ParamsError: the file is missing, is not YAML, or is not a mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} is missing; run `bakeoff params` in the project's folder to compose it.") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ParamsError(f"{path} must hold a mapping of sections, got {type(values).__name__}.")
    return values


def load_section(path: Path, section: type[SectionT]) -> SectionT:
    """Return one section, so that a stage reads only what dvc.yaml says it depends on.

    Its key is the model's name less `Params`, in snake case (DatasetParams: dataset).
    """
    name = re.sub(r"(?<!^)([A-Z])", r"_\1", section.__name__.removesuffix("Params")).lower()
    values = read_yaml(path)
    if name not in values:
        raise ParamsError(f"{path} has no section {name!r}; run `bakeoff params` to compose it from conf/.")
    return validate_section(section, values[name], where=f"{path}, section {name}")


def load_top(path: Path, section: type[SectionT]) -> SectionT:
    """Return the keys at the top of params.yaml that a model has as fields, and no others."""
    values = {name: value for name, value in read_yaml(path).items() if name in section.model_fields}
    return validate_section(section, values, where=str(path))


def validate_section(section: type[SectionT], values: Any, *, where: str) -> SectionT:
    """Return `values` as a checked section; `where` names the file for the error."""
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise ParamsError(f"{where}: {'; '.join(_problem(item) for item in error.errors())}.") from None


def _problem(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"]) or "value"
    if item["type"] == "extra_forbidden":
        return f"unknown key {key}"
    if item["type"] == "missing":
        return f"missing key {key}"
    if item["type"] == "value_error":
        return f"{key}: {item['ctx']['error']}"
    return f"{key} = {item['input']!r}: {item['msg']}"
