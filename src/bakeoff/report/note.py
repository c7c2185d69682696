"""The two-page methodology note of a finished study: reports/note.md and note.html."""

import re
from pathlib import Path

from bakeoff.core.section import LanguageCode
from bakeoff.report.facts import read_facts
from bakeoff.report.render import environment


def write_note(root: Path, reports_dir: Path, *, language: LanguageCode = "en") -> tuple[Path, Path]:
    """Write note.md and note.html beside the reports and return their paths; both say the same.

    Raises:
        EvaluationError: no comparison has been made.
    """
    facts = read_facts(root, reports_dir)
    page = environment(language).get_template("note/note.html").render(facts=facts, parts="note/html_parts.jinja")
    plain = environment(language, html=False).get_template("note/note.md")
    paths = reports_dir / "note.md", reports_dir / "note.html"
    paths[0].write_text(tidy(plain.render(facts=facts, parts="note/markdown_parts.jinja")), encoding="utf-8")
    paths[1].write_text(page, encoding="utf-8")
    return paths


def tidy(markdown: str) -> str:
    """Return Markdown without the blank lines that a template leaves."""
    return re.sub(r"\s*\n\s*\n\s*", "\n\n", markdown).strip() + "\n"
