"""A transformers image processor as our `Preprocessing`: each field expressed exactly or refused, then proved."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from bakeoff.backbones.compat import import_transformers
from bakeoff.backbones.hf import first_line
from bakeoff.backbones.network_files import CONFIG, PROCESSOR, network_files_on_hub
from bakeoff.core.errors import ParamsError
from bakeoff.core.paths import main_checkout
from bakeoff.data.transforms import resize_crop, to_unit
from bakeoff.records.settings import Preprocessing

_INTERPOLATIONS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}  # Pillow's numbers
_EXPRESSED = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_flip_channel_order")
_WITHOUT_EFFECT = ("do_convert_rgb", "do_reduce_labels")  # photos are RGB already; labels are segmentation maps
_NEVER_NORMALISES = ("MobileViTImageProcessor",)  # whatever its file says
_WARPS_FROM_PX = 384  # ConvNeXT's processor crops below this size and only resizes from it on
_HUB_TIMEOUT_S = 10.0
_SIDES_PX = range(32, 1025)
_TOLERANCE = 0.5  # of 255 grey levels, mean over a picture: rounding apart, another geometry gives tens

Values = Mapping[str, Any]


class Geometry(NamedTuple):
    """Side after the resize in px, whether it is the shorter side of a kept aspect ratio, side of the crop or None."""

    resized: int
    keeps_aspect: bool
    crop: int | None


def hf_preprocessing(name: str, *, image_size: int | None) -> Preprocessing:
    """Return what the model's own image processor does, checked against the processor itself on two pictures.

    Args:
        name: a folder made by save_pretrained, or a hub id.
        image_size: another side, px; None = the processor's.

    Raises:
        ParamsError: the processor cannot be read, or does what `Preprocessing` cannot express.
    """
    processor = _processor(name)
    found = preprocessing_of(processor, name)
    _prove(processor, found, name)
    return found if image_size is None else found.model_copy(update={"image_size": image_size})


def _processor(name: str) -> Any:
    folder = main_checkout() / name
    try:
        if not folder.is_dir():  # asked for by our own client: transformers retries an unreachable hub for 97 s
            on_hub = network_files_on_hub(name, revision=None, timeout_s=_HUB_TIMEOUT_S)
            folder = on_hub[PROCESSOR].parent if on_hub else folder
        if not folder.is_dir():
            raise OSError(
                f"it is not a folder in {main_checkout()}, and the hub or its cache did not give {PROCESSOR}."
            )
        factory = import_transformers().AutoImageProcessor
        return factory.from_pretrained(str(folder), backend="pil", trust_remote_code=False)
    except (OSError, ValueError, ImportError) as error:
        raise ParamsError(
            f"cannot read the image processor of the transformers model {name!r}: {first_line(error)} Needed: a folder "
            f"made by save_pretrained ({CONFIG}, {PROCESSOR}, model.safetensors) as the backbone's `name`, or a hub id "
            "with the hub in reach or those files in its cache; remote code is never run."
        ) from None


def preprocessing_of(processor: Any, name: str) -> Preprocessing:
    """Return a processor's fields as ours.

    Raises:
        ParamsError: a field asks for what ours cannot express.
    """
    kind = type(processor).__name__.removesuffix("Pil").removesuffix("Fast")
    values = processor.to_dict()
    refuse = _Refusal(name, kind)
    _refuse_unknown(values, refuse)
    resized, keeps_aspect, crop = _GEOMETRIES.get(kind, _standard)(values, refuse)
    if keeps_aspect and crop is None:
        raise refuse("size.shortest_edge without do_center_crop (photos of another shape would stay oblong)")
    if crop and crop > resized:
        raise refuse(f"crop_size {crop} beyond size {resized} (the photo would get black borders)")
    side = crop or resized
    if side not in _SIDES_PX:
        raise refuse(f"a side of {side} px (legal: {_SIDES_PX.start} to {_SIDES_PX.stop - 1})")
    mean, std = _statistics(kind, values)
    return Preprocessing(
        image_size=side,
        crop_pct=_share(side, resized),
        crop_mode=("center" if keeps_aspect else "squash") + ("_floor" if crop else ""),
        interpolation=_interpolation(values, refuse),
        mean=mean,
        std=std,
        channel_order="bgr" if values.get("do_flip_channel_order") else "rgb",
    )


def network_input(photo: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """Return an RGB photo as the network gets it, (3, H, W) float32."""
    pixels = resize_crop(
        photo,
        preprocessing.image_size,
        crop_pct=preprocessing.crop_pct,
        interpolation=preprocessing.interpolation,
        crop_mode=preprocessing.crop_mode,
    )
    unit = to_unit(pixels)[..., :: -1 if preprocessing.channel_order == "bgr" else 1]
    mean, std = (np.asarray(values, dtype=np.float32) for values in (preprocessing.mean, preprocessing.std))
    return ((unit - mean) / std).transpose(2, 0, 1)


class _Refusal(NamedTuple):
    """Makes the error about one field of one model's processor."""

    name: str
    kind: str

    def __call__(self, what: str) -> ParamsError:
        return ParamsError(
            f"the image processor of {self.name!r} ({self.kind}) asks for {what}, which bakeoff's transforms cannot "
            "express: save a copy of the model in a folder, change that field in its preprocessor_config.json to what "
            "the weights can bear, and give the folder as the backbone's `name`."
        )


