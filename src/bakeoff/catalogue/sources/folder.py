"""A folder per class: `<root>/<class>/…/<photo>`."""

from pathlib import Path

from bakeoff.catalogue.params import DatasetParams
from bakeoff.catalogue.sources.base import RawProduct, SourceUnavailableError, list_files

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jfif"}


class FolderSource:
    """Label = first folder below the root; every file in it is a product, so that none is lost silently."""

    def present(self, dataset: DatasetParams, root: Path) -> bool:
        """Return whether the root holds a folder with a file."""
        return root.is_dir() and any(len(path.relative_to(root).parts) > 1 for path in list_files(root))

    def acquire(self, dataset: DatasetParams, root: Path) -> None:
        """Say what is missing; nothing can be downloaded."""
        if not self.present(dataset, root):
            raise SourceUnavailableError(
                f"dataset {dataset.name!r} needs one folder per class with its photos in {root} "
                f"(for example {root}/shoes/1.jpg), found none; put them there and run again.",
                reason="files_missing",
            )

    def image_folder(self, dataset: DatasetParams, root: Path) -> Path:
        """Return the root."""
        return root

    def read(self, dataset: DatasetParams, root: Path) -> list[RawProduct]:
        """Return one product per file below a class folder; a photo outside any class folder has no label."""
        products = []
        for path in list_files(root):
            relative = path.relative_to(root)
            if len(relative.parts) == 1 and path.suffix.lower() not in IMAGE_SUFFIXES:
                continue
            label = relative.parts[0] if len(relative.parts) > 1 else None
            products.append(RawProduct("__".join(relative.parts), relative.as_posix(), label))
        return products
