"""A transformers image processor as our `Preprocessing`: it is called, and what gives the very same pixels is taken."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bakeoff.backbones.compat import import_transformers
from bakeoff.backbones.hf import first_line
from bakeoff.backbones.network_files import CONFIG, PROCESSOR, network_files_on_hub
from bakeoff.core.errors import ParamsError
from bakeoff.core.paths import main_checkout
from bakeoff.data.transforms import to_unit, transform_photo
from bakeoff.records.settings import Preprocessing

_NEVER_NORMALISES = ("MobileViTImageProcessor", "MobileViTImageProcessorPil")  # whatever its file says
_GEOMETRY = ("size", "crop_size", "crop_pct", "resample", "pad_size", "size_divisor")
_HUB_TIMEOUT_S = 10.0
_SIDES_PX = range(32, 1025)
_TOLERANCE = 0.5  # of 255 grey levels, mean over a picture: rounding aside, other statistics give tens
_NO_STATISTICS = {"image_mean": 0.0, "image_std": 1.0}

Values = Mapping[str, Any]


def hf_preprocessing(name: str, *, image_size: int | None) -> Preprocessing:
    """Return what the model's own image processor does to photos; found, and proved, by what it does to two pictures.

    The name is a folder made by save_pretrained, or a hub id; `image_size` another side than the processor's, px. A
    ParamsError where the processor cannot be read, or does what `Preprocessing` cannot express.
    """
    processor = _processor(name)
    values = processor.to_dict()
    photos = [_test_picture(233, 401), _test_picture(402, 234)]
    try:
        plain = {switch: False for switch in ("do_rescale", "do_normalize", "include_top") if switch in values}
        pixels = [_call(processor, photo, **plain) for photo in photos]
        network_inputs = [_call(processor, photo) for photo in photos]
    except (ValueError, TypeError, KeyError) as error:
        raise _refusal(name, processor, f"fails ({first_line(error)})") from None
    shapes = {array.shape for array in pixels}
    if shapes != {(3, pixels[0].shape[-1], pixels[0].shape[-1])} or pixels[0].shape[-1] not in _SIDES_PX:
        made = " and ".join(" × ".join(map(str, shape)) for shape in sorted(shapes))
        wanted = f"photos of 3 × side × side px, side {_SIDES_PX.start} to {_SIDES_PX.stop - 1}"
        raise _refusal(name, processor, f"makes {made} of two photos, not {wanted}")
    for found in _candidates(type(processor).__name__, values, side=pixels[0].shape[-1]):
        if all(np.array_equal(_pixels(photo, found), theirs) for photo, theirs in zip(photos, pixels, strict=True)):
            break
    else:
        raise _refusal(name, processor, "makes other pixels than one resize and one centre crop do")
    for photo, theirs in zip(photos, network_inputs, strict=True):
        off = np.abs(theirs - network_input(photo, found)) * np.reshape(found.std, (3, 1, 1)) * 255
        if not off.mean() <= _TOLERANCE:
            told = f"rescales or normalises by more than its fields say, {off.mean():.1f} of 255 grey levels off"
            raise _refusal(name, processor, told)
    return found if image_size is None else found.model_copy(update={"image_size": image_size})


def network_input(photo: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """Return an RGB photo as the network gets it, (3, H, W) float32."""
    unit = to_unit(_pixels(photo, preprocessing))
    mean, std = (np.asarray(values, np.float32)[:, None, None] for values in (preprocessing.mean, preprocessing.std))
    return (unit - mean) / std


def published_folder(name: str) -> Path:
    """Return the folder with a model's configuration files: the user's, or the hub's cache; it may not be there."""
    folder = main_checkout() / name
    if folder.is_dir():
        return folder
    # asked for by our own client: transformers retries an unreachable hub for 97 s
    on_hub = network_files_on_hub(name, revision=None, timeout_s=_HUB_TIMEOUT_S)
    return on_hub[PROCESSOR].parent if on_hub else folder


