from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from bakeoff.core.errors import ParamsError
from bakeoff.data.photo import Photo
from bakeoff.data.transforms import to_unit, transform_photo
from bakeoff.records.settings import Geometry


def resize_crop(
    photo: Photo, side: int, *, crop_pct: float, interpolation: str, crop_mode: str = "center"
) -> np.ndarray:
    used = Geometry(image_size=side, crop_pct=crop_pct, crop_mode=crop_mode, interpolation=interpolation)
    return transform_photo(photo, used)


def _photo(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(width * height).integers(0, 256, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8)).resize((width, height))


def test_the_crop_is_the_middle_by_hand() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[:, :, 0] = np.arange(6) * 10
    cropped = resize_crop(Image.fromarray(pixels), 4, crop_pct=1.0, interpolation="nearest")
    assert cropped.shape == (4, 4, 3)
    assert cropped[0, :, 0].tolist() == [10, 20, 30, 40]  # one column off each side


def test_squash_keeps_both_sides() -> None:
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 4:] = 200
    squashed = resize_crop(Image.fromarray(pixels), 4, crop_pct=1.0, interpolation="nearest", crop_mode="squash")
    assert squashed[0, :, 0].tolist() == [0, 0, 200, 200]


def test_the_floor_modes_put_the_odd_pixel_at_the_end() -> None:
    columns = Image.fromarray(np.tile(np.arange(35, dtype=np.uint8), (35, 1))).convert("RGB")
    for mode, first in (("center", 2), ("center_floor", 1), ("squash", 2), ("squash_floor", 1)):  # 3 px too many
        cropped = resize_crop(columns, 32, crop_pct=32 / 35, interpolation="nearest", crop_mode=mode)
        assert cropped[0, [0, -1], 0].tolist() == [first, first + 31]


def test_unit_range() -> None:
    unit = to_unit(np.array([0, 51, 255], np.uint8))
    assert unit.dtype == np.float32
    assert unit.tolist() == pytest.approx([0, 0.2, 1])


def test_unknown_choices_list_the_legal_ones() -> None:
    with pytest.raises(ParamsError, match="interpolation 'spline' is not known; choose one of nearest, bilinear"):
        resize_crop(_photo(40, 40), 32, crop_pct=1.0, interpolation="spline")
    with pytest.raises(ParamsError, match="crop_mode 'tile' is not known; choose one of center, squash"):
        resize_crop(_photo(40, 40), 32, crop_pct=1.0, interpolation="nearest", crop_mode="tile")


@pytest.mark.torch
@pytest.mark.parametrize("size", [(300, 200), (97, 301), (224, 224), (51, 33)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize(
    ("crop_pct", "crop_mode"), [(0.875, "center"), (0.9, "center"), (1.0, "squash"), (0.95, "squash")]
)
def test_equals_timm_pixel_for_pixel(
    size: tuple[int, int], interpolation: str, crop_pct: float, crop_mode: str
) -> None:
    pytest.importorskip("torch")
    from bakeoff.backbones.compat import import_timm

    import_timm()
    from timm.data import create_transform

    theirs = create_transform(
        input_size=(3, 64, 64),
        interpolation=interpolation,
        crop_pct=crop_pct,
        crop_mode=crop_mode,
        mean=(0, 0, 0),
        std=(1, 1, 1),
    )
    photo = _photo(*size)
    expected = theirs(photo).numpy().transpose(1, 2, 0)
    ours = to_unit(resize_crop(photo, 64, crop_pct=crop_pct, interpolation=interpolation, crop_mode=crop_mode))
    assert np.abs(ours - expected).max() < 1e-6


def _plainly(image: Image.Image, side: int, interpolation: str, *, crop_mode: str) -> np.ndarray:
    """All of the photo resized to 256 px, then cropped from the rounded offset, by Pillow."""
    width, height = image.size
    shorter = min(image.size)
    size = (256, 256) if crop_mode == "squash" else (256 * width // shorter, 256 * height // shorter)
    left, top = (round((n - side) / 2) for n in size)
    resized = image.resize(size, Image.Resampling[interpolation.upper()])
    return np.asarray(resized.crop((left, top, left + side, top + side)))


SIZES = [(500, 500), (512, 683), (683, 512), (512, 1300), (100, 90), (250, 333), (62, 198)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("crop_mode", ["center", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "nearest"])
def test_what_the_crop_leaves_out_changes_no_bit_of_the_rest(size, crop_mode, interpolation) -> None:
    photo = _photo(*size)
    found = resize_crop(photo, 224, crop_pct=0.875, interpolation=interpolation, crop_mode=crop_mode)
    np.testing.assert_array_equal(found, _plainly(photo, 224, interpolation, crop_mode=crop_mode))


@pytest.mark.torch
@pytest.mark.parametrize("size", [*SIZES, (240, 480), (480, 240), (256, 256)])  # 240 = where a crop of 224 ends
@pytest.mark.parametrize("crop_mode", ["center", "squash"])
@pytest.mark.parametrize(
    ("interpolation", "side"), [("bicubic", 224), ("bilinear", 224), ("bicubic", 256), ("lanczos", 97)]
)
def test_an_array_is_a_grey_level_off_at_most(size, crop_mode, interpolation, side) -> None:
    pytest.importorskip("torch")
    photo = _photo(25, 25).resize(size)
    found = resize_crop(
        np.array(photo), side, crop_pct=side / 256, interpolation=interpolation, crop_mode=crop_mode
    ).astype(int)
    off = np.abs(found - _plainly(photo, side, interpolation, crop_mode=crop_mode))
    assert found.shape == (side, side, 3)
    shrinks = crop_mode == "center" and min(size) >= 500
    assert off.max() <= (0 if interpolation == "lanczos" else 1 if shrinks else 2)  # PyTorch does not know lanczos
    assert (off > 1).mean() < 4e-5
    assert off.mean() < 0.02
