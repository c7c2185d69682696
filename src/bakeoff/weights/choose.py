"""Which weights a backbone gets, candidate or baseline: the sources in the params' order, what is stored, the policy.

A real record is never replaced by a random one; another real source that the params prefer does take its place.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bakeoff.backbones.hub import WHAT_TO_DO, Found, in_words
from bakeoff.backbones.params import WeightsParams
from bakeoff.core.errors import WeightsError
from bakeoff.records.weights import Reason, WeightsRecord

_BY_WEIGHT: tuple[Reason, ...] = (*WHAT_TO_DO, "not_found", "no_published_weights")


def choose(
    searches: Mapping[str, Callable[[], Found | Reason]],
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
    already: only the sources before the hub are asked, and outrank it.

    Raises:
        WeightsError: policy `require` and nothing found, or the user's file that the record names is gone.
    """
    missed: set[Reason] = set()
    for source in params.sources:
        if kept and kept.source == source == "hub":
            return kept
        outcome = searches[source]()
        if isinstance(outcome, Found):
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
    """Return a stored record whose user's file is gone, and say so.

    Raises:
        WeightsError: policy `require`: what the params name has to be there.
    """
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
