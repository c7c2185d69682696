"""What takes the place of a report's file that could not be made: DVC asks for every output, a reader for a word."""

import html
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from bakeoff.core.failures import read_failures
from bakeoff.core.section import LanguageCode
from bakeoff.core.translation import Translator
from bakeoff.data.figures import font_file


def fill_gaps(out_dir: Path, names: Sequence[str], *, language: LanguageCode) -> None:
    """Write a picture, page or text that says what failed for each of `names` that is missing in `out_dir`."""
    t = Translator(language)
    failed = {failure.what: failure.error for failure in read_failures(out_dir)}
    for name in names:
        path = out_dir / name
        if path.exists():
            continue
        lines = [
            t.gettext("{name} could not be made: {error}", name=name, error=failed.get(name, "?")),
            t.gettext("Every number is in leaderboard.csv and choice.json."),
        ]
        if path.suffix == ".png":
            _write_picture(path, lines)
        elif path.suffix == ".html":
            body = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
            head = f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>bakeoff</title>'
            path.write_text(f"{head}{body}</html>\n", encoding="utf-8")
        else:
            path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")


def _write_picture(path: Path, lines: Sequence[str]) -> None:
    picture = Image.new("RGB", (1000, 80), "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((12, 12 + 28 * number), line, fill="black", font=ImageFont.truetype(font_file(line), 15))
    picture.save(path)
