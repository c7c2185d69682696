"""The figure that every static picture is drawn on: alike on every machine, with users' names as they are written."""

import re
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import figure, font_manager
from matplotlib.axes import Axes
from rich.cells import cell_len, set_cell_size

_FONTS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR", "Source Han Sans"),
    *("WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "IPAGothic", "NanumGothic"),
    *("Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Arial Unicode MS", "Unifont"),
    *("Noto Sans Arabic", "Noto Sans Devanagari", "Noto Sans Thai"),
)
"""Asked for what DejaVu Sans, which comes with matplotlib, does not have."""
_NO_GLYPH = r"Glyph \d+ .* missing from "


class Figure(figure.Figure):
    """matplotlib's figure without the user's own style and without formulas: `$` is a dollar.

    A character that no font has is drawn as a box; that is said once, on stderr.
    """

    def __init__(self, **options: Any) -> None:
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"text.parse_math": False, "font.family": ["DejaVu Sans", *_installed()]})
        super().__init__(**options)

    def savefig(self, target: Any, **options: Any) -> None:
        """Draw and write as matplotlib's own does; a file's folder is made."""
        if isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.filterwarnings("always", _NO_GLYPH)
            super().savefig(target, **options)
        for told in caught:
            if re.match(_NO_GLYPH, str(told.message)):
                _tell_missing_glyphs()
            else:
                warnings.warn_explicit(told.message, told.category, told.filename, told.lineno)


def new_sheet(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    """Return an empty figure and the axes that fill it, whose units are inches from the lower left corner.

    Photos are placed on it by hand: a plot for each takes ten times as long to lay out and draw.
    """
    figure = Figure(figsize=(width_in, height_in))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width_in), ylim=(0, height_in), autoscale_on=False)
    return figure, axes


def paste(axes: Axes, photo: np.ndarray, *, left: float, bottom: float, side: float) -> None:
    """Show a photo, (H, W, 3) uint8, in the middle of a square of `new_sheet`, in inches, as large as that lets it."""
    height, width = photo.shape[:2]
    across, up = side * width / max(width, height), side * height / max(width, height)
    x, y = left + (side - across) / 2, bottom + (side - up) / 2
    axes.imshow(photo, extent=(x, x + across, y, y + up), aspect="auto")


@cache
def _installed() -> list[str]:
    known = font_manager.fontManager.get_font_names()
    return [name for name in _FONTS if name in known]


@cache
def _tell_missing_glyphs() -> None:
    told = "the fonts here lack some characters, which figures show as boxes; install others (Debian: fonts-noto-cjk)"
    sys.stderr.write(f"bakeoff: note: {told}.\n")


@cache
def font_file(text: str = "") -> str:
    """Return the file of the first of the fonts that has all characters of `text`; DejaVu Sans where none has."""
    files = [font_manager.findfont(name) for name in ("DejaVu Sans", *_installed())]
    return next((file for file in files if {*map(ord, text)} <= {*font_manager.get_font(file).get_charmap()}), files[0])


def shorten(name: str, width: int = 30) -> str:
    """Return a name on one line, its end replaced by … where it is wider than `width` narrow letters."""
    line = " ".join(name.split())
    return line if cell_len(line) <= width else set_cell_size(line, width - 1).rstrip() + "…"
