"""Where a candidate's weights came from: weights/<model>/record.json. Loads no framework."""

import hashlib
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from bakeoff.core.errors import WeightsError
from bakeoff.core.hub_refusals import Refusal
from bakeoff.core.section import Section
from bakeoff.records.candidate import BASELINE

RECORD_NAME = "record.json"
FILE_NAME = "model.safetensors"
Source = Literal["hub", "folder", "package", "random", "user_file", "none"]
Reason = Refusal | Literal["no_published_weights", "offline_by_params", "scratch"]


class WeightsRecord(Section):
    """Provenance, digest and licence of one weights file, or why the model starts from random numbers.

    `none`: of a model that has nothing to start from, as TF-IDF, which is no random start, or of a pair.
    """

    model: str
    source: Source
    file: str | None = None  # name inside the record's folder; None for a random start
    url_or_id: str | None
    revision: str | None = None
    sha256: str | None = None
    licence: str
    commercial_use: bool | None
    reason: Reason | None = None  # of `random`, from a fixed list: exception text would change and retrain all
    source_sha256: str | None = None  # of `folder` and `user_file`: what the user gave; `sha256` is of the stored file
    class_names: list[str] | None = None
    """Only for a baseline taken as it is: the earlier model's classes in the order of its outputs."""
    image_size: int | None = None  # px, that stored tables of positions are made for; None where any will do
    network_files: dict[str, str] = Field(default_factory=dict)
    """Only for transformers models: SHA-256 by name of the files in this folder that they are built from."""

    @field_validator("reason", mode="before")
    @classmethod
    def _earlier_name(cls, value: object) -> object:
        return "unreachable" if value == "hub_unreachable" else value

    @model_validator(mode="after")
    def _file_or_reason(self) -> Self:
        if self.pretrained != (self.file is not None and self.sha256 is not None):
            raise ValueError("file and sha256 are given exactly where source is neither 'random' nor 'none'")
        if (self.source == "random") != (self.reason is not None):
            raise ValueError("reason is given exactly where source is 'random'")
        return self

    def scratch(self) -> Self:
        """Return the record of a network that starts from random numbers although there may be weights."""
        none = {"source": "random", "file": None, "sha256": None, "revision": None, "source_sha256": None}
        return self.model_copy(update=none | {"reason": "scratch"})

    @property
    def pretrained(self) -> bool:
        """Whether the backbone starts from learned weights."""
        return self.source not in ("random", "none")

    @property
    def starts_at_random(self) -> bool:
        """Whether there could be learned weights to start from, and are none."""
        return self.source == "random"

    @property
    def stands_in(self) -> bool:
        """Whether the baseline is EfficientNet-Lite0, since no source had the weights of Keras' EfficientNet-B0."""
        return self.model == BASELINE and self.source == "package"

    @property
    def files(self) -> dict[str, str | None]:
        """The SHA-256 of each file beside the record, by its name."""
        return {**self.network_files, **({self.file: self.sha256} if self.file else {})}

    def write(self, folder: Path) -> None:
        """Write record.json into `folder`; files that the record before it named, and this one does not, go."""
        folder.mkdir(parents=True, exist_ok=True)
        earlier = read_record(folder).files if (folder / RECORD_NAME).is_file() else {}
        for name in set(earlier) - set(self.files):
            (folder / name).unlink(missing_ok=True)
        (folder / RECORD_NAME).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> WeightsRecord:
    """Return the record in `folder`; a WeightsError where there is none, or one that bakeoff did not write."""
    path = folder / RECORD_NAME
    try:
        return WeightsRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise WeightsError(
            f"{path} is missing; run `dvc repro weights weights_text weights_baseline` to make it."
        ) from None
    except ValidationError as error:
        raise WeightsError(
            f"{path} is not a weights record: {error.errors()[0]['msg']}; delete the folder and run `dvc repro`."
        ) from None


def existing_record(folder: Path) -> WeightsRecord | None:
    """Return the record in `folder` whose files are there and unchanged, or None."""
    if not (folder / RECORD_NAME).is_file():
        return None
    record = read_record(folder)
    whole = all((folder / name).is_file() and file_sha256(folder / name) == sha for name, sha in record.files.items())
    return record if whole else None


def retry_needed(weights_root: Path) -> list[str]:
    """Return the models, sorted, that start at random for a reason that may have passed, or are stood in for."""
    records = {path.parent.name: read_record(path.parent) for path in sorted(weights_root.glob(f"*/{RECORD_NAME}"))}
    passing = {name for name, one in records.items() if one.starts_at_random and one.reason != "no_published_weights"}
    return sorted(passing | {name for name, one in records.items() if one.stands_in})


def file_sha256(path: Path) -> str:
    """Return the file's SHA-256 in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def source_digest(path: Path) -> str:
    """Return the SHA-256 in hex of a user's file, or of names and contents of a folder's files (hidden ones aside).

    A WeightsError where it cannot be read.
    """
    try:
        if not path.is_dir():
            return file_sha256(path)
        names = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())
        visible = [name for name in names if not any(part.startswith(".") for part in name.parts)]
        lines = [f"{name.as_posix()}\0{file_sha256(path / name)}\n" for name in visible]
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}); make it readable, or take it away.") from None
    return hashlib.sha256("".join(lines).encode()).hexdigest()
