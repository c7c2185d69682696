"""The user's own weights files against what weights/ holds of them: DVC does not follow files outside the project's.

A file counts as another one by its content. `bakeoff weights --retry` and `make run` force the stages named here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
from bakeoff.weights.folder import baseline_file, candidate_file

Kind = Literal["changed", "appeared", "gone"]
_WORDS: dict[Kind, str] = {
    "changed": "changed since it was stored in",
    "appeared": "appeared and comes before what is stored in",
    "gone": "is gone; its copy stays in",
}


@dataclass(frozen=True)
class UserFileChange:
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
    changes, weights_root = [], root / "weights"
    for model in params.models:
        settings_file, folder = root / "data" / "candidates" / f"{model}.json", weights_root / model
        if settings_file.is_file() and (folder / RECORD_NAME).is_file():
            changes.append(_of_candidate(CandidateSettings.read(settings_file), params.weights, read_record(folder)))
    if (weights_root / BASELINE / RECORD_NAME).is_file():
        changes += _of_baseline(params.baseline, params.weights, read_record(weights_root / BASELINE))
    return [change for change in changes if change]


def _of_candidate(settings: CandidateSettings, params: WeightsParams, record: WeightsRecord) -> UserFileChange | None:
    # The folder of a transformers model also holds its image processor, which `candidates` reads.
    first = ("candidates",) if settings.source == "hf" else ()
    found = candidate_file(settings, params.folder)
    return _in_folder(found, params, record, stages=(*first, f"weights@{settings.model}"))


def _of_baseline(baseline: BaselineParams, params: WeightsParams, record: WeightsRecord) -> list[UserFileChange | None]:
    stages = ("weights_baseline",)
    if baseline.weights_file is None:
        wanted = baseline.pretrained == "imagenet" and record.source != "user_file"
        return [_in_folder(baseline_file(params.folder), params, record, stages=stages)] if wanted else []
    if record.source != "user_file" or record.url_or_id != baseline.weights_file:
        return []  # the params changed: DVC runs the stage by itself
    path = main_checkout() / baseline.weights_file
    same = path.is_file() and _digest(path) == record.source_sha256
    return [_change(record, path, same=same, stages=stages), _of_class_names(baseline, record, stages)]


def _of_class_names(baseline: BaselineParams, record: WeightsRecord, stages: tuple[str, ...]) -> UserFileChange | None:
    if baseline.mode != "as_is":
        return None
    path = main_checkout() / str(baseline.class_names)
    try:
        same = path.is_file() and read_class_names(path) == record.class_names
    except DataError:
        same = False  # the forced stage says what is wrong with it
    return _change(record, path, same=same, stages=stages)


def _in_folder(
    found: Found | None, params: WeightsParams, record: WeightsRecord, *, stages: tuple[str, ...]
) -> UserFileChange | None:
    """Return what happened to the file that the source `folder` has for a backbone."""
    if "folder" not in params.sources:
        return None
    if record.source != "folder":
        return (
            UserFileChange(record.model, "appeared", found.path, stages) if found and _first(params, record) else None
        )
    if found is None and params.folder is None:
        return None  # the params name it no longer; what is stored stays
    if found is None:
        path = main_checkout() / (params.folder or "") / str(record.url_or_id)
        return UserFileChange(record.model, "gone", path, stages)
    same = found.url_or_id == record.url_or_id and _digest(found.path) == record.source_sha256
    return _change(record, found.path, same=same, stages=stages)


def _digest(path: Path) -> str | None:
    try:
        return source_digest(path)
    except WeightsError:
        return None  # unreadable: the forced stage says so


def _first(params: WeightsParams, record: WeightsRecord) -> bool:
    """Return whether the params prefer the folder to where the stored weights came from."""
    order = list(params.sources)
    return record.source not in order or order.index("folder") < order.index(record.source)


def _change(record: WeightsRecord, path: Path, *, same: bool, stages: tuple[str, ...]) -> UserFileChange | None:
    kind: Kind = "changed" if path.exists() else "gone"
    return None if same else UserFileChange(record.model, kind, path, stages)
