"""A folder per class: `<root>/<class>/…/<photo>`, or `<root>/<split>/<class>/…/<photo>`."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from pathlib import Path

from bakeoff.catalogue.params import DatasetParams
from bakeoff.catalogue.photo_file import Member, is_archive, list_members
from bakeoff.catalogue.sources.base import NOT_DATA, RawProduct, Source, folder_split, list_files, split_of
from bakeoff.core.errors import DataError

_Parts = tuple[str, ...]
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jfif", ".heic", ".heif"}
PHOTO_SUFFIXES |= {".avif", ".jp2", ".ppm", ".tga", ".ico", ".pcx"}
_NO_PHOTO = re.compile(
    r"(?i).*\.(txt|[ct]sv|jsonl?|md|rst|xml|ya?ml|toml|html?|pdf|py|ipynb|log|ini|db|zip|gz|tar|np[yz]|mat|h5|pth?|parquet"
    r"|pkl|pickle|xlsx?|docx?|mp[34]|mov|avi|wav|sh|url|lnk)|readme|licen[cs]e|copying|notice|changelog|makefile"
)


class FolderSource(Source):
    """Label = first folder below the root; every file in it is a product, so that none is lost silently.

    Folders named like splits (train, val2017, seg_test) are the official split, and a folder that alone holds all
    photos is a wrapper: in both the classes are one level below. Where no folder holds photos, ZIP and tar files are
    read, each as if it were a folder of its name; nothing is unpacked.
    """

    NEEDS = (
        "one folder per class with its photos in {images} (for example {images}/shoes/1.jpg), found none; "
        "put them there"
    )

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether the root holds a folder with a file, or an archive."""
        base = self.image_folder(dataset, root)
        found = list_files(base) if base.is_dir() else ()
        return any(len(path.relative_to(base).parts) > 1 or is_archive(path) for path in found)

    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return one product per file below a class folder; a photo outside any class folder has no label."""
        base = self.image_folder(dataset, root)
        files = [(path.relative_to(base).as_posix(), Member(path.relative_to(base).parts)) for path in list_files(base)]
        archives = [path for path in list_files(base) if is_archive(path)]
        if not any(len(file.parts) > 1 and not _NO_PHOTO.fullmatch(file.parts[-1]) for _, file in files):
            files += [pair for archive in archives for pair in _inside(archive, base, root)]
        levels = _class_levels([file.parts for _, file in files if not _NO_PHOTO.fullmatch(file.parts[-1])], base)
        names, products = Counter(file.parts for _, file in files), []
        for image_path, file in files:
            level = next((level for level in levels if file.parts[: len(level)] == level), file.parts[:-1])
            below = file.parts[len(level) :]
            if len(below) > 1 or not _NO_PHOTO.fullmatch(file.parts[-1]):
                label, known = below[0] if len(below) > 1 else None, {"part": file.where, "refused": file.refused}
                product, split = RawProduct("/".join(file.parts), image_path, label, **known), levels.get(level)
                name = product.product_id if names[file.parts] == 1 else product.shown_image  # a.zip beside a.tar
                products.append(replace(product, product_id=name, official_split=split))
        return products


def _inside(archive: Path, base: Path, root: Path) -> Iterator[tuple[str, Member]]:
    """Yield an archive's path with each of its files, as if in a folder, but for hidden ones and what macOS leaves."""
    place = archive.relative_to(root).as_posix()
    above = archive.relative_to(base).with_suffix("").parts
    for member in list_members(archive):
        if not any(part.startswith(".") or part in NOT_DATA for part in member.parts):
            yield place, replace(member, parts=(*above, *member.parts))


def _class_levels(photos: Sequence[_Parts], base: Path) -> dict[_Parts, str | None]:
    """Return the folders, as parts below `base`, whose subfolders are the classes, and the official split of each."""
    level = _skip_wrappers(photos, ())
    below = {name: _folders(photos, (*level, name)) for name in sorted(_folders(photos, level))}
    splits = {name: folder_split(name) for name in below}
    if not all(splits.values()):  # a class may be called "toy train"
        splits = {name: split_of(name) or (split if below[name] else None) for name, split in splits.items()}
    named, others = [[name for name in splits if bool(splits[name]) == known] for known in (True, False)]
    inside = [f"{name}/{one}" for name in others for one in sorted(below[name]) if folder_split(one)]
    clear = any(split_of(name) and len(below[name]) > 1 for name in named) or len({splits[name] for name in named}) > 1
    clear |= any(len({*map(folder_split, below[name])} - {None}) > 1 for name in others)
    if others and (clear or any(below[name] & below[other] for name in named for other in others)):
        raise DataError(
            f"{base.joinpath(*level)} holds folders named like splits ({', '.join(named + inside)}) and others with "
            f"photos ({', '.join(others)}); splits belong above the classes (train/<class>/…): move the others "
            "elsewhere, or name the folder of the splits or classes in dataset.images; a class needs another name."
        )
    if len(named) < max(2, len(splits)):
        return {level: None}
    known = [_folders(photos, _skip_wrappers(photos, (*level, name))) for name in splits]
    classes = {name for names in known if len(names) > 1 for name in names}
    return {_skip_wrappers(photos, (*level, name), classes): split for name, split in splits.items()}


def _skip_wrappers(photos: Sequence[_Parts], level: _Parts, classes: Set[str] = frozenset()) -> _Parts:
    """Return the first level from `level` down with two folders of photos or a class, or `level` where none has."""
    deeper = level
    while len(names := _folders(photos, deeper)) == 1 and not names & classes:
        deeper += tuple(names)
    return deeper if names else level


def _folders(photos: Sequence[_Parts], level: _Parts) -> set[str]:
    """Return the names of the folders at `level` with photos in them or below."""
    depth = len(level)
    return {parts[depth] for parts in photos if parts[:depth] == level and len(parts) > depth + 1}
