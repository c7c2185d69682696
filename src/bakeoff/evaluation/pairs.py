"""Contact strips of the products of one class that were taken for another: the photo and how sure the mistake was."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from bakeoff.data.figures import font_file, shorten
from bakeoff.data.photo import as_image
from bakeoff.data.table import Catalogue

SIDE_PX = 180
_GAP_PX, _HEAD_PX, _FOOT_PX = 10, 34, 26
_INK, _QUIET = "#202020", "#f4f4f4"


def draw_strip(photos: Sequence[Image.Image], captions: Sequence[str], path: Path, *, heading: str) -> None:
    """Write the photos side by side as JPEG, each whole in a square of `SIDE_PX`, its caption beneath.

    Args:
        photos: RGB, one at least.
        captions: one per photo.
        path: JPEG to write.
        heading: line above, shortened to fit.
    """
    width = max(len(photos), 2) * (SIDE_PX + _GAP_PX) + _GAP_PX
    strip = Image.new("RGB", (width, _HEAD_PX + SIDE_PX + _FOOT_PX), "white")
    draw = ImageDraw.Draw(strip)
    font = ImageFont.truetype(font_file(heading), 16)
    draw.text((_GAP_PX, 8), _fit(heading, font, width - 2 * _GAP_PX), fill=_INK, font=font)
    for number, (photo, caption) in enumerate(zip(photos, captions, strict=True)):
        left = _GAP_PX + number * (SIDE_PX + _GAP_PX)
        shown = ImageOps.contain(photo, (SIDE_PX, SIDE_PX))
        draw.rectangle((left, _HEAD_PX, left + SIDE_PX - 1, _HEAD_PX + SIDE_PX - 1), fill=_QUIET)
        strip.paste(shown, (left + (SIDE_PX - shown.width) // 2, _HEAD_PX + (SIDE_PX - shown.height) // 2))
        centre = (left + SIDE_PX / 2, _HEAD_PX + SIDE_PX + 5)
        draw.text(centre, caption, fill=_INK, font=ImageFont.truetype(font_file(), 14), anchor="ma")
    path.parent.mkdir(parents=True, exist_ok=True)
    strip.save(path, quality=85)


def read_photos(catalogue: Catalogue, product_ids: Sequence[str]) -> list[Image.Image]:
    """Return the products' photos as the store holds them."""
    chosen = catalogue.at(catalogue.products.reset_index().set_index("product_id").loc[list(product_ids), "index"])
    return [as_image(chosen.photo(number)) for number in range(len(chosen))]


def _fit(text: str, font: ImageFont.FreeTypeFont, width_px: int) -> str:
    """Return the text on one line, cut and ended by … where it is wider than `width_px`."""
    shown = shorten(text, 200)
    while font.getlength(shown) > width_px and len(shown) > 2:
        shown = shown[:-2] + "…"
    return shown
