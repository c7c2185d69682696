"""Get the raw files where that can be done, and list them: source.json is what `prepare` depends on."""

import hashlib
import json
import os
import sys
from pathlib import Path

from rich.progress import track

from bakeoff.catalogue.params import ColumnNames, DatasetParams
from bakeoff.catalogue.sources import SOURCES, SourceUnavailableError, list_files
from bakeoff.core.errors import DataError
from bakeoff.core.files import write_json
from bakeoff.core.names import readable
from bakeoff.core.paths import main_checkout, state_dir
from bakeoff.records.catalogue import RawFile, SourceRecord
from bakeoff.records.weights import file_sha256


def fetch(dataset: DatasetParams, main_root: Path, out: Path) -> SourceRecord:
    """Get the data set, or its fallback where it is not available, and write source.json (`out`).

    Raises:
        DataError: the files are missing and there is no fallback; the message says which to put where.
    """
    reason = None
    SOURCES[dataset.kind].check_keys(dataset)
    try:
        SOURCES[dataset.kind].acquire(dataset, main_root / dataset.root)
    except SourceUnavailableError as error:
        if dataset.fallback is None:
            raise
        reason = error.reason
        sys.stderr.write(
            f"bakeoff: WARNING: {error}\nbakeoff: WARNING: the study goes on with the GENERATED catalogue "
            f"{dataset.fallback!r} instead; its results say nothing about {dataset.name!r}.\n"
        )
        dataset = fallback_dataset(dataset)
        SOURCES[dataset.kind].acquire(dataset, main_root / dataset.root)
    record = _describe(dataset, main_root, reason)
    record.write(out)
    return record


def refetch_needed(dataset: DatasetParams, source_json: Path) -> bool:
    """Return whether the raw files are no longer those that source.json lists, or are available since a fallback."""
    main_root = main_checkout()
    recorded = SourceRecord.read_current(source_json)
    if recorded is None:
        return True
    reason = recorded.fallback_reason
    if reason and (dataset.fallback is None or SOURCES[dataset.kind].present(dataset, main_root / dataset.root)):
        return True
    actual = effective_dataset(dataset, recorded)
    is_there = SOURCES[actual.kind].present(actual, main_root / actual.root)
    return not is_there or _describe(actual, main_root, reason) != recorded


def fallback_dataset(dataset: DatasetParams) -> DatasetParams:
    """Return the params of the generated catalogue that stands in for `dataset`."""
    if dataset.fallback != "synthetic" or dataset.synthetic is None:
        raise DataError(
            f"dataset.fallback can only be synthetic (with dataset.synthetic filled in), got {dataset.fallback!r}."
        )
    unset = dict.fromkeys(("fallback", "table", "images", "classes", "min_class_size", "crop_to_box", "source_url"))
    changes = unset | {"name": "synthetic", "kind": "synthetic", "root": "data/raw/synthetic", "licence": "CC0-1.0"}
    changes |= {"photos": "first", "label_level": 1, "drop": [], "exclude_labels": []}
    changes |= {"columns": ColumnNames.model_validate(dict.fromkeys(ColumnNames.model_fields))}
    changes |= {"duplicates": "group", "phash_distance": 2}
    return dataset.model_copy(update=changes)


def effective_dataset(dataset: DatasetParams, source: SourceRecord) -> DatasetParams:
    """Return the params of what source.json lists: those of `dataset`, or of its fallback."""
    return fallback_dataset(dataset) if source.fallback_reason else dataset


def _describe(dataset: DatasetParams, main_root: Path, reason: str | None) -> SourceRecord:
    """Return what to write into source.json: every raw file; unchanged ones (size and time) are not read again.

    Packages someone put beside the data (.deb) are not raw files of a catalogue.
    """
    root = main_root / dataset.root
    cache_file = state_dir("digests") / f"{hashlib.sha256(str(root).encode()).hexdigest()[:16]}.json"
    known = json.loads(cache_file.read_text(encoding="utf-8")) if cache_file.is_file() else {}
    files, cache = [], {}
    paths = [path for path in list_files(root) if path.suffix != ".deb" and path.is_file()]
    in_order = sorted(paths, key=lambda path: [os.fsencode(part) for part in path.parts])
    for path in track(in_order, description="listing raw files", disable=len(paths) < 100):
        status = path.stat()
        name, stamp = readable(path.relative_to(root).as_posix()), [status.st_size, status.st_mtime_ns]
        earlier = known.get(name)
        digest = earlier[2] if earlier and earlier[:2] == stamp else file_sha256(path)
        cache[name] = [*stamp, digest]
        files.append(RawFile(path=name, size=status.st_size, sha256=digest))
    write_json(cache_file, cache)
    digest = hashlib.sha256("".join(f"{file.path}\0{file.sha256}\n" for file in files).encode()).hexdigest()
    named = dataset.model_dump(include={"kind", "name", "root", "licence", "source_url"})
    return SourceRecord(**named, digest=digest, fallback_reason=reason, files=files)