def _processor(name: str) -> Any:
    folder = published_folder(name)
    try:
        if not folder.is_dir():
            raise OSError(
                f"it is not a folder in {main_checkout()}, and neither the hub nor its cache has {PROCESSOR}."
            )
        factory = import_transformers().AutoImageProcessor
        return factory.from_pretrained(str(folder), backend="pil", trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        raise ParamsError(
            f"cannot read the image processor of the transformers model {name!r}: {first_line(error)} Needed: a folder "
            f"made by save_pretrained ({CONFIG}, {PROCESSOR}, model.safetensors) as the backbone's `name`, or a hub id "
            "with the hub in reach or those files in its cache; remote code is never run."
        ) from None


def _call(processor: Any, photo: Image.Image, **switches: bool) -> np.ndarray:
    return np.asarray(processor(photo, return_tensors="np", **switches)["pixel_values"][0])


def _candidates(kind: str, values: Values, *, side: int) -> Iterator[Preprocessing]:
    """Yield every geometry of ours that ends in `side` px, with the processor's statistics."""
    mean, std = _statistics(kind, values)
    resample = values.get("resample")  # transformers takes bilinear where its file says null
    interpolation = Image.Resampling.BILINEAR if resample is None else Image.Resampling(int(resample))
    squash = "squash_floor" if values.get("do_center_crop") else "squash"
    known: Any = {"mean": mean, "std": std, "interpolation": interpolation.name.lower()}
    known["channel_order"] = "bgr" if values.get("do_flip_channel_order") else "rgb"
    for resized in range(side, 2 * side + 1):
        for crop_mode in ("center_floor", squash):
            yield Preprocessing(image_size=side, crop_pct=_share(side, resized), crop_mode=crop_mode, **known)


def _pixels(photo: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """Return an RGB photo as (3, H, W) uint8 in the network's order of channels."""
    pixels = transform_photo(photo, preprocessing)
    return pixels[..., :: -1 if preprocessing.channel_order == "bgr" else 1].transpose(2, 0, 1)


def _statistics(kind: str, values: Values) -> tuple[Any, Any]:
    """Return (mean, std) for pixels in [0, 1] such that (x - mean) / std is what the processor makes of them.

    A processor computes ((255 x · factor - offset) - image_mean) / image_std, EfficientNet's once more / image_std.
    """
    rescales = values.get("do_rescale")
    scale = 255 * float(values["rescale_factor"]) if rescales else 255.0
    offset = 1.0 if rescales and (values.get("rescale_offset") or values.get("offset")) else 0.0
    normalises = values.get("do_normalize") and kind not in _NEVER_NORMALISES
    given = (values[name] if normalises else none for name, none in _NO_STATISTICS.items())
    mean, std = (np.broadcast_to(one, 3).astype(float) for one in given)
    again = np.broadcast_to(values["image_std"] if values.get("include_top") else 1.0, 3)
    return tuple(((mean + offset) / scale).tolist()), tuple((std * again / scale).tolist())


def _share(side: int, resized: int) -> float:
    """Return side / resized such that floor(side / share) is `resized` again, whatever the rounding."""
    share = side / resized
    while math.floor(side / share) < resized:
        share = math.nextafter(share, 0.0)
    return share


def _refusal(name: str, processor: Any, does: str) -> ParamsError:
    """Return the error that says what a processor does, under which fields, and what to do."""
    values = processor.to_dict()
    told = {field: values[field] for field in values if field in _GEOMETRY or field.startswith("do_")}
    fields = ", ".join(f"{field}: {json.dumps(value)}" for field, value in sorted(told.items()) if value is not None)
    return ParamsError(
        f"the image processor of {name!r} ({type(processor).__name__}) {does}, which bakeoff's transforms cannot "
        f"express ({fields}): save a copy of the model in a folder, change its preprocessor_config.json to what the "
        "weights can bear (or to another processor, e.g. ViTImageProcessor), and give the folder as the backbone's "
        "`name`."
    )


def _test_picture(width: int, height: int) -> Image.Image:
    """Return coloured noise over a gradient: wrong sides, crops, channels and statistics all show in it."""
    noise = np.random.default_rng(0).integers(0, 128, (height, width, 3))
    ramp = np.linspace(0, 127, width)[None, :, None] * np.asarray([1.0, 0.6, 0.2])
    return Image.fromarray((noise + ramp).astype(np.uint8))
