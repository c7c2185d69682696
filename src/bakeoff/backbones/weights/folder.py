"""Weights from a folder of the user's: <model>.safetensors, .pth, .pth.tar, .pt or .bin."""

from __future__ import annotations

from bakeoff.backbones.weights.found import Found, NotFound
from bakeoff.errors import WeightsError
from bakeoff.paths import main_checkout

SUFFIXES = (".safetensors", ".pth", ".pth.tar", ".pt", ".bin")


def find_in_folder(folder: str | None, names: list[str], suffixes: tuple[str, ...] = SUFFIXES) -> Found | NotFound:
    """Return the first `<name><suffix>` in `folder`, names before suffixes.

    Args:
        folder: `weights.folder`; a relative one is taken from the main checkout; None = nothing to look at.
        names: what the file may be called: the model's name in the study, then its library's name.
        suffixes: endings, best first.

    Raises:
        WeightsError: the folder does not exist.
    """
    if folder is None:
        return NotFound("not_found")
    root = main_checkout() / folder
    if not root.is_dir():
        raise WeightsError(f"weights.folder: {root} is no folder; make it, or set weights.folder to null.")
    for name in names:
        for suffix in suffixes:
            path = root / f"{name}{suffix}"
            if path.is_file():
                return Found(path, "folder", url_or_id=path.name)
    return NotFound("not_found")
