"""The note as plain blocks, and the two ways to write them: Markdown, and one HTML page for two sheets of A4."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_CODE = re.compile(r"`([^`]+)`")
_TEMPLATE = Path(__file__).with_name("note.html")


@dataclass(frozen=True)
class Table:
    """A table; every column but the first `n_text` is numbers."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    n_text: int = 1
    caption: str = ""
    kind: str = "table"


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: Sequence[str]
    kind: str = "bullets"


@dataclass(frozen=True)
class Code:
    """Shell lines."""

    lines: Sequence[str]
    kind: str = "code"


Block = Table | Text | Bullets | Code


@dataclass(frozen=True)
class Section:
    """A headed part of the note."""

    title: str
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True)
class Note:
    """The whole note in one language."""

    language: str
    title: str
    origin: str
    sections: list[Section]


def to_markdown(note: Note) -> str:
    """Return the note as GitHub-flavoured Markdown."""
    parts = [f"# {note.title}", f"*{note.origin}*"]
    for section in note.sections:
        parts.append(f"## {section.title}")
        parts += [_WRITERS[block.kind](block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def to_html(note: Note) -> str:
    """Return the note as one self-contained page: no script, nothing loaded, text escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["with_code"] = lambda text: Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(note=note)


def _markdown_table(block: Table) -> str:
    rules = ["---" if i < block.n_text else "---:" for i in range(len(block.header))]
    lines = [_row(block.header), _row(rules), *(_row(row) for row in block.rows)]
    return "\n".join([*lines, "", block.caption] if block.caption else lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


_WRITERS = {
    "table": _markdown_table,
    "text": lambda block: block.text,
    "bullets": lambda block: "\n".join(f"- {item}" for item in block.items),
    "code": lambda block: "\n".join(["```sh", *block.lines, "```"]),
}
