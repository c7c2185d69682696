"""Get a candidate's weights from the first source that has them, or record a random start with its reason.

A real record is never replaced by a random one; another real source that the params prefer does take its place.
PyTorch is imported only once a file has been found.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bakeoff.backbones.hub import SAFETENSORS, WHAT_TO_DO, Found, find_on_hub, in_words
from bakeoff.backbones.network_files import CONFIG, find_network_files, store_network_files
from bakeoff.backbones.params import WeightsParams
from bakeoff.core.errors import WeightsError
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.weights import FILE_NAME, Reason, WeightsRecord, existing_record, source_digest
from bakeoff.weights.local import candidate_file, candidate_names, find_in_package, or_not_found

Search = Callable[[], Found | Reason]
_BY_WEIGHT: tuple[Reason, ...] = (*WHAT_TO_DO, "not_found", "no_published_weights")


def fetch_weights(settings: CandidateSettings, params: WeightsParams, out_dir: Path) -> WeightsRecord:
    """Make weights/<model>/{record.json, model.safetensors} in `out_dir` and return the record.

    A real record that is there already survives a failed attempt. A WeightsError where policy `require` finds nothing,
    or a file is of another architecture.
    """
    kept = existing_record(out_dir)
    if kept and not _answers(kept, settings):
        kept = None  # something else was asked for since
    searches: dict[str, Search] = {
        "folder": lambda: or_not_found(candidate_file(settings, params.folder), params.folder),
        "package": lambda: find_in_package(settings.name) if settings.source == "timm" else "not_found",
        "hub": lambda: find_on_hub(settings.weights_id, hub_files(settings), timeout_s=params.hub_timeout_s),
    }
    wanted = f"a checkpoint named {settings.model}.safetensors or {settings.model}.pth"
    outcome = choose(searches, params, kept, model=settings.model, weights_id=settings.weights_id, wanted=wanted)
    if isinstance(outcome, WeightsRecord):
        renewed = outcome.model_copy(update=_stated(settings))
        if renewed != outcome:
            renewed.write(out_dir)
        return renewed
    revision = outcome.revision if isinstance(outcome, Found) else None
    network = find_network_files(settings, out_dir, revision=revision, timeout_s=params.hub_timeout_s, kept=kept)
    if isinstance(outcome, Found):
        return _install(settings, outcome, network, out_dir)
    record = _record(settings, network, out_dir, source="random", url_or_id=settings.weights_id, reason=outcome)
    return record_random(record, out_dir)


def _answers(kept: WeightsRecord, settings: CandidateSettings) -> bool:
    """Return whether a stored record still is of what the settings name, as far as a record can tell."""
    if kept.source == "hub" and kept.url_or_id != settings.weights_id:
        return False
    if kept.image_size not in (None, settings.preprocessing.image_size):
        return False
    if settings.source != "hf":
        return not kept.network_files
    # A transformers network comes with its weights, so that their keys cannot tell another model.
    return bool(kept.network_files) and kept.url_or_id in (settings.name, *candidate_names(settings))


def _stated(settings: CandidateSettings) -> dict[str, Any]:
    """Return what the settings state by now of the licence of the weights."""
    return {"licence": settings.licence_weights, "commercial_use": settings.commercial_use}


def _record(settings: CandidateSettings, network: dict[str, Path], out_dir: Path, **found: Any) -> WeightsRecord:
    """Store the files that a transformers network is built from, and return the record of what was found."""
    network_files = store_network_files(network, out_dir)
    return WeightsRecord(model=settings.model, network_files=network_files, **_stated(settings), **found)


def hub_files(settings: CandidateSettings) -> tuple[str, ...]:
    """Return the checkpoint files to ask a repository for, best first.

    NVIDIA publishes the same network as model.safetensors (keys under `model.`, 127 MB for T) and as .pth.tar (382 MB).
    """
    if settings.source != "mambavision":
        return (SAFETENSORS, "pytorch_model.bin")
    from bakeoff.backbones.mamba import default_cfg

    return (SAFETENSORS, default_cfg(settings.name)["url"].rsplit("/", 1)[-1])


def _install(settings: CandidateSettings, found: Found, network: dict[str, Path], out_dir: Path) -> WeightsRecord:
    """Check the file against the architecture, store it under the backbone's own key names, and write the record."""
    from bakeoff.backbones.networks import fixed_side
    from bakeoff.weights.normalise import write_normalised

    # Before it is read: a file replaced meanwhile differs from its record and is noticed, never the other way round.
    as_read = source_digest(found.path) if found.source == "folder" else None
    config = network[CONFIG].parent if network else None
    sha256 = write_normalised(settings, found.path, out_dir / FILE_NAME, network_dir=config)
    origin = {"source": found.source, "url_or_id": found.url_or_id, "revision": found.revision}
    stored = {"file": FILE_NAME, "sha256": sha256, "source_sha256": as_read, "image_size": fixed_side(settings)}
    record = _record(settings, network, out_dir, **origin, **stored)
    record.write(out_dir)
    return record


def choose(
    searches: Mapping[str, Search],
    params: WeightsParams,
    kept: WeightsRecord | None,
    *,
    model: str,
    weights_id: str | None,
    wanted: str,
) -> Found | WeightsRecord | Reason:
    """Return a file to install, the record that stays as it is, or the reason for a random start.

    `searches` asks each source that `weights.sources` may name; `wanted` is what to put into `weights.folder`, for the
    error. `kept` is the record that is stored with its file and still answers the params. One from the hub is on disk
    already: only the sources before the hub are asked, and outrank it. A WeightsError where policy `require` finds
    nothing, or misses the user's file that the record names.
    """
    missed: set[Reason] = set()
    for source in params.sources:
        if kept and kept.source == source == "hub":
            return kept
        if isinstance(outcome := searches[source](), Found):
            return outcome
        missed.add(outcome)
    if kept and kept.pretrained:
        named = kept.source == "folder" and "folder" in params.sources and params.folder
        return keep_without_source(kept, params, str(kept.url_or_id)) if named else kept
    # The reason that tells the user most; sources left out by params say so where nothing else does.
    reason: Reason = "offline_by_params"
    if "hub" in params.sources:
        reason = next(reason for reason in _BY_WEIGHT if reason in missed)
    if params.policy == "require":
        raise WeightsError(
            f"no pretrained weights for {model} ({in_words(reason)}; looked in "
            f"{', '.join(params.sources) or 'no source'}{f', hub id {weights_id}' if weights_id else ''}) "
            f"and weights.policy is require: put {wanted} into weights.folder, get the hub in reach, or set "
            "weights.policy to prefer."
        )
    return reason


def keep_without_source(kept: WeightsRecord, params: WeightsParams, path: Path | str) -> WeightsRecord:
    """Return a stored record whose user's file is gone, and say so; a WeightsError with policy `require`."""
    gone = f"{path}, the user's file behind weights/{kept.model}, is gone"
    if params.policy == "require":
        raise WeightsError(
            f"{gone} and weights.policy is require: put it back, or set weights.policy to prefer to go on with the "
            "stored copy."
        )
    sys.stderr.write(f"bakeoff: {gone}; the stored copy stays in use.\n")
    return kept


def record_random(record: WeightsRecord, out_dir: Path) -> WeightsRecord:
    """Write a random start's record, say so loudly, and return it."""
    sys.stderr.write(
        f"bakeoff: RANDOM START: {record.model} has no pretrained weights ({in_words(record.reason)}); "
        "its accuracy says nothing about the backbone. `bakeoff weights --retry` tries again.\n"
    )
    record.write(out_dir)
    return record