def _refuse_unknown(values: Values, refuse: _Refusal) -> None:
    """Raise for switches that would change pixels in a way that ours does not know."""
    for field, value in values.items():
        if field.startswith("do_") and value and field not in (*_EXPRESSED, *_WITHOUT_EFFECT):
            raise refuse(f"{field}: {str(value).lower()}")
    if not values.get("do_resize"):
        raise refuse("do_resize: false (photos of any size)")
    if (values.get("size_divisor") or 1) != 1:
        raise refuse(f"size_divisor: {values['size_divisor']}")


def _standard(values: Values, refuse: _Refusal) -> Geometry:
    """Resize to `size`, then crop to `crop_size` where do_center_crop is set: what most processors do."""
    side, keeps_aspect = _side(values, refuse)
    return Geometry(side, keeps_aspect, _crop(values, refuse))


def _convnext(values: Values, refuse: _Refusal) -> Geometry:
    """Below 384 px resize the shorter side to size / crop_pct and crop to size; else resize both sides."""
    side, _ = _side(values, refuse)
    crop = _crop(values, refuse)
    if crop not in (None, side):
        raise refuse(f"crop_size {crop} after its own crop to {side}")
    if side >= _WARPS_FROM_PX:
        return Geometry(side, keeps_aspect=False, crop=None)
    return Geometry(int(side / values["crop_pct"]), keeps_aspect=True, crop=side)


def _poolformer(values: Values, refuse: _Refusal) -> Geometry:
    """Resize the shorter side to size / crop_pct, also where size names height and width."""
    side, keeps_aspect = _side(values, refuse)
    if values.get("crop_pct") is None:
        return Geometry(side, keeps_aspect, _crop(values, refuse))
    return Geometry(int(side / values["crop_pct"]), keeps_aspect=True, crop=_crop(values, refuse))


def _levit(values: Values, refuse: _Refusal) -> Geometry:
    """Resize the shorter side to 256/224 of size."""
    side, keeps_aspect = _side(values, refuse)
    return Geometry(int((256 / 224) * side) if keeps_aspect else side, keeps_aspect, _crop(values, refuse))


_GEOMETRIES: dict[str, Callable[[Values, _Refusal], Geometry]] = {
    "ConvNextImageProcessor": _convnext,
    "PoolFormerImageProcessor": _poolformer,
    "LevitImageProcessor": _levit,
}


def _side(values: Values, refuse: _Refusal) -> tuple[int, bool]:
    """Return the side of `size` in px, and whether it is the shorter side's."""
    size = {key: value for key, value in dict(values.get("size") or {}).items() if value is not None}
    if set(size) == {"shortest_edge"}:
        return int(size["shortest_edge"]), True
    if set(size) == {"height", "width"} and size["height"] == size["width"]:
        return int(size["height"]), False
    raise refuse(f"size {size} (legal: a shortest_edge alone, or height and width alike)")


