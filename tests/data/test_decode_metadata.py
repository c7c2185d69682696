"""Pixels decide, not metadata: photos whose chunks and blocks beside the pixels are broken, and files told by name."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from bakeoff.data.decode import Decoded, Rejection, decode, encode_for_store

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def grey_png(depth: int, rows: list[bytes], colour: tuple[int, ...]) -> bytes:
    """A PNG of 8 x 8 pixels by hand, with a transparent colour; grey or RGB by the colour's length."""
    header = struct.pack(">IIBBBBB", 8, 8, depth, 0 if len(colour) == 1 else 2, 0, 0, 0)
    key = struct.pack(f">{len(colour)}H", *colour)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [chunk(b"IHDR", header), chunk(b"tRNS", key), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_with(extra: bytes, *, orientation: int = 1, at_end: bool = False) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    PHOTO.save(buffer, "PNG", exif=exif)
    png = buffer.getvalue()
    place = len(png) - 12 if at_end else 33
    return png[:place] + extra + png[place:]


def read(encoded: bytes) -> Decoded:
    result = decode(encoded, max_megapixels=80, min_side_px=4)
    assert isinstance(result, Decoded), result
    return result


BIG = zlib.compress(bytes(3_000_000))
BROKEN = {
    "large profile": chunk(b"iCCP", b"p\0\0" + BIG),
    "foreign profile": chunk(b"iCCP", b"p\0\5xx"),
    "large XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BIG),
    "large text": chunk(b"zTXt", b"k\0\0" + BIG),
    "short resolution": chunk(b"pHYs", b"\0"),
    "checksum": chunk(b"tEXt", b"a\0b")[:-1] + b"\xff",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_png_with_broken_metadata_is_its_pixels_turned_and_stored_without_it(name):
    encoded = png_with(BROKEN[name], orientation=6)
    result = read(encoded)
    np.testing.assert_array_equal(np.asarray(result.image), np.rot90(np.asarray(PHOTO), -1))
    stored = encode_for_store(result, encoded, store_px=64)
    assert BROKEN[name] not in stored
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(stored))), np.asarray(result.image))


def test_broken_metadata_after_the_pixels_does_not_matter():
    np.testing.assert_array_equal(
        np.asarray(read(png_with(BROKEN["large text"], at_end=True)).image), np.asarray(PHOTO)
    )


def test_an_exif_chunk_that_cannot_be_read_turns_nothing():
    buffer = io.BytesIO()
    PHOTO.save(buffer, "PNG")
    png = buffer.getvalue()
    result = read(png[:33] + chunk(b"eXIf", b"\0\x08\0\2\1\x12\0\3") + png[33:])
    np.testing.assert_array_equal(np.asarray(result.image), np.asarray(PHOTO))


def test_pixels_cut_short_stay_cut_short_whatever_the_metadata():
    result = decode(png_with(BROKEN["large XMP"])[:-200], max_megapixels=80, min_side_px=4)
    assert isinstance(result, Rejection)


@pytest.mark.parametrize("orientation", range(10))
def test_every_orientation_is_pillows(orientation):
    encoded = png_with(b"", orientation=orientation)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))
    np.testing.assert_array_equal(np.asarray(read(encoded).image), np.asarray(expected))


@pytest.mark.parametrize(
    ("block", "size"),
    [
        # orientation 6 beside a signed fraction where an unsigned one belongs
        (
            b"II*\0\x08\0\0\0\2\0\x12\1\3\0\1\0\0\0\6\0\0\0\x1a\1\n\0\1\0\0\0&\0\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0",
            (30, 40),
        ),
        (b"", (40, 30)),
        (b"no tiff header", (40, 30)),
        (b"II*\0\xff\xff\xff\xff", (40, 30)),
    ],
)
def test_a_jpeg_with_a_broken_exif_block_is_its_pixels(block, size):
    buffer = io.BytesIO()
    PHOTO.save(buffer, "JPEG")
    jpeg, exif = buffer.getvalue(), b"Exif\0\0" + block
    result = read(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    assert result.image.size == size


def test_a_transparent_colour_counts_in_the_files_own_bits():
    half = [np.array([40_000] * 4 + [1000] * 4, dtype=">u2").tobytes()] * 8
    grey = np.asarray(read(grey_png(16, half, (1000,))).image)
    assert (grey[:, :4] == 156).all()  # 40,000 / 257
    assert (grey[:, 4:] == 255).all()
    rows = [np.array([[0x8011] * 3] * 4 + [[0x10FF] * 3] * 4, dtype=">u2").tobytes()] * 8
    colour = np.asarray(read(grey_png(16, rows, (0x10FF, 0x10FF, 0x10FF))).image)
    assert (colour[:, :4] == 0x80).all()
    assert (colour[:, 4:] == 255).all()
    four_bits = np.asarray(read(grey_png(4, [b"\x55\x55\0\0"] * 8, (5,))).image)
    assert (four_bits[:, :4] == 255).all()
    assert (four_bits[:, 4:] == 0).all()


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "not_an_image", "run `git lfs pull`"),
        (
            b"<?xml version='1.0'?>\n<!-- x -->\n<svg xmlns=''/>",
            "not_an_image",
            "SVG drawing",
        ),
        (b"\xef\xbb\xbf<svg width='1'></svg>", "not_an_image", "SVG drawing"),
        (b"\n<!DOCTYPE html><html><svg></svg></html>", "not_an_image", "web page"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "unreadable", "HEIC photo: needs bakeoff's extra `heif`"),
        (b"<?xml version='1.0'?><catalogue/>", "not_an_image", "starts with"),
    ],
)
def test_other_files_are_told_by_name(content, reason, detail):
    result = decode(content, max_megapixels=80, min_side_px=4)
    assert isinstance(result, Rejection)
    assert result.reason == reason
    assert detail in result.detail
