"""Turn a checkpoint of any published layout into weights/<model>/model.safetensors: the backbone's keys alone."""

import sys
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from bakeoff.backbones.hub import refuse_stand_in
from bakeoff.backbones.loading import State, backbone_part, compare, load_state, network_of, read_checkpoint
from bakeoff.backbones.networks import build_backbone, classifier_prefixes
from bakeoff.core.errors import WeightsError
from bakeoff.core.files import replacing
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.weights import file_sha256
from bakeoff.weights.local import convert_lite


def write_normalised(settings: CandidateSettings, source: Path, target: Path, *, network_dir: Path | None) -> str:
    """Write the weights of `source` to `target` under the keys of the candidate's backbone; return the file's SHA-256.

    The source is a checkpoint file; for an `hf` candidate, whose config.json is in `network_dir`, it may be a folder
    made by save_pretrained. A WeightsError where it belongs to another architecture, holds NaN, or is not a checkpoint.
    """
    refuse_stand_in(source)
    backbone = _loaded(settings, source, network_dir)
    state = {key: value.contiguous().clone() for key, value in network_of(backbone).state_dict().items()}
    if broken := [key for key, value in state.items() if not value.isfinite().all()]:
        raise WeightsError(
            f"{source} holds NaN or infinite numbers in {len(broken)} of {len(state)} tensors ({broken[0]} …): its "
            "training diverged, or the file is damaged; give an earlier checkpoint."
        )
    try:
        with replacing(target) as partial:
            save_file(state, partial, metadata={"format": "pt"})  # one entry: several come in random order
    except SafetensorError as error:  # a full disk among them
        raise WeightsError(f"{target} cannot be written ({error}); is the disk full?") from None
    return file_sha256(target)


def _loaded(settings: CandidateSettings, source: Path, network_dir: Path | None) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        if network_dir is not None:
            from bakeoff.backbones.hf import load_hf

            return load_hf(network_dir, source, image_size=settings.preprocessing.image_size)[0]
        backbone, _ = build_backbone(settings)
    classifier = ("head",) if settings.source == "mambavision" else classifier_prefixes(settings.name)
    state = _translated(backbone, backbone_part(backbone, read_checkpoint(source), where=str(source)), classifier)
    load_state(backbone, state, architecture=settings.architecture, where=str(source), classifier=classifier)
    return backbone


def _translated(backbone: nn.Module, state: State, classifier: tuple[str, ...]) -> State:
    """Return the state under timm's present key names, where the file has older ones that its module converts."""
    state, module = convert_lite(state), sys.modules[type(backbone).__module__]
    convert = getattr(module, "checkpoint_filter_fn", None) or getattr(module, "_checkpoint_filter_fn", None)
    if convert is None or compare(backbone, state, classifier).fits:
        return state
    try:
        converted = dict(convert(dict(state), backbone))
    except (KeyError, RuntimeError, AttributeError, IndexError, AssertionError):
        return state  # not a layout of this family: the strict check that follows says what differs
    return converted if compare(backbone, converted, classifier).fits else state
