"""What takes the place of a report's file that could not be made: DVC asks for every output, a reader for a word."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from bakeoff.failures import read_failures


def fill_gaps(out_dir: Path, names: Sequence[str]) -> None:
    """Write a picture, page or text that says what failed for each of `names` that is missing in `out_dir`."""
    failed = {failure.what: failure.error for failure in read_failures(out_dir)}
    for name in names:
        path = out_dir / name
        if path.exists():
            continue
        lines = [
            f"{name} could not be made: {failed.get(name, 'unknown')}",
            "Every number is in leaderboard.csv and choice.json.",
        ]
        if path.suffix == ".png":
            _write_picture(path, lines)
        elif path.suffix == ".html":
            paragraphs = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
            path.write_text(f"<!doctype html><meta charset='utf-8'><title>bakeoff</title>{paragraphs}\n", "utf-8")
        else:
            path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")


def _write_picture(path: Path, lines: Sequence[str]) -> None:
    picture = Image.new("RGB", (900, 80), "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((12, 14 + 26 * number), line.encode("ascii", "replace").decode(), fill="black")
    picture.save(path)
