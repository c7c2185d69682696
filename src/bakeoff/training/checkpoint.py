"""A training on disk: its checkpoint, atomic and gone after success, then the classifier in safetensors.

Frozen mode keeps the head alone and refers to its backbone's weights.
"""

import os
import pickle
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bakeoff.backbones.classifier import Classifier
from bakeoff.core.errors import TrainingError
from bakeoff.core.files import replacing
from bakeoff.core.modes import Mode
from bakeoff.training.probes import head_of

MODEL_FILE = "model.safetensors"
STATE_FILE = "state.pt"
_HEAD = "head."


def save_classifier(classifier: Classifier, mode: Mode, path: Path) -> None:
    """Write what the mode keeps: `head.*`, or the whole state; the same state gives the same bytes."""
    state = {name: tensor for name, tensor in classifier.state_dict().items() if _is_kept(name, mode)}
    # Clones untie tensors that share memory, which the format refuses.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    # One entry only: safetensors writes several in random order, and DVC would see another file at every run.
    try:
        save_file(tensors, path, metadata={"format": "pt"})
    except SafetensorError as error:  # a full disk among them
        raise TrainingError(f"{path} cannot be written ({error}); is the disk full?") from None


def load_classifier(classifier: Classifier, mode: Mode, path: Path) -> None:
    """Put a saved state into a classifier of the same settings; every expected tensor must be there, and no other."""
    if not path.is_file():
        raise TrainingError(f"{path} is missing; run `dvc repro` for this candidate's train_torch stage.")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise TrainingError(f"{path} is not a safetensors file ({error}); train this candidate again.") from None
    if mode.family == "probe":
        own = {name.removeprefix(_HEAD): tensor for name, tensor in tensors.items()}
        try:
            classifier.head = head_of(mode.head, own)
        except (KeyError, TypeError):
            raise TrainingError(f"{path} does not hold a {mode.name} head; train this candidate again.") from None
    expected = {name: tensor for name, tensor in classifier.state_dict().items() if _is_kept(name, mode)}
    wrong = [f"{name} missing" for name in expected.keys() - tensors.keys()]
    wrong += [f"{name} unknown" for name in tensors.keys() - expected.keys()]
    pairs = {
        name: (tuple(tensors[name].shape), tuple(expected[name].shape)) for name in expected.keys() & tensors.keys()
    }
    wrong += [f"{name} {given} instead of {wanted}" for name, (given, wanted) in pairs.items() if given != wanted]
    if wrong:
        raise TrainingError(
            f"{path} does not fit the {mode.name} classifier that training.json describes: {len(wrong)} tensors "
            f"differ, first {min(wrong)}; train this candidate again."
        )
    classifier.load_state_dict(tensors, strict=False)


def _is_kept(name: str, mode: Mode) -> bool:
    return mode.kept == "all" or name.startswith(_HEAD)


class CheckpointFolder:
    """One training's checkpoint; what is written there never changes a result, only how much is done again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last_write_s = 0.0
        self._written_at: float | None = None

    def load(self) -> dict[str, Any] | None:
        """Return the last state, or None where there is none; an unreadable one is named on stderr and dropped."""
        path = self.folder / STATE_FILE
        for partial in self.folder.glob(f"{STATE_FILE}.*.tmp"):  # of a process that was killed while it wrote
            partial.unlink()
        if not path.is_file():
            return None
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError, ValueError, KeyError) as error:
            first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
            sys.stderr.write(f"bakeoff: checkpoint {path} cannot be read ({first_line}); training starts anew.\n")
            self.clear()
            return None

    def is_due(self) -> bool:
        """Return whether to write: the first time always, then so that writing takes a tenth of the time at most."""
        return self._written_at is None or time.monotonic() - self._written_at >= 9 * self._last_write_s

    def save(self, state: dict[str, Any]) -> None:
        """Replace the state in one step: a killed process leaves the old one or the new one."""
        started = time.monotonic()
        try:
            with replacing(self.folder / STATE_FILE) as partial, partial.open("wb") as handle:
                torch.save(state, handle)
                handle.flush()
                os.fsync(handle.fileno())
        except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError
            sys.stderr.write(f"bakeoff: warning: no resume checkpoint written ({error}); the training goes on.\n")
        self._written_at = time.monotonic()
        self._last_write_s = self._written_at - started

    def clear(self) -> None:
        """Remove the folder, after success."""
        shutil.rmtree(self.folder, ignore_errors=True)
