"""Data sets of the Hugging Face hub, or folders that `datasets` reads: written as Parquet, then read as tables."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.progress import track

from bakeoff.catalogue.params import DatasetParams
from bakeoff.catalogue.sources.base import SourceUnavailableError, folder_split, list_files
from bakeoff.catalogue.sources.table import TableSource
from bakeoff.core.errors import DataError
from bakeoff.core.failures import in_one_line
from bakeoff.core.files import replacing, write_json
from bakeoff.core.hub_refusals import WHAT_TO_DO, refusal
from bakeoff.core.paths import main_checkout

_DONE = "huggingface.json"
_ROWS = 100  # a row group, which is what reading a photo costs most


class HuggingFaceSource(TableSource):
    """`dataset.table` is a name on the hub or a folder; its classes keep their order, and its splits are official."""

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether the splits of this data set have been written into `root`."""
        return (root / _DONE).is_file() and _wanted(dataset).items() <= _written(root).items()

    def acquire(self, dataset: DatasetParams, root: Path) -> None:
        """Write each split as a Parquet file into `root`; pictures are copied as they are, not decoded.

        Raises:
            SourceUnavailableError: the hub does not give it; the message says why and what to do.
            DataError: none is named, or `datasets` cannot read it.
        """
        if not dataset.table:
            raise DataError("dataset.table must name a data set of the Hugging Face hub, or a folder of one.")
        if self.present(dataset, root):
            return
        root.mkdir(parents=True, exist_ok=True)
        for name in _written(root)["splits"] if (root / _DONE).is_file() else ():  # of another data set
            (root / f"{name}.parquet").unlink(missing_ok=True)
        (root / _DONE).unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".cache-") as cache:
            splits = _load(dataset.table, dataset.sheet, cache)
            for name, split in splits.items():
                _write(split, root / f"{name}.parquet")
        write_json(root / _DONE, _wanted(dataset) | {"splits": list(splits)})

    def _tables(self, dataset: DatasetParams, root: Path) -> list[tuple[Path, str | None]]:
        splits = {name: folder_split(name) for name in _written(root)["splits"]}
        is_official = len({*splits.values()} - {None}) > 1
        return [(root / f"{name}.parquet", split if is_official else None) for name, split in splits.items()]


def _wanted(dataset: DatasetParams) -> dict[str, Any]:
    folder = main_checkout() / str(dataset.table)
    found = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in list_files(folder)]
    return {"table": dataset.table, "configuration": dataset.sheet, **({"files": found} if found else {})}


def _written(root: Path) -> dict[str, Any]:
    return json.loads((root / _DONE).read_text(encoding="utf-8"))


def _load(name: str, configuration: str | None, cache: str) -> dict[str, Any]:
    """Return the splits by name; what the hub gives stays in the library's own cache, so that a download goes on."""
    import datasets
    from datasets.exceptions import DatasetsError

    folder = main_checkout() / name
    is_local = folder.is_dir()
    try:
        if is_local and any((folder / file).is_file() for file in ("dataset_dict.json", "state.json")):
            loaded = datasets.load_from_disk(str(folder))
        elif is_local:
            loaded = datasets.load_dataset(str(folder), configuration, cache_dir=cache)
        else:
            loaded = datasets.load_dataset(name, configuration)
    except (OSError, ValueError, RuntimeError, TypeError, pa.ArrowException, DatasetsError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _explain(name, error, is_local=is_local) from None
    return {str(name): part for name, part in loaded.items()} if isinstance(loaded, dict) else {"train": loaded}


def _explain(name: str, error: Exception, *, is_local: bool) -> DataError:
    """Return the sentence for what `datasets` raises: the first error of its chain that the hub gave, tells most."""
    from huggingface_hub.errors import HfHubHTTPError

    chain: list[BaseException] = [error]
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)
    ours = next((one for one in chain if isinstance(one, HfHubHTTPError)), None)
    if is_local or (ours is None and not any(isinstance(one, ConnectionError) for one in chain)):
        return DataError(f"dataset.table: `datasets` cannot read {name!r} ({in_one_line(error)[:300]}).")
    reason = refusal(ours) if ours else "unreachable"
    told = WHAT_TO_DO.get(reason, "the hub has no data set of that name")
    return SourceUnavailableError(
        f"dataset.table: {name!r} is not a folder here, and the Hugging Face hub does not give it ({reason}: {told}).",
        reason=reason,
    )


def _write(split: Any, target: Path) -> None:
    """Write one split's rows, the pictures' bytes beside the rest, whatever file they come from."""
    from datasets.table import embed_table_storage

    batches, n_batches = split.with_format("arrow").iter(_ROWS), -(-len(split) // _ROWS)
    with replacing(target) as partial, pq.ParquetWriter(partial, split.features.arrow_schema) as writer:
        for batch in track(batches, total=n_batches, description=f"writing {target.name}"):
            writer.write_table(embed_table_storage(batch))
