"""The user's own weights files against what weights/ holds of them: DVC does not follow files outside the project's.

A file counts as another one by its content. `bakeoff weights --retry` and `make run` force the stages named here.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bakeoff.backbones.hub import Found
from bakeoff.backbones.params import WeightsParams
from bakeoff.core.errors import DataError, WeightsError
from bakeoff.core.paths import main_checkout
from bakeoff.learning.params import BaselineParams
from bakeoff.records.candidate import BASELINE
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.weights import RECORD_NAME, WeightsRecord, read_record, source_digest
from bakeoff.study.params import Params
from bakeoff.weights.baseline import read_class_names
from bakeoff.weights.local import baseline_file, candidate_file

Kind = Literal["changed", "appeared", "gone"]
_WORDS: dict[Kind, str] = {
    "changed": "changed since it was stored in",
    "appeared": "appeared and comes before what is stored in",
    "gone": "is gone; its copy stays in",
}


class UserFileChange(NamedTuple):
    """One user's file that is not what weights/<model>/record.json says of it."""

    model: str
    kind: Kind
    path: Path
    stages: tuple[str, ...]
    """DVC's stages to force, in their order; the last one is the weights'."""

    def __str__(self) -> str:
        """Return it as a sentence without its full stop."""
        return f"{self.path} {_WORDS[self.kind]} weights/{self.model}"


def user_file_changes(root: Path, params: Params) -> list[UserFileChange]:
    """Return what changed for the backbones of the study that have a record, and for the baseline.

    What changed in `params` is DVC's to notice.

    Raises:
        WeightsError: a record is not bakeoff's.
    """
    changes, weights_root = list[UserFileChange](), root / "weights"
    for model in params.models:
        settings_file, folder = root / "data" / "candidates" / f"{model}.json", weights_root / model
        if settings_file.is_file() and (folder / RECORD_NAME).is_file():
            settings, record = CandidateSettings.read(settings_file), read_record(folder)
            # The folder of a transformers model also holds its image processor, which `candidates` reads.
            first = ("candidates",) if settings.source == "hf" else ()
            found = candidate_file(settings, params.weights.folder)
            changes += _in_folder(found, params.weights, record, stages=(*first, f"weights@{settings.model}"))
    if (weights_root / BASELINE / RECORD_NAME).is_file():
        changes += _of_baseline(params.baseline, params.weights, read_record(weights_root / BASELINE))
    return changes


def _of_baseline(baseline: BaselineParams, params: WeightsParams, record: WeightsRecord) -> Iterator[UserFileChange]:
    stages = ("weights_baseline",)
    if baseline.weights_file is None:
        if baseline.pretrained == "imagenet" and record.source != "user_file":
            yield from _in_folder(baseline_file(params.folder), params, record, stages=stages)
    elif record.source == "user_file" and record.url_or_id == baseline.weights_file:  # else DVC sees a change of params
        file, names = main_checkout() / baseline.weights_file, main_checkout() / str(baseline.class_names)
        yield from _compared(file, source_digest, record.source_sha256, record=record, stages=stages)
        if baseline.mode == "as_is":
            yield from _compared(names, read_class_names, record.class_names, record=record, stages=stages)


def _in_folder(
    found: Found | None, params: WeightsParams, record: WeightsRecord, *, stages: tuple[str, ...]
) -> Iterator[UserFileChange]:
    """Yield what happened to the file that the source `folder` has for a backbone."""
    order = [*params.sources, record.source]
    if "folder" not in params.sources:
        return
    if record.source != "folder":
        if found and order.index("folder") < order.index(record.source):
            yield UserFileChange(record.model, "appeared", found.path, stages)
    elif found:
        stored = record.source_sha256 if found.url_or_id == record.url_or_id else None
        yield from _compared(found.path, source_digest, stored, record=record, stages=stages)
    elif params.folder is not None:  # where the params name it no longer, what is stored stays
        path = main_checkout() / params.folder / str(record.url_or_id)
        yield UserFileChange(record.model, "gone", path, stages)


def _compared(
    path: Path, read: Callable[[Path], Any], stored: Any, *, record: WeightsRecord, stages: tuple[str, ...]
) -> Iterator[UserFileChange]:
    """Yield the change of a file that is not as stored; of an unreadable one the forced stage says what is wrong."""
    try:
        same = read(path) == stored
    except (DataError, WeightsError):
        same = False
    if not same:
        yield UserFileChange(record.model, "changed" if path.exists() else "gone", path, stages)
