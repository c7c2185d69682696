"""WebDataset: tar shards whose members share a key, as `000123.jpg`, `000123.cls` and `000123.json` do.

Source: https://github.com/webdataset/webdataset, "The WebDataset Format".
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from bakeoff.catalogue.params import ColumnNames, DatasetParams
from bakeoff.catalogue.photo_file import Member, PhotoFile, list_members
from bakeoff.catalogue.sources.base import NOT_DATA, RawProduct, Source, folder_split, list_files, read_lines
from bakeoff.catalogue.sources.folder import PHOTO_SUFFIXES
from bakeoff.core.errors import DataError
from bakeoff.core.names import table_label
from bakeoff.data.decode import Rejection

_CLASS_LISTS = ("classes.txt", "classnames.txt")
_LARGEST_TEXT_MEGAPIXELS = 0.2  # 1.6 MB
_Sample = dict[str, Member]


class WebdatasetSource(Source):
    """Columns are extensions (`cls`, `txt`) or fields of the JSON (`json.category`); classes.txt names numbered ones.

    Shards named like splits (train-000000.tar) are the official split.
    """

    USES = frozenset({"columns.group"})
    NEEDS = "tar shards in {images}; put them there"

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether there is a shard."""
        return bool(_shards(self.image_folder(dataset, root)))

    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return one product per key with a photo."""
        if not dataset.columns.label:
            raise DataError("dataset.columns.label must name what holds the label, such as cls, txt or json.category.")
        classes = self.class_order(dataset, root) or []
        shards = {shard: folder_split(shard.stem) for shard in _shards(self.image_folder(dataset, root))}
        splits = shards if all(shards.values()) and len({*shards.values()}) > 1 else {}
        products = []
        for shard in shards:
            place, split = shard.relative_to(root).as_posix(), splits.get(shard)
            for key, sample in _samples(shard):
                cells = _read_cells(shard, sample, dataset.columns)
                label = table_label(cells["label"], dataset.label_level) if cells["label"] else None
                if label and classes and label.isdecimal():
                    label = classes[int(label)] if int(label) < len(classes) else None
                photo = sample[_photo(sample)]
                name = cells["id"] or f"{place.rpartition('.')[0]}/{key}"  # keys start anew in each shard
                texts, rest = (cells["title"], cells["description"]), (photo.refused, photo.where, cells["group"])
                products.append(RawProduct(name, place, label, *texts, split, *rest))
        return products

    def class_order(self, dataset: DatasetParams, root: Path) -> list[str] | None:
        """Return classes.txt where there is one."""
        found = next((root / name for name in _CLASS_LISTS if (root / name).is_file()), None)
        return found and read_lines(found)


def _shards(folder: Path) -> list[Path]:
    return [path for path in list_files(folder) if path.suffix.lower() == ".tar"] if folder.is_dir() else []


def _samples(shard: Path) -> Iterator[tuple[str, _Sample]]:
    """Yield (key, members by extension) for each run of members with one key that has a photo."""
    shown = (one for one in list_members(shard) if not any(name[0] == "." or name in NOT_DATA for name in one.parts))
    for key, members in groupby(shown, lambda one: "/".join((*one.parts[:-1], one.parts[-1].partition(".")[0]))):
        sample = {one.parts[-1].partition(".")[2].lower(): one for one in members}
        if _photo(sample):
            yield key, sample


def _photo(sample: _Sample) -> str:
    return next((extension for extension in sample if f".{extension.split('.')[-1]}" in PHOTO_SUFFIXES), "")


def _read_cells(shard: Path, sample: _Sample, columns: ColumnNames) -> dict[str, str | None]:
    """Return a sample's id, label, title, description and group as text, null where it has none."""
    cells = {}
    for field in ("id", "label", "title", "description", "group"):
        extension, _, inside = (getattr(columns, field) or "").partition(".")
        member = sample.get(extension)
        encoded = PhotoFile(shard, member.where).read(_LARGEST_TEXT_MEGAPIXELS) if member else b""
        value: Any = None if isinstance(encoded, Rejection) else encoded.decode("utf-8", "replace")
        if value and inside:
            value = _parse(value).get(inside)
        cells[field] = None if value is None else str(value).strip() or None
    return cells


@lru_cache(maxsize=1)  # several fields of one JSON
def _parse(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
