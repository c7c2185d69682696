"""One file of every kind of bad or odd input, with what the product must make of it."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

REJECTED = {
    "broken.png": "unreadable",
    "truncated.jpg": "truncated",
    "truncated.png": "truncated",
    "zero.jpg": "empty_file",
    "page.jpg": "not_an_image",
    "bomb.png": "too_large",
    "tiny.png": "too_small",
    "header.jpg": "unreadable",
    "truncated.webp": "truncated",
    "truncated_animated.webp": "truncated",
    "header.webp": "truncated",
    "damaged.webp": "unreadable",
    "truncated_mpo.jpg": "truncated",
    "pointer.jpg": "not_an_image",
    "drawing.png": "not_an_image",
}
ACCEPTED = (
    "cmyk.jpg",
    "sixteen_bit.png",
    "palette.png",
    "palette_transparent.png",
    "transparent.png",
    "grey_alpha.png",
    "animated.gif",
    "rotated.jpg",
    "float.tiff",
    "plain.jpg",
    "plain.png",
    "multi_picture.jpg",
    "cut_second_picture.jpg",
    "static.webp",
    "transparent.webp",
    "animated.webp",
)
SIZE = (40, 30)


def picture(seed: int = 0, size: tuple[int, int] = SIZE) -> Image.Image:
    """Return a coloured, noisy picture with a dark left third, so that its orientation shows."""
    values = np.random.default_rng(seed).integers(100, 255, size=(size[1], size[0], 3), dtype=np.uint8)
    values[:, : size[0] // 3] = 10
    return Image.fromarray(values)


def encode(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=file_format, **options)
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """Return a PNG whose header promises width x height px and that holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def all_files() -> dict[str, bytes]:
    """Return the bytes of every file in REJECTED and ACCEPTED."""
    plain = picture()
    jpeg, png = encode(plain, "JPEG", quality=95), encode(plain, "PNG")
    damaged = bytearray(png)
    damaged[60:70] = b"\xff" * 10
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: rotate by 90 degrees clockwise to see it so
    layer = plain.convert("RGBA")
    layer.putalpha(Image.new("L", SIZE, 0))
    palette = plain.convert("P")
    others = [picture(1), picture(2)]
    mpo = encode(plain, "MPO", quality=95, subsampling=0, save_all=True, append_images=others)
    webp = encode(plain, "WEBP", lossless=True)
    moving = encode(plain, "WEBP", lossless=True, save_all=True, append_images=others)
    steps = np.linspace(0, 65_535, SIZE[0] * SIZE[1]).reshape(SIZE[1], SIZE[0]).astype(np.uint16)
    return {
        "broken.png": bytes(damaged),
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "truncated.png": png[: len(png) // 2],
        "zero.jpg": b"",
        "page.jpg": b"<!DOCTYPE html><html><body>404</body></html>",
        "pointer.jpg": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n",
        "drawing.png": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        "bomb.png": bomb(60_000, 60_000),
        "tiny.png": encode(Image.new("RGB", (4, 40)), "PNG"),
        "header.jpg": jpeg[:3],
        "cmyk.jpg": encode(plain.convert("CMYK"), "JPEG"),
        "sixteen_bit.png": encode(Image.fromarray(steps), "PNG"),
        "palette.png": encode(palette, "PNG"),
        "palette_transparent.png": encode(palette, "PNG", transparency=palette.getpixel((0, 0))),
        "transparent.png": encode(layer, "PNG"),
        "grey_alpha.png": encode(layer.convert("LA"), "PNG"),
        "animated.gif": encode(plain, "GIF", save_all=True, append_images=others),
        "rotated.jpg": encode(plain, "JPEG", quality=95, exif=exif),
        "float.tiff": encode(Image.fromarray(np.linspace(0, 1, 1200, dtype=np.float32).reshape(30, 40)), "TIFF"),
        "truncated.webp": webp[: len(webp) // 2],
        "truncated_animated.webp": moving[: len(moving) // 2],
        "header.webp": webp[:14],
        "damaged.webp": webp[:14] + b"\xff" * (len(webp) - 14),
        "truncated_mpo.jpg": mpo[: len(mpo) // 6],
        "multi_picture.jpg": mpo,
        "cut_second_picture.jpg": mpo[: len(mpo) // 2],
        "static.webp": webp,
        "transparent.webp": encode(layer, "WEBP", lossless=True),
        "animated.webp": moving,
        "plain.jpg": jpeg,
        "plain.png": png,
    }


def write_all(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in all_files().items():
        (folder / name).write_bytes(content)


REASONS = (
    "unreadable",
    "truncated",
    "empty_file",
    "not_an_image",
    "too_large",
    "too_small",
    "missing_file",
    "outside_data_folder",
    "malformed_row",
    "duplicate_product_id",
    "empty_label",
    "several_labels",
    "unknown_class",
    "class_too_small",
    "excluded_label",
    "duplicate_image",
    "placeholder",
)
"""Of everything that `prepare` rejects."""
