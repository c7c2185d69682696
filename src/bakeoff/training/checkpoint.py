"""A trained classifier on disk: safetensors; frozen mode keeps the head alone and refers to its backbone's weights."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bakeoff.backbones.classifier import Classifier
from bakeoff.core.errors import TrainingError
from bakeoff.core.modes import Mode
from bakeoff.training.probes import head_of

MODEL_FILE = "model.safetensors"
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
