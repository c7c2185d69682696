"""Networks of the transformers library without their classifier, from a config.json on disk; no remote code runs."""

import copy
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from bakeoff.backbones.compat import import_transformers
from bakeoff.backbones.loading import COUNTERS, LoadReport, read_checkpoint
from bakeoff.backbones.network_files import CONFIG
from bakeoff.core.errors import ParamsError, WeightsError
from bakeoff.core.paths import main_checkout

_FIELDS = ("logits", "feature_maps", "pooler_output", "last_hidden_state")
_WRAPPERS = ("module.", "_orig_mod.")  # not `model.` or `encoder.`: those are transformers' own key names
_KEEPS_ITS_HEAD = ("segformer",)  # its classification class makes a Linear also for 0 classes


class HfBackbone(nn.Module):
    """A transformers image model without its classifier: images (N, 3, H, W) to pooled features (N, D).

    A classification model gives what its own classifier would see; a backbone class, the mean of its last feature map;
    any other, its pooler's output, or where it has none the mean of its last tokens or map.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Return pooled features (N, D) of images (N, 3, H, W)."""
        return pooled_features(self.network(images))


def pooled_features(output: Mapping[str, Any]) -> Tensor:
    """Return (N, D) of what a transformers model answers: means over places of the first of four fields that it has."""
    name = next((field for field in _FIELDS if output.get(field) is not None), None)
    if name is None:
        raise ValueError(f"it answers {', '.join(output)}, expected one of {', '.join(_FIELDS)}")
    found = output[name][-1] if name == "feature_maps" else output[name]
    if found.ndim == 4:  # a map (N, D, H, W)
        return found.mean(dim=(2, 3))
    return found.mean(dim=1) if found.ndim == 3 else found  # tokens (N, T, D), or features (N, D)


