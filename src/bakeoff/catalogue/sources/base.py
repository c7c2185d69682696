"""What every source of products offers; reading is separate from judging, which is `prepare`'s."""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from bakeoff.catalogue.params import DatasetParams
from bakeoff.catalogue.photo_file import Cell, Stretch
from bakeoff.core.errors import DataError
from bakeoff.core.names import find_file, readable
from bakeoff.data.decode import Rejection

_SPLIT = re.compile(r"(?i)(train(.?val)?|e?val(id|idation|uation)?|dev|test|hold.?out)(ing)?([ _-]?(set|data|split))?")
UNCOMMON = frozenset({"columns.split", "columns.group", "keep", "sheet"})
"""Keys of section `dataset` that not every kind reads, and that people would miss."""
NOT_DATA = {"__MACOSX", "@eaDir"}  # what macOS and Synology leave beside the files


@dataclass(frozen=True)
class RawProduct:
    """One product as the source has it, unchecked; the fields in the order of `ColumnNames`."""

    product_id: str
    image_path: str
    """Relative to `Source.image_folder`, of an archive or table that holds photos to the root; empty where none is."""
    label: str | None
    title: str | None = None
    description: str | None = None
    official_split: str | None = None  # one of SPLITS, where the source has a split of its own
    refused: Rejection | None = None
    """Why the source cannot use it: its row's fields cannot be told apart, its archive leads elsewhere."""
    part: Stretch | Cell | None = None  # where in that file the photo is; None = the file is the photo
    group: str | None = None  # products of one group never lie in two splits
    box: tuple[int, int, int, int] | None = None  # left, top, right, bottom of the object in the photo, px, half-open
    more: Mapping[str, str | int | None] = field(default_factory=dict)
    """What else the source knows, by column of products.parquet: make, year."""
    is_unlabelled: bool = False
    """The source keeps its label to itself, as a challenge's test set: `predict` takes it, the study does not."""

    @property
    def shown_image(self) -> str:
        """Return where the photo lies, for people."""
        return f"{self.image_path}/{self.part.name}" if self.part else self.image_path


class SourceUnavailableError(DataError):
    """The source cannot get its data on this machine; `reason` is a fixed word for the records."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Source(ABC):
    """A kind of data set: raw files that people put into its root, unless it can get them by itself."""

    IMAGES: str | None = None  # where its photos always lie; None where `dataset.images` says it

    USES: Set[str] = frozenset()  # which of `UNCOMMON` it reads

    NEEDS = "its files in {root}; put them there"
    """What to put where, as the end of "dataset 'shoes' needs …"; `{root}` and `{images}` are the folders."""

    def check_keys(self, dataset: DatasetParams) -> None:
        """Refuse a key of section `dataset` that would change nothing."""
        for key in sorted(UNCOMMON - self.USES):
            if attrgetter(key)(dataset):
                raise DataError(f"dataset.{key} is not for kind {dataset.kind}, which does not read it; leave it out.")

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether the raw files are in `root`: where they are no more than photos, the folder of these."""
        return self.image_folder(dataset, root).is_dir()

    def acquire(self, dataset: DatasetParams, root: Path) -> None:
        """Bring the raw files into `root`, where that can be done; do nothing where they are there.

        Raises:
            SourceUnavailableError: they are missing and cannot be got; the message says which files to put where.
        """
        if not self.present(dataset, root):
            needs = self._needs(dataset, root)
            raise SourceUnavailableError(
                f"dataset {dataset.name!r} needs {needs} and run again.", reason="files_missing"
            )

    def _needs(self, dataset: DatasetParams, root: Path) -> str:
        return self.NEEDS.format(root=root, images=self.image_folder(dataset, root))

    def image_folder(self, dataset: DatasetParams, root: Path) -> Path:
        """Return the folder that image paths are relative to."""
        return find_file(root, self.IMAGES or dataset.images or "")

    def class_order(self, dataset: DatasetParams, root: Path) -> list[str] | None:
        """Return the classes in the source's own order, for `label_id`; None = sorted as text."""
        return None

    @abstractmethod
    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return every product the source lists, in a fixed order.

        Raises:
            DataError: the files are not laid out as they should be; the message says what was expected.
        """


def split_of(word: str) -> str | None:
    """Return the split that a word names in any usual spelling (train, Training, val, test_set), None for others."""
    found = _SPLIT.fullmatch(word.strip())
    return found and {"tr": "train", "te": "test", "ho": "test"}.get(found[1][:2].lower(), "validation")


def folder_split(name: str) -> str | None:
    """Return the split that the name of a folder or a shard is, begins or ends with: train, train2017, seg_train."""
    words = [word for word in re.split(r"[ _\-\d]+", name) if word]
    return split_of(name) or (split_of(words[0]) or split_of(words[-1]) if words else None)


def read_lines(path: Path) -> list[str]:
    """Return the lines of a list that are not empty; bytes that are not UTF-8 are read as cp1252."""
    text = readable(path.read_bytes().decode("utf-8", "surrogateescape"))
    return [line.strip() for line in text.splitlines() if line.strip()]


def list_files(root: Path) -> Iterator[Path]:
    """Yield the files below `root` in a fixed order, without hidden ones, half-finished downloads and __MACOSX.

    Links to folders are followed, since people link `Images` to another disk, but for those to a folder that the way
    there went through: they would come round for ever. What a link out of the data folder leads to is refused later,
    with a reason.
    """
    for folder, names, files in os.walk(root, followlinks=True):
        here = Path(folder)
        names[:] = sorted((name for name in names if _is_followed(here / name, root)), key=os.fsencode)
        for name in sorted(files, key=os.fsencode):
            if not name.startswith("."):
                yield here / name


def _is_followed(path: Path, root: Path) -> bool:
    """Return whether a folder may hold data and does not lead back to one that the way to it, links included, has."""
    if path.name.startswith(".") or path.name.endswith(".tmp") or path.name in NOT_DATA:
        return False
    above = [folder for folder in path.parents if folder.is_relative_to(root)] if path.is_symlink() else []
    return not any(folder.resolve().is_relative_to(path.resolve()) for folder in above)
