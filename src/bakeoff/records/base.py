"""What every record is: a JSON file that passes between stages, its model the only reader and writer of it."""

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ValidationError

from bakeoff.core.errors import BakeoffError, DataError
from bakeoff.core.files import write_json
from bakeoff.core.section import Section


class Record(Section):
    """A JSON file of fixed form: unknown and missing keys are refused, types are strict, nothing changes later."""

    FORMAT: ClassVar[int] = 1  # raised when the file's form changes; a file of another form is refused in one sentence
    STAGE: ClassVar[str]  # the stages that write it, as `dvc repro` takes them
    COMMAND: ClassVar[str] = "dvc repro"
    ERROR: ClassVar[type[BakeoffError]] = DataError

    format: int = 1

    def model_post_init(self, context: Any) -> None:
        """Give a record that is made, rather than read, the form that it has."""
        if "format" not in self.model_fields_set:
            object.__setattr__(self, "format", self.FORMAT)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the record in a file; an `ERROR` where it is missing, broken, or of another form."""
        advice = f"run `{cls.COMMAND} {cls.STAGE}`"
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            raise cls.ERROR(f"{path} is missing; {advice}.") from None
        try:
            given = _Format.model_validate_json(text).format
            if given != cls.FORMAT:
                raise cls.ERROR(
                    f"{path} was written by another version of bakeoff (format {given}, this one reads {cls.FORMAT}); "
                    f"{advice}."
                )
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise cls.ERROR(f"{path} {_problem(error)}; {advice}.") from None

    @classmethod
    def read_if_there(cls, path: Path) -> Self | None:
        """Return the record, or None where there is no file."""
        return cls.read(path) if path.is_file() else None

    @classmethod
    def read_current(cls, path: Path) -> Self | None:
        """Return the record, or None where there is no file or one of another format, which its stage will replace."""
        if not path.is_file():
            return None
        try:
            given = _Format.model_validate_json(path.read_bytes()).format
        except ValidationError:
            given = cls.FORMAT  # broken: reading says how
        return cls.read(path) if given == cls.FORMAT else None

    def write(self, path: Path) -> None:
        """Write the record, whole or not at all."""
        write_json(path, self.model_dump(mode="json"))


class _Format(BaseModel):
    format: int = 1


def _problem(error: ValidationError) -> str:
    """Return what is wrong with a file, as the rest of a sentence."""
    first: Any = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        return f"is not valid JSON ({first['ctx']['error']})"
    if first["type"] == "missing":
        return f"lacks {where}"
    if first["type"] == "extra_forbidden":
        return f"has an unknown key {where}"
    return f"does not hold what it should: {where or 'file'}: {first['msg']}"