def _crop(values: Values, refuse: _Refusal) -> int | None:
    """Return the side of `crop_size` in px, or None where nothing is cropped."""
    if not values.get("do_center_crop"):
        return None
    size = dict(values.get("crop_size") or {})
    if not size.get("height") or size.get("height") != size.get("width"):
        raise refuse(f"crop_size {size} (legal: height and width alike)")
    return int(size["height"])


def _interpolation(values: Values, refuse: _Refusal) -> str:
    code = values.get("resample")
    if code is None or int(code) not in _INTERPOLATIONS:
        legal = ", ".join(f"{number} {name}" for number, name in _INTERPOLATIONS.items())
        raise refuse(f"resample: {code} (legal: {legal})")
    return _INTERPOLATIONS[int(code)]


def _statistics(kind: str, values: Values) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return (mean, std) for pixels in [0, 1] such that (x - mean) / std is what the processor makes of them.

    A processor computes ((255 x · factor - offset) - image_mean) / image_std, EfficientNet's once more / image_std.
    """
    rescales = values.get("do_rescale")
    scale = 255 * float(values["rescale_factor"]) if rescales else 255.0
    offset = 1.0 if rescales and (values.get("rescale_offset") or values.get("offset")) else 0.0
    normalises = values.get("do_normalize") and kind not in _NEVER_NORMALISES
    means = _triple(values.get("image_mean")) if normalises else (0.0, 0.0, 0.0)
    stds = _triple(values.get("image_std")) if normalises else (1.0, 1.0, 1.0)
    again = _triple(values.get("image_std")) if values.get("include_top") else (1.0, 1.0, 1.0)
    red, green, blue = ((mean + offset) / scale for mean in means)
    std_red, std_green, std_blue = (std * second / scale for std, second in zip(stds, again, strict=True))
    return (red, green, blue), (std_red, std_green, std_blue)


def _triple(values: Any) -> tuple[float, float, float]:
    if isinstance(values, int | float):
        return (float(values), float(values), float(values))
    red, green, blue = (float(value) for value in values)
    return (red, green, blue)


def _share(side: int, resized: int) -> float:
    """Return side / resized such that floor(side / share) is `resized` again, whatever the rounding."""
    share = side / resized
    while math.floor(side / share) < resized:
        share = math.nextafter(share, 0.0)
    return share


def _prove(processor: Any, found: Preprocessing, name: str) -> None:
    """Raise unless processor and transform agree on an upright and on an oblong picture."""
    side = found.image_size
    std = np.asarray(found.std, dtype=np.float32)[:, None, None]
    for width, height in ((side + 37, 2 * side + 14), (2 * side + 15, side + 38)):
        photo = _test_picture(width, height)
        theirs = np.asarray(processor(photo, return_tensors="np")["pixel_values"][0], dtype=np.float32)
        ours = network_input(photo, found)
        levels = np.abs(theirs - ours) * std * 255 if theirs.shape == ours.shape else np.full(1, np.inf)
        if not levels.mean() <= _TOLERANCE:
            raise ParamsError(
                f"the image processor of {name!r} ({type(processor).__name__}) does more than its fields say: of a "
                f"test picture it makes {theirs.shape}, bakeoff {ours.shape}, {levels.mean():.1f} of 255 grey levels "
                "off; "
                "save a copy of the model in a folder with another processor, e.g. ViTImageProcessor, and name it."
            )


def _test_picture(width: int, height: int) -> Image.Image:
    """Return coloured noise over a gradient: wrong sides, crops, channels and statistics all show in it."""
    noise = np.random.default_rng(0).integers(0, 128, (height, width, 3))
    ramp = np.linspace(0, 127, width)[None, :, None] * np.asarray([1.0, 0.6, 0.2])
    return Image.fromarray((noise + ramp).astype(np.uint8))
