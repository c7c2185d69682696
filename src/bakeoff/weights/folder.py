"""Weights from a folder of the user's: <model>.safetensors, .pth, .pth.tar, .pt or .bin; the baseline's .h5."""

from pathlib import Path

from bakeoff.backbones.hub import KERAS_FILE, Found
from bakeoff.core.errors import WeightsError
from bakeoff.core.paths import main_checkout
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.weights import Reason

SUFFIXES = (".safetensors", ".pth", ".pth.tar", ".pt", ".bin")
_BASELINE_NAMES = tuple(
    f"{name}{suffix}" for name in (KERAS_FILE.removesuffix(".h5"), "baseline_tf") for suffix in (".h5", ".weights.h5")
)


def candidate_file(settings: CandidateSettings, folder: str | None) -> Found | None:
    """Return the user's file of a candidate, by its name in the study, then by its library's; None where there is none.

    A transformers candidate whose name is a folder made by save_pretrained has that folder. A relative `weights.folder`
    is taken from the main checkout.
    """
    own = main_checkout() / settings.name
    if settings.source == "hf" and own.is_dir():
        return Found(own, "folder", url_or_id=settings.name)
    return _first(folder, candidate_names(settings))


def candidate_names(settings: CandidateSettings) -> tuple[str, ...]:
    """Return the names that a candidate's file may have in `weights.folder`, best first."""
    return tuple(f"{name}{suffix}" for name in (settings.model, Path(settings.name).name) for suffix in SUFFIXES)


def baseline_file(folder: str | None) -> Found | None:
    """Return the user's copy of Keras' EfficientNet-B0 file; None where there is none."""
    return _first(folder, _BASELINE_NAMES)


def or_not_found(found: Found | None, folder: str | None) -> Found | Reason:
    """Return what was found, or that nothing was.

    Raises:
        WeightsError: nothing, and `weights.folder` does not even exist.
    """
    if found is None and folder is not None and not (main_checkout() / folder).is_dir():
        raise WeightsError(
            f"weights.folder: {main_checkout() / folder} is not a folder; make it, or set weights.folder to null."
        )
    return found or "not_found"


def _first(folder: str | None, names: tuple[str, ...]) -> Found | None:
    """Return the first file of these names that is there."""
    if folder is None:
        return None
    paths = (main_checkout() / folder / name for name in names)
    path = next((path for path in paths if path.is_file()), None)
    return Found(path, "folder", url_or_id=path.name) if path else None
