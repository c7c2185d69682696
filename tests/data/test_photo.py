"""Packed photos decoded: whichever decoder is there, the pixels are Pillow's."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from bakeoff.data import photo as photos
from bakeoff.data.photo import as_image, open_packed
from catalogue.bad_images import encode, picture


def by_pillow(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


@pytest.mark.parametrize("size", [(40, 30), (17, 33), (500, 499)])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize(
    "options", [{"quality": 95}, {"quality": 30}, {"progressive": True}, {"restart_marker_rows": 1}]
)
def test_a_jpeg_has_pillows_pixels(size, subsampling, options):
    encoded = encode(picture(3, size), "JPEG", subsampling=subsampling, **options)
    np.testing.assert_array_equal(np.asarray(open_packed(encoded)), by_pillow(encoded))


def test_a_png_and_odd_jpegs_have_pillows_pixels():
    plain = encode(picture(1), "JPEG")
    odd = [
        encode(picture(2), "PNG"),
        encode(picture(2).convert("L"), "JPEG"),
        encode(picture(2), "JPEG", keep_rgb=True),
        plain + b"stray bytes behind the end",
        plain[:-2] + b"\x00\x11\x22" + plain[-2:],
    ]
    for encoded in odd:
        np.testing.assert_array_equal(np.asarray(open_packed(encoded)), by_pillow(encoded))


def test_what_simplejpeg_refuses_is_left_to_pillow(monkeypatch):
    if photos.simplejpeg is None:
        pytest.skip("simplejpeg is not in this environment")
    stray = encode(picture(1), "JPEG")
    stray = stray[:-2] + b"\x11\x22\x33\x44" * 3 + stray[-2:]
    with pytest.raises(ValueError, match="extraneous"):
        photos.simplejpeg.decode_jpeg(stray)
    np.testing.assert_array_equal(open_packed(stray), by_pillow(stray))


def test_without_simplejpeg_it_is_pillows_picture_with_the_same_pixels(monkeypatch):
    encoded = encode(picture(5), "JPEG")
    shown = np.asarray(open_packed(encoded))
    monkeypatch.setattr(photos, "simplejpeg", None)
    plain = open_packed(encoded)
    assert isinstance(plain, Image.Image)
    assert as_image(plain) is plain
    np.testing.assert_array_equal(np.asarray(plain), shown)


@pytest.mark.torch
def test_with_it_it_is_an_array_that_pytorch_can_take():
    for encoded in (encode(picture(5), "JPEG"), encode(picture(5), "PNG")):
        pixels = open_packed(encoded)
        assert isinstance(pixels, np.ndarray)
        assert (pixels.shape, pixels.dtype) == ((30, 40, 3), np.uint8)
        assert pixels.flags.writeable
        assert as_image(pixels).tobytes() == by_pillow(encoded).tobytes()
