"""Weights of the TensorFlow baseline: Keras' file, one from a folder, an earlier project's. Loads no framework."""

from __future__ import annotations

from pathlib import Path

from bakeoff.backbones.weights.fetch import record_random, require_sentence, strongest
from bakeoff.backbones.weights.folder import find_in_folder
from bakeoff.backbones.weights.found import Found, NotFound
from bakeoff.backbones.weights.hub import KERAS_FILE, KERAS_URL, copy_file, find_keras_file
from bakeoff.backbones.weights.record import WeightsRecord, existing_record, file_sha256
from bakeoff.errors import WeightsError
from bakeoff.params import BaselineParams, WeightsParams
from bakeoff.paths import main_checkout

MODEL = "baseline_tf"
_LICENCE = "Apache-2.0"


def fetch_baseline_weights(params: WeightsParams, baseline: BaselineParams, out_dir: Path) -> WeightsRecord:
    """Make weights/baseline_tf/{record.json, file} and return the record.

    `baseline.weights_file` comes first; then, with `pretrained: imagenet`, the sources of params in their order.

    Raises:
        WeightsError: the named file is missing, or policy `require` and nothing found.
    """
    if baseline.weights_file is not None:
        return _take_user_file(baseline.weights_file, out_dir)
    kept = existing_record(out_dir)
    if baseline.pretrained == "random":
        return record_random(_record(None, out_dir, reason=NotFound("offline_by_params")), out_dir)
    if kept and kept.source in ("hub", "folder"):
        return kept
    outcome = _search(params, out_dir)
    if isinstance(outcome, NotFound):
        if params.policy == "require":
            raise WeightsError(require_sentence(MODEL, params, outcome.reason, wanted=KERAS_FILE, weights_id=KERAS_URL))
        return record_random(_record(None, out_dir, reason=outcome), out_dir)
    if outcome.path.parent != out_dir:
        copy_file(outcome.path, out_dir / KERAS_FILE)
    record = _record(outcome, out_dir)
    record.write(out_dir)
    return record


def _search(params: WeightsParams, out_dir: Path) -> Found | NotFound:
    missed: list[NotFound] = []
    for source in params.sources:
        if source == "folder":
            outcome = find_in_folder(params.folder, [KERAS_FILE.removesuffix(".h5"), MODEL], (".h5", ".weights.h5"))
        elif source == "hub":
            outcome = find_keras_file(out_dir, timeout_s=params.hub_timeout_s)
        else:
            outcome = NotFound("not_found")
        if isinstance(outcome, Found):
            return outcome
        missed.append(outcome)
    return strongest(missed, hub_asked="hub" in params.sources)


def _take_user_file(weights_file: str, out_dir: Path) -> WeightsRecord:
    path = main_checkout() / weights_file
    if not path.is_file():
        raise WeightsError(
            f"baseline.weights_file: {path} does not exist; give a .weights.h5, .h5 or .keras file, or null."
        )
    copy_file(path, out_dir / path.name)
    record = WeightsRecord(
        model=MODEL,
        source="user_file",
        file=path.name,
        url_or_id=weights_file,
        revision=None,
        sha256=file_sha256(out_dir / path.name),
        licence="unknown",
        commercial_use=None,
    )
    record.write(out_dir)
    return record


def _record(found: Found | None, out_dir: Path, *, reason: NotFound | None = None) -> WeightsRecord:
    return WeightsRecord(
        model=MODEL,
        source=found.source if found else "random",
        file=KERAS_FILE if found else None,
        url_or_id=found.url_or_id if found else KERAS_URL,
        revision=None,
        sha256=file_sha256(out_dir / KERAS_FILE) if found else None,
        licence=_LICENCE,
        commercial_use=True,
        reason=reason.reason if reason else None,
    )
