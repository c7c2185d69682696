"""What a transformers network is built from, stored beside its weights: building it asks no hub and no other folder."""

import sys
from pathlib import Path

from bakeoff.backbones.hub import Found, copy_file, find_on_hub, in_words
from bakeoff.core.errors import WeightsError
from bakeoff.core.paths import main_checkout
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.weights import WeightsRecord, file_sha256

CONFIG = "config.json"
PROCESSOR = "preprocessor_config.json"


def find_network_files(
    settings: CandidateSettings, out_dir: Path, *, revision: str | None, timeout_s: float, kept: WeightsRecord | None
) -> dict[str, Path]:
    """Return where config.json and preprocessor_config.json of an `hf` candidate are; nothing for other candidates.

    Its name is a folder or a hub id, there `revision` a commit (None = the newest). The files in `out_dir` that the
    record `kept` names serve where the source is out of reach; a WeightsError where there is no config.json.
    """
    if settings.source != "hf":
        return {}
    folder = main_checkout() / settings.name
    if folder.is_dir():
        found = {name: folder / name for name in (CONFIG, PROCESSOR) if (folder / name).is_file()}
    else:
        found = network_files_on_hub(settings.name, revision=revision, timeout_s=timeout_s)
    if CONFIG not in found and kept and kept.network_files:
        return {name: out_dir / name for name in kept.network_files}
    if CONFIG not in found:
        raise WeightsError(
            f"{settings.model}: no {CONFIG} and {PROCESSOR} of {settings.name!r}, so its network cannot be built, "
            "even for a random start. Needed: the hub in reach, or its cache with these two files, or a "
            f"folder made by save_pretrained ({CONFIG}, {PROCESSOR}, model.safetensors) as "
            f"backbones.{settings.model}.name."
        )
    return found


def store_network_files(found: dict[str, Path], out_dir: Path) -> dict[str, str]:
    """Copy the files into `out_dir` and return the SHA-256 of each."""
    for name, path in found.items():
        if path != out_dir / name:
            copy_file(path, out_dir / name)
    return {name: file_sha256(out_dir / name) for name in sorted(found)}


def copy_config(weights_dir: Path, out_dir: Path) -> None:
    """Put config.json, where there is one, beside a trained model: a fine-tuned one needs no weights folder."""
    if (weights_dir / CONFIG).is_file():
        copy_file(weights_dir / CONFIG, out_dir / CONFIG)


def network_files_on_hub(repo_id: str, *, revision: str | None, timeout_s: float) -> dict[str, Path]:
    """Return both files of one commit (None = the newest) from the hub or its cache; nothing where one is missing."""
    found: dict[str, Path] = {}
    for name in (CONFIG, PROCESSOR):
        outcome = find_on_hub(repo_id, (name,), timeout_s=timeout_s, revision=revision)
        if not isinstance(outcome, Found):
            sys.stderr.write(f"bakeoff: {repo_id}/{name}: {in_words(outcome)}\n")
            return {}
        found[name], revision = outcome.path, outcome.revision
    return found
