"""Get a candidate's weights from the first source that has them, or record a random start with its reason.

A real record is never replaced by a random one. PyTorch is imported only once a file has been found.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from bakeoff.backbones.settings import CandidateSettings
from bakeoff.backbones.weights.folder import find_in_folder
from bakeoff.backbones.weights.found import Found, NotFound
from bakeoff.backbones.weights.hub import SAFETENSORS, find_on_hub
from bakeoff.backbones.weights.package import find_in_package
from bakeoff.backbones.weights.record import FILE_NAME, Reason, WeightsRecord, existing_record
from bakeoff.errors import WeightsError
from bakeoff.params import WeightsParams
from bakeoff.paths import main_checkout

_BY_WEIGHT: tuple[Reason, ...] = ("gated", "hub_unreachable", "not_found", "no_published_weights")


def fetch_weights(settings: CandidateSettings, params: WeightsParams, out_dir: Path) -> WeightsRecord:
    """Make weights/<model>/{record.json, model.safetensors} and return the record.

    Args:
        settings: the candidate.
        params: policy, sources in their order, the folder, the hub's timeout in s.
        out_dir: weights/<model>; a real record that is there already survives a failed attempt.

    Raises:
        WeightsError: policy `require` and nothing found, or a file of another architecture.
    """
    kept = existing_record(out_dir)
    if kept and kept.source == "hub" and kept.url_or_id != settings.weights_id:
        kept = None  # another checkpoint was asked for since
    on_disk = kept is not None and kept.source == "hub"
    outcome = _search(settings, params, but_hub=on_disk)
    if isinstance(outcome, Found):
        return _install(settings, outcome, out_dir)
    if kept and kept.pretrained:
        return kept
    if params.policy == "require":
        wanted = f"a checkpoint named {settings.model}.safetensors or {settings.model}.pth"
        raise WeightsError(
            require_sentence(settings.model, params, outcome.reason, wanted=wanted, weights_id=settings.weights_id)
        )
    return record_random(
        WeightsRecord(
            model=settings.model,
            source="random",
            file=None,
            url_or_id=settings.weights_id,
            revision=None,
            sha256=None,
            licence=settings.licence_weights,
            commercial_use=settings.commercial_use,
            reason=outcome.reason,
        ),
        out_dir,
    )


def record_random(record: WeightsRecord, out_dir: Path) -> WeightsRecord:
    """Write a random start's record, say so loudly, and return it."""
    sys.stderr.write(
        f"bakeoff: RANDOM START: {record.model} has no pretrained weights ({record.reason}); "
        "its accuracy says nothing about the backbone. `bakeoff weights --retry` tries again.\n"
    )
    record.write(out_dir)
    return record


def require_sentence(model: str, params: WeightsParams, reason: Reason, *, wanted: str, weights_id: str | None) -> str:
    """Return the error of policy `require`: what was looked for, where, and what to do; `wanted` names the file."""
    return (
        f"no pretrained weights for {model} ({reason}; looked in {', '.join(params.sources) or 'no source'}"
        f"{f', hub id {weights_id}' if weights_id else ''}) and weights.policy is require: put {wanted} into "
        "weights.folder, get the hub in reach, or set weights.policy to prefer."
    )


def strongest(outcomes: list[NotFound], *, hub_asked: bool) -> NotFound:
    """Return the reason that tells the user most; sources left out by params say so where nothing else does."""
    reasons = {outcome.reason for outcome in outcomes}
    if not hub_asked:
        return NotFound("offline_by_params")
    return NotFound(next(reason for reason in _BY_WEIGHT if reason in reasons))


def hub_files(settings: CandidateSettings) -> tuple[str, ...]:
    """Return the checkpoint files to ask a repository for, best first.

    NVIDIA publishes the same network as model.safetensors (keys under `model.`, 127 MB for T) and as .pth.tar (382 MB).
    """
    if settings.source != "mambavision":
        return (SAFETENSORS, "pytorch_model.bin")
    from bakeoff.backbones.mamba import default_cfg

    return (SAFETENSORS, default_cfg(settings.name)["url"].rsplit("/", 1)[-1])


def _search(settings: CandidateSettings, params: WeightsParams, *, but_hub: bool) -> Found | NotFound:
    """Ask the sources in order; with `but_hub` what the hub gave is on disk already and outranks the rest."""
    searches: dict[str, Callable[[], Found | NotFound]] = {
        "folder": lambda: _search_folder(settings, params),
        "package": lambda: find_in_package(settings.name) if settings.source == "timm" else NotFound("not_found"),
        "hub": lambda: find_on_hub(settings.weights_id, hub_files(settings), timeout_s=params.hub_timeout_s),
    }
    missed: list[NotFound] = []
    for source in params.sources:
        if source == "hub" and but_hub:
            break
        outcome = searches[source]()
        if isinstance(outcome, Found):
            return outcome
        missed.append(outcome)
    return NotFound("not_found") if but_hub else strongest(missed, hub_asked="hub" in params.sources)


def _search_folder(settings: CandidateSettings, params: WeightsParams) -> Found | NotFound:
    own = main_checkout() / settings.name
    if settings.source == "hf" and own.is_dir():
        return Found(own, "folder", url_or_id=settings.name)
    return find_in_folder(params.folder, [settings.model, Path(settings.name).name])


def _install(settings: CandidateSettings, found: Found, out_dir: Path) -> WeightsRecord:
    """Check the file against the architecture, store it under the backbone's own key names, and write the record."""
    from bakeoff.backbones.weights.normalise import write_normalised

    sha256 = write_normalised(settings, found.path, out_dir / FILE_NAME)
    record = WeightsRecord(
        model=settings.model,
        source=found.source,
        file=FILE_NAME,
        url_or_id=found.url_or_id,
        revision=found.revision,
        sha256=sha256,
        licence=settings.licence_weights,
        commercial_use=settings.commercial_use,
    )
    record.write(out_dir)
    return record
