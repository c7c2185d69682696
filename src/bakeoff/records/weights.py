"""Where a candidate's weights came from: weights/<model>/record.json. Loads no framework."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from bakeoff.core.errors import WeightsError

RECORD_NAME = "record.json"
FILE_NAME = "model.safetensors"
Source = Literal["hub", "folder", "package", "random", "user_file"]
Refusal = Literal["unauthorised", "gated", "rate_limited", "server_error", "unreachable", "html_page", "not_found"]
Reason = Refusal | Literal["no_published_weights", "offline_by_params"]


class WeightsRecord(BaseModel):
    """Provenance, digest and licence of one weights file, or why the model starts from random numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: str
    source: Source
    file: str | None = None
    """Name inside the record's folder; None for a random start."""
    url_or_id: str | None
    revision: str | None = None
    sha256: str | None = None
    licence: str
    commercial_use: bool | None
    reason: Reason | None = None
    """Only for `random`, from a fixed list: exception text would change and retrain everything."""
    source_sha256: str | None = None
    """Only for `folder` and `user_file`: digest of what the user gave; `sha256` is of the stored file."""
    class_names: list[str] | None = None
    """Only for a baseline taken as it is: the earlier model's classes in the order of its outputs."""
    image_size: int | None = None
    """Side, px, that the stored tables of positions are made for; None where any side will do."""
    network_files: dict[str, str] = {}
    """Only for a transformers model: SHA-256 by name of the files in this folder that its network is built from."""

    @field_validator("reason", mode="before")
    @classmethod
    def _earlier_name(cls, value: object) -> object:
        return "unreachable" if value == "hub_unreachable" else value

    @model_validator(mode="after")
    def _file_or_reason(self) -> WeightsRecord:
        if self.pretrained != (self.file is not None and self.sha256 is not None):
            raise ValueError("file and sha256 are given exactly where source is not 'random'")
        if self.pretrained == (self.reason is not None):
            raise ValueError("reason is given exactly where source is 'random'")
        return self

    @property
    def pretrained(self) -> bool:
        """Whether the backbone starts from learned weights."""
        return self.source != "random"

    def write(self, folder: Path) -> None:
        """Write record.json into `folder`; files that the record before it named, and this one does not, go."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in _files_named(folder) - {self.file, *self.network_files}:
            (folder / name).unlink(missing_ok=True)
        (folder / RECORD_NAME).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_record(folder: Path) -> WeightsRecord:
    """Return the record in `folder`.

    Raises:
        WeightsError: no record there, or one that bakeoff did not write.
    """
    path = folder / RECORD_NAME
    try:
        return WeightsRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise WeightsError(f"{path} is missing; run `dvc repro weights weights_baseline` to make it.") from None
    except ValidationError as error:
        raise WeightsError(
            f"{path} is not a weights record: {error.errors()[0]['msg']}; delete the folder and run `dvc repro`."
        ) from None


def _files_named(folder: Path) -> set[str]:
    """Return the files that the record in `folder` names; none where there is no record."""
    if not (folder / RECORD_NAME).is_file():
        return set()
    record = read_record(folder)
    return {*record.network_files, *([record.file] if record.file else [])}


def existing_record(folder: Path) -> WeightsRecord | None:
    """Return the record in `folder` whose files are there and unchanged, or None."""
    if not (folder / RECORD_NAME).is_file():
        return None
    record = read_record(folder)
    files: dict[str, str | None] = dict(record.network_files)
    if record.file is not None:
        files[record.file] = record.sha256
    intact = all((folder / name).is_file() and file_sha256(folder / name) == files[name] for name in files)
    return record if intact else None


def retry_needed(weights_root: Path) -> list[str]:
    """Return the models whose record says `random` for a reason that may have passed, sorted; also `baseline_tf`."""
    models = []
    for path in sorted(weights_root.glob(f"*/{RECORD_NAME}")):
        record = read_record(path.parent)
        if not record.pretrained and record.reason != "no_published_weights":
            models.append(path.parent.name)
    return models


def file_sha256(path: Path) -> str:
    """Return the file's SHA-256 in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def source_digest(path: Path) -> str:
    """Return the SHA-256 in hex of a user's file, or of the names and contents of a folder's files (hidden ones aside).

    Raises:
        WeightsError: it cannot be read.
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
