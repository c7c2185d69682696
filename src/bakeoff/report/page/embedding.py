"""Pictures inside the page: shrunk, as JPEG, within a budget, so that one file can be mailed."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

_JPEG_QUALITY = 82


def shrink_to_jpeg(path: Path, *, max_px: int) -> bytes:
    """Return the picture as JPEG, at most `max_px` wide and high, transparency on white."""
    with Image.open(path) as opened:
        picture = opened.convert("RGBA")
    picture.thumbnail((max_px, max_px), Image.Resampling.LANCZOS)
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture.getchannel("A"))
    return _to_jpeg(flat)


def _to_jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=_JPEG_QUALITY, optimize=True)
    return buffer.getvalue()


class Budget:
    """How many bytes of pictures the page may still take; counts what did not fit."""

    def __init__(self, n_bytes: int) -> None:
        self.left = n_bytes
        self.n_left_out = 0

    def embed(self, folder: Path | None, name: str, *, max_px: int = 800) -> str | None:
        """Return a picture as a data URI, or None where it no longer fits, is missing or outside the folder."""
        if folder is None:
            return None
        path = (folder / name).resolve()
        if not (path.is_relative_to(folder.resolve()) and path.is_file()):
            return None
        return self._take(shrink_to_jpeg(path, max_px=max_px))

    def embed_array(self, picture: np.ndarray) -> str | None:
        """Return a picture (H, W, 3) in [0, 1] as a data URI, or None where it no longer fits."""
        return self._take(_to_jpeg(Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))))

    def _take(self, data: bytes) -> str | None:
        if len(data) > self.left:
            self.n_left_out += 1
            return None
        self.left -= len(data)
        return f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"