def build_hf(folder: Path, *, image_size: int) -> tuple[HfBackbone, int]:
    """Return the backbone of the config.json in `folder` with fresh weights, and its width D.

    A WeightsError without a config.json, a ParamsError where it is not an image model or takes no photos of
    `image_size` px.
    """
    config = _config(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # transformers' own deprecations
        try:
            network = _network_class(config)(_headless(config))
        except (ValueError, TypeError, ImportError, AttributeError) as error:
            raise ParamsError(f"transformers cannot build {type(config).__name__}: {first_line(error)}") from None
    return _measured(network, config, image_size)


def load_hf(folder: Path, weights: Path, *, image_size: int) -> tuple[HfBackbone, LoadReport]:
    """Return the backbone of the config.json in `folder` with published weights, and what was left out on purpose.

    Left out is what the published class has beyond the backbone: its classifier, a text tower, a decoder. The weights
    are a folder made by save_pretrained, or one checkpoint file; a WeightsError where they are missing or do not match.
    """
    config = _config(folder)
    network_class = _network_class(config)
    state = None if weights.is_dir() else read_checkpoint(weights, prefixes=_WRAPPERS)
    try:
        with quiet():
            network, info = network_class.from_pretrained(
                str(weights) if state is None else None,
                config=_headless(config),
                state_dict=state,
                dtype=torch.float32,  # else a checkpoint in half precision gives a network in half precision
                ignore_mismatched_sizes=True,  # they are listed in `info`, and refused below with their names
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
        raise WeightsError(f"no weights for {type(config).__name__} in {weights}: {first_line(error)}") from None
    report = _report(info, _published_keys(config, network_class), prefix=network.base_model_prefix)
    if not report.fits:
        raise WeightsError(
            f"the weights in {weights} do not fit the architecture of {folder / CONFIG}: {report.sentence()}; "
            "give the files that were published together."
        )
    return _measured(network, config, image_size)[0], report


def hf_licence(name: str) -> str | None:
    """Return the licence code in the model card of a local folder, or None; the hub's cards are not asked.

    A ParamsError where the card's head cannot be read.
    """
    from huggingface_hub import metadata_load
    from yaml import YAMLError

    card = main_checkout() / name / "README.md"
    try:
        metadata = metadata_load(card) if card.is_file() else None
    except (ValueError, YAMLError) as error:  # UnicodeDecodeError is a ValueError
        raise ParamsError(
            f"{card}: its head between two lines --- is not YAML of keys and values ({first_line(error)}); fix it, for "
            "the licence of the weights is read from it."
        ) from None
    return str(metadata["license"]) if metadata and metadata.get("license") else None


def first_line(error: Exception) -> str:
    """Return the error's first line of text, or its kind where it has none."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _config(folder: Path) -> Any:
    """Return the configuration as published, attention left to transformers: a file may name a kernel to download."""
    if not (folder / CONFIG).is_file():
        raise WeightsError(
            f"{folder / CONFIG} is missing and a transformers network is built from it; "
            "run `dvc repro`, or `dvc pull` it."
        )
    try:
        config = import_transformers().AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ParamsError(
            f"{folder / CONFIG} describes no model of this transformers: {first_line(error)} Remote code is never run."
        ) from None
    config._attn_implementation = None
    config.architectures = config.architectures or []
    return config


def _network_class(config: Any) -> Any:
    """Return transformers' class for a configuration: what was published where that is a backbone class, else the first
    of classification (headless), backbone and plain model that takes photos.
    """
    transformers = import_transformers()
    if config.model_type == "timm_wrapper":
        raise ParamsError(f"this is timm's {config.architecture} wrapped by transformers; give it with source: timm.")
    kinds = ("MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING", "MODEL_FOR_BACKBONE_MAPPING", "MODEL_MAPPING")
    classification, backbone, plain = (_class_name(getattr(transformers, kind), config) for kind in kinds)
    if config.model_type in _KEEPS_ITS_HEAD:
        classification = None
    choices = [backbone] if backbone in config.architectures else [classification, backbone, plain]
    for found in (getattr(transformers, name) for name in choices if name):
        if found.main_input_name == "pixel_values":
            return found
    raise ParamsError(
        f"transformers cannot build an image backbone from {type(config).__name__}: it has no class that takes photos "
        "alone; give an image model."
    )


def _class_name(mapping: Any, config: Any) -> str | None:
    """Return the class that a mapping has for a configuration; of several the published one, else the first."""
    if type(config) not in mapping:
        return None
    classes = mapping[type(config)]
    names = [found.__name__ for found in (classes if isinstance(classes, list | tuple) else [classes])]
    return next((name for name in names if name in config.architectures), names[0])


def _headless(config: Any) -> Any:
    """Return a copy for 0 classes: transformers puts nothing in the linear classifier's place then."""
    own = copy.deepcopy(config)
    own.num_labels = 0
    return own


def _published_keys(config: Any, network_class: Any) -> set[str]:
    """Return the key names of the class that was published and of `network_class` with its head, without weights."""
    transformers = import_transformers()
    published = [getattr(transformers, name) for name in config.architectures if hasattr(transformers, name)]
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        networks = [found(copy.deepcopy(config)) for found in (network_class, *published)]
    return {key for network in networks for key in network.state_dict()}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' own report of a loading back: ours says the same, and stops where keys differ."""
    logging = import_transformers().logging
    before, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if had_bars:
            logging.enable_progress_bar()


def _report(info: dict[str, Any], published: set[str], *, prefix: str) -> LoadReport:
    """Return transformers' loading info as a report; keys of base models come without the base model's prefix."""
    unexpected = sorted(info["unexpected_keys"])
    dropped = [key for key in unexpected if {key, key.removeprefix(f"{prefix}.")} & published]
    return LoadReport(
        missing=sorted(key for key in info["missing_keys"] if not key.endswith(COUNTERS)),
        unexpected=[key for key in unexpected if key not in dropped],
        mismatched=sorted(key for key, *_ in info["mismatched_keys"]),
        dropped=dropped,
    )


def _measured(network: nn.Module, config: Any, image_size: int) -> tuple[HfBackbone, int]:
    """Return the backbone and its width D, found by a forward pass of one black photo."""
    backbone = HfBackbone(network).eval()
    try:
        with torch.no_grad():
            output = backbone.network(torch.zeros(1, 3, image_size, image_size))
            width = pooled_features(output).shape[1]
    except (ValueError, TypeError, RuntimeError, AttributeError, KeyError) as error:
        size = getattr(config, "image_size", None)
        own = f" ({size} px)" if isinstance(size, int) else ""
        raise ParamsError(
            f"{type(network).__name__} gives no features of photos of {image_size} px: {first_line(error)}; leave "
            f"image_size null to use its own size{own}, or take another model."
        ) from None
    if "ids_restore" in output:
        raise ParamsError(f"{type(network).__name__} hides patches at random and is no backbone; take another model.")
    return backbone.train(), width
