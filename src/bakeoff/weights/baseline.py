"""The TensorFlow baseline's weights: Keras', the user's, an earlier project's, or, by PyTorch, EfficientNet-Lite0's."""

import json
import sys
from pathlib import Path
from typing import Any

from bakeoff.backbones.hub import KERAS_FILE, KERAS_URL, Found, copy_file, find_keras_file, in_words
from bakeoff.backbones.params import WeightsParams
from bakeoff.core.errors import DataError, WeightsError
from bakeoff.core.files import replacing
from bakeoff.core.names import clean_label
from bakeoff.core.paths import main_checkout
from bakeoff.learning.params import BaselineParams
from bakeoff.records.candidate import BASELINE
from bakeoff.records.weights import FILE_NAME, Reason, WeightsRecord, existing_record, file_sha256
from bakeoff.weights.fetch import Search, choose, keep_without_source, record_random
from bakeoff.weights.local import LITE0, baseline_file, convert_lite, find_in_package, or_not_found

_LICENCE = "Apache-2.0"


def fetch_baseline_weights(params: WeightsParams, baseline: BaselineParams, out_dir: Path) -> WeightsRecord:
    """Make weights/baseline_tf/{record.json, file} and return the record.

    `baseline.weights_file` comes first; then, with `pretrained: imagenet`, the sources of params in their order. Where
    none has Keras' EfficientNet-B0, `network` is `auto` and the policy `prefer`, the packaged EfficientNet-Lite0 stands
    in, if `package` is one of the sources. A WeightsError where the named file is missing, or policy `require` finds
    nothing; a DataError where mode `as_is` cannot use the file of class names.
    """
    kept = existing_record(out_dir)
    if baseline.weights_file is not None:
        return _take_user_files(params, baseline, out_dir, kept)
    if baseline.pretrained == "random":
        return _random("offline_by_params", out_dir)
    may_stand_in = baseline.network == "auto" and params.policy == "prefer" and "package" in params.sources
    if kept and (kept.source == "user_file" or (kept.stands_in and not may_stand_in)):
        kept = None  # the params name it no longer
    searches: dict[str, Search] = {
        "folder": lambda: or_not_found(baseline_file(params.folder), params.folder),
        "package": lambda: "not_found",
        "hub": lambda: find_keras_file(out_dir, timeout_s=params.hub_timeout_s),
    }
    outcome = choose(searches, params, kept, model=BASELINE, weights_id=KERAS_URL, wanted=KERAS_FILE)
    if isinstance(outcome, WeightsRecord):
        return outcome
    if not isinstance(outcome, Found):
        packaged = find_in_package(LITE0) if may_stand_in else outcome
        return _take_lite0(packaged, outcome, out_dir) if isinstance(packaged, Found) else _random(outcome, out_dir)
    if outcome.path.parent != out_dir:
        copy_file(outcome.path, out_dir / KERAS_FILE)
    sha256, source = file_sha256(out_dir / KERAS_FILE), outcome.source
    as_read = sha256 if source == "folder" else None
    record = _record(source=source, file=KERAS_FILE, url_or_id=outcome.url_or_id, sha256=sha256, source_sha256=as_read)
    record.write(out_dir)
    return record


def _take_lite0(packaged: Found, reason: Reason, out_dir: Path) -> WeightsRecord:
    """Store the packaged EfficientNet-Lite0 as for its PyTorch candidate, to the byte, and say that it stands in."""
    from safetensors.torch import save_file

    from bakeoff.backbones.loading import read_checkpoint

    state = convert_lite(read_checkpoint(packaged.path))
    kept = {key: value.contiguous() for key, value in state.items() if not key.startswith("classifier")}
    with replacing(out_dir / FILE_NAME) as partial:
        save_file(kept, partial, metadata={"format": "pt"})
    sha256, revision = file_sha256(out_dir / FILE_NAME), packaged.revision
    record = _record(source="package", file=FILE_NAME, url_or_id=packaged.url_or_id, revision=revision, sha256=sha256)
    record.write(out_dir)
    sys.stderr.write(
        f"bakeoff: {BASELINE} is EfficientNet-Lite0: no weights of Keras' EfficientNet-B0 ({in_words(reason)}). "
        "`bakeoff weights --retry` tries again; baseline.network: efficientnet_b0 starts EfficientNet-B0 at random.\n"
    )
    return record


def _take_user_files(
    params: WeightsParams, baseline: BaselineParams, out_dir: Path, kept: WeightsRecord | None
) -> WeightsRecord:
    """Store the earlier project's model, and with `as_is` the names of its classes."""
    path = main_checkout() / str(baseline.weights_file)
    known = kept if kept and kept.source == "user_file" and kept.url_or_id == baseline.weights_file else None
    if path.is_dir():
        raise WeightsError(
            f"baseline.weights_file: {path} is a folder, as a SavedModel is; in the earlier project, save the model "
            "again as one file: model.save('earlier.keras')."
        )
    if not path.is_file() and not known:
        raise WeightsError(
            f"baseline.weights_file: {path} does not exist; give a .weights.h5, .h5 or .keras file, or null."
        )
    class_names = _class_names(params, baseline, known)  # before anything is stored: it may be refused
    if path.is_file():
        copy_file(path, out_dir / path.name)
    elif known:
        keep_without_source(known, params, path)
    sha256 = file_sha256(out_dir / path.name)
    origin = {"url_or_id": baseline.weights_file, "licence": "unknown", "commercial_use": None}
    stored = {"file": path.name, "sha256": sha256, "source_sha256": sha256, "class_names": class_names}
    record = _record(source="user_file", **origin, **stored)
    record.write(out_dir)
    return record


def _class_names(params: WeightsParams, baseline: BaselineParams, known: WeightsRecord | None) -> list[str] | None:
    """Return the earlier model's classes for a baseline taken as it is; other modes have the catalogue's."""
    if baseline.mode != "as_is":
        return None
    path = main_checkout() / str(baseline.class_names)
    if not path.is_file() and known and known.class_names:
        return keep_without_source(known, params, path).class_names
    return read_class_names(path)


def read_class_names(path: Path) -> list[str]:
    """Return the earlier model's classes in the order of its outputs, from text with one name a line, or from JSON.

    JSON is a list of names, {index: name} or {name: index}. A DataError where the file is missing, unreadable, empty,
    or names a class twice.
    """
    if not path.is_file():
        raise DataError(f"class names {path} are missing; baseline.class_names must list the earlier model's classes.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text; baseline.class_names is a text file or JSON.") from None
    names = _json_names(text, path) if path.suffix == ".json" else text.splitlines()
    names = [name for name in map(clean_label, names) if name]
    if not names or len(set(names)) != len(names):
        raise DataError(f"{path} must list each of the earlier model's classes once, in output order; got {names}.")
    return names


def _json_names(text: str, path: Path) -> list[str]:
    try:
        value = json.loads(text)
        if isinstance(value, list):
            return [str(name) for name in value]
        if all(str(key).isdigit() for key in value):
            return [str(value[key]) for key in sorted(value, key=int)]
        return [str(name) for name, _ in sorted(value.items(), key=lambda item: int(item[1]))]
    except (ValueError, TypeError, AttributeError):
        raise DataError(
            f"{path} must be a JSON list of class names in output order, or a mapping of index and name."
        ) from None


def _record(**found: Any) -> WeightsRecord:
    return WeightsRecord(**{"model": BASELINE, "licence": _LICENCE, "commercial_use": True} | found)


def _random(reason: Reason, out_dir: Path) -> WeightsRecord:
    return record_random(_record(source="random", url_or_id=KERAS_URL, reason=reason), out_dir)
