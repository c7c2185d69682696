"""A folder per class: `<root>/<class>/…/<photo>`, or `<root>/<split>/<class>/…/<photo>`."""

from collections.abc import Sequence
from pathlib import Path

from bakeoff.catalogue.params import DatasetParams
from bakeoff.catalogue.sources.base import RawProduct, SourceUnavailableError, list_files, split_of
from bakeoff.core.errors import DataError

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jfif"}


class FolderSource:
    """Label = first folder below the root; every file in it is a product, so that none is lost silently.

    Folders named like splits (train, val, test) are the official split, and a folder that alone holds all photos is a
    wrapper: in both the classes are one level below.
    """

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether the root holds a folder with a file."""
        base = self.image_folder(dataset, root)
        return base.is_dir() and any(len(path.relative_to(base).parts) > 1 for path in list_files(base))

    def acquire(self, dataset: DatasetParams, root: Path) -> None:
        """Say what is missing; nothing can be downloaded."""
        if not self.present(dataset, root):
            base = self.image_folder(dataset, root)
            raise SourceUnavailableError(
                f"dataset {dataset.name!r} needs one folder per class with its photos in {base} "
                f"(for example {base}/shoes/1.jpg), found none; put them there and run again.",
                reason="files_missing",
            )

    def image_folder(self, dataset: DatasetParams, root: Path) -> Path:
        """Return `<root>/<dataset.images>`."""
        return root / dataset.images if dataset.images else root

    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return one product per file below a class folder; a photo outside any class folder has no label.

        Raises:
            DataError: there are folders named like splits and others beside them.
        """
        base = self.image_folder(dataset, root)
        files = [path.relative_to(base).parts for path in list_files(base)]
        levels = _class_levels([parts for parts in files if _is_photo(parts)], base)
        products = []
        for parts in files:
            level = next((level for level in levels if parts[: len(level)] == level), parts[:-1])
            below = parts[len(level) :]
            if len(below) > 1 or _is_photo(parts):
                label = below[0] if len(below) > 1 else None
                split = levels.get(level)
                products.append(RawProduct("__".join(parts), "/".join(parts), label, official_split=split))
        return products


def _is_photo(parts: tuple[str, ...]) -> bool:
    return Path(parts[-1]).suffix.lower() in IMAGE_SUFFIXES


def _class_levels(photos: Sequence[tuple[str, ...]], base: Path) -> dict[tuple[str, ...], str | None]:
    """Return the folders, as parts below `base`, whose subfolders are the classes, and the official split of each."""
    level = _skip_wrappers(photos, ())
    splits = {name: split_of(name) for name in sorted(_folders(photos, level))}
    named = [name for name, split in splits.items() if split]
    if len(named) < len(splits) and len({splits[name] for name in named}) > 1:
        others = ", ".join(name for name in splits if name not in named)
        raise DataError(
            f"{base.joinpath(*level)} holds folders named like splits ({', '.join(named)}) and others with photos "
            f"({others}); move the others elsewhere, or name the folder of the class folders in dataset.images."
        )
    if len(named) < max(2, len(splits)):
        return {level: None}
    return {_skip_wrappers(photos, (*level, name)): split for name, split in splits.items()}


def _skip_wrappers(photos: Sequence[tuple[str, ...]], level: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first level from `level` down with two folders of photos or more, or `level` where none has."""
    deeper = level
    while len(names := _folders(photos, deeper)) == 1:
        deeper += tuple(names)
    return deeper if names else level


def _folders(photos: Sequence[tuple[str, ...]], level: tuple[str, ...]) -> set[str]:
    """Return the names of the folders at `level` with photos in them or below."""
    depth = len(level)
    return {parts[depth] for parts in photos if parts[:depth] == level and len(parts) > depth + 1}
