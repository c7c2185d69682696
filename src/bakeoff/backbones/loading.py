"""Read a checkpoint of any published layout and load it into a backbone without letting a mismatch pass."""

import argparse
import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PosixPath

import numpy as np
import torch
from numpy._core.multiarray import scalar
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from bakeoff.core.errors import WeightsError

State = dict[str, Tensor]
_NESTED = ("state_dict_ema", "model_ema", "ema", "state_dict", "model_state_dict", "model_state", "model", "net")
"""The averaged weights first: they are what is published."""
_PREFIXES = ("module.", "model.", "net.", "network.", "backbone.", "_orig_mod.", "encoder.")
_HARMLESS = [argparse.Namespace, PosixPath, scalar, (scalar, "numpy.core.multiarray.scalar"), np.dtype]
_HARMLESS += [type(np.dtype(name)) for name in ("float32", "float64", "int64")]
"""What trainings write beside their weights: arguments and best figures."""
COUNTERS = ("num_batches_tracked",)
_N_NAMED = 3


@dataclass(frozen=True)
class LoadReport:
    """What a loading left over; `dropped` names the checkpoint's own classifier layers, left out on purpose."""

    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Whether every key of the backbone was found with its shape, and nothing else was there."""
        return not (self.missing or self.unexpected or self.mismatched)

    def sentence(self) -> str:
        """Return counts and the first few names, for the error."""
        kinds = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": self.mismatched}
        return ", ".join(
            f"{len(names)} {word} ({', '.join(names[:_N_NAMED])}{', …' if len(names) > _N_NAMED else ''})"
            for word, names in kinds.items()
            if names
        )


def read_checkpoint(path: Path, *, prefixes: tuple[str, ...] = _PREFIXES) -> State:
    """Return the tensors of a .safetensors, .pth, .pth.tar, .pt or .bin file, unwrapped and without wrappers' prefixes.

    Pickles are read with weights_only: no code of theirs runs. A WeightsError where there is no such file, or no
    checkpoint.
    """
    if not path.is_file():
        raise WeightsError(f"the weights file {path} does not exist; run `dvc repro`, or `dvc pull` it.")
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _load_pickle(path)
    except (SafetensorError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise WeightsError(_unreadable(path, str(error).strip())) from None
    if not (tensors := _unwrap(content)):
        raise WeightsError(f"{path} holds no tensors; expected a state dict, alone or under {', '.join(_NESTED)}.")
    while prefix := next((text for text in prefixes if all(key.startswith(text) for key in tensors)), None):
        tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}  # each key carries one
    return tensors


def _unreadable(path: Path, error: str) -> str:
    """Return what a file is that holds no tensors alone, and how to save it again."""
    if found := re.search(r"GLOBAL (\S+)", error):
        return (
            f"{path} is not a readable checkpoint: it holds a pickled {found[1]}, a module or other code; where it "
            "was made, save the weights alone: torch.save(model.state_dict(), 'weights.pth')."
        )
    reason = next(iter(error.splitlines()), "it ends too early")
    return f"{path} is not a readable checkpoint ({reason}); expected safetensors or a torch file."


def backbone_part(backbone: nn.Module, state: State, *, where: str) -> State:
    """Return what lies under the one prefix that the backbone's own keys have, as in Lightning's or bakeoff's files.

    Such a file holds a loss, a head or metrics beside the backbone; averaged weights (`ema`) come before others. A
    WeightsError where networks with different numbers fit equally well, as a student and its teacher do.
    """
    wanted = max(network_of(backbone).state_dict(), key=len)
    found = [key.removesuffix(wanted) for key in state if key.endswith(f".{wanted}")]
    if wanted in state or not found:
        return state
    found = [text for text in found if re.search(r"(^|[._])ema[._]", text)] or found
    parts = {text: {key.removeprefix(text): state[key] for key in state if key.startswith(text)} for text in found}
    lacking = {text: len((left := compare(backbone, part)).missing + left.mismatched) for text, part in parts.items()}
    first, *others = [text for text in parts if lacking[text] == min(lacking.values())]
    if any(not torch.equal(state[p + key], state.get(first + key, torch.empty(0))) for p in others for key in parts[p]):
        names = ", ".join([first, *others])
        raise WeightsError(f"{where} holds several networks that fit ({names}): save the state_dict() of one alone.")
    return parts[first]


def network_of(backbone: nn.Module) -> nn.Module:
    """Return the module that owns the published key names: the wrapped network, or the backbone itself."""
    inner = getattr(backbone, "network", None)
    return inner if isinstance(inner, nn.Module) else backbone


def compare(backbone: nn.Module, state: Mapping[str, Tensor], classifier: tuple[str, ...] = ()) -> LoadReport:
    """Return how `state` and the backbone differ, the checkpoint's own classifier layers set aside."""
    wanted = network_of(backbone).state_dict()
    extra = sorted(set(state) - set(wanted))
    dropped = [key for key in extra if any(key.startswith(f"{name}.") for name in classifier)]
    return LoadReport(
        missing=sorted(key for key in set(wanted) - set(state) if not key.endswith(COUNTERS)),
        unexpected=[key for key in extra if key not in dropped],
        mismatched=sorted(key for key in set(wanted) & set(state) if wanted[key].shape != state[key].shape),
        dropped=dropped,
    )


def load_state(
    backbone: nn.Module, state: State, *, architecture: str, where: str, classifier: tuple[str, ...] = ()
) -> None:
    """Load `state` into the backbone, the checkpoint's own classifier layers left out.

    A WeightsError where they do not match; nothing was loaded then.
    """
    if not (report := compare(backbone, state, classifier)).fits:
        raise WeightsError(
            f"{where} holds weights of another architecture than {architecture}: {report.sentence()}; "
            "give the file that belongs to this model, or take this one away; then `bakeoff weights --retry` and "
            "`dvc repro`."
        )
    network = network_of(backbone)
    own = network.state_dict()
    network.load_state_dict({key: state.get(key, own[key]) for key in own}, strict=True)


def _load_pickle(path: Path) -> object:
    if zipfile.is_zipfile(path) and any(name.endswith("/constants.pkl") for name in zipfile.ZipFile(path).namelist()):
        raise WeightsError(
            f"{path} is a TorchScript archive, code and weights; save its weights alone: "
            f"torch.save(torch.jit.load('{path.name}').state_dict(), 'weights.pth')."
        )
    with torch.serialization.safe_globals(_HARMLESS):
        return torch.load(path, map_location="cpu", weights_only=True)


def _unwrap(content: object) -> State:
    """Return the first nested state dict, else the mapping's own tensors; single numbers alone are none."""
    if not isinstance(content, Mapping):
        return {}
    own = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    nested = (_unwrap(content.get(key)) for key in _NESTED)
    return next(filter(None, nested), own if any(value.ndim for value in own.values()) else {})
