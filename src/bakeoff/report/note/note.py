"""The two-page methodology note of a finished study: reports/note.md and note.html."""

from __future__ import annotations

from pathlib import Path

from bakeoff.language import choice, note
from bakeoff.language.phrases import LanguageCode, Words, typeset
from bakeoff.report.note import note_outcome, note_sections
from bakeoff.report.note.note_blocks import Note, to_html, to_markdown
from bakeoff.report.note.note_facts import NoteFacts, read_facts
from bakeoff.report.page.facts import provenance


def write_note(root: Path, reports_dir: Path, *, language: LanguageCode = "en") -> tuple[Path, Path]:
    """Write note.md and note.html beside the reports and return their paths; both say the same.

    Args:
        root: the project, for params.yaml, runs/ and data/.
        reports_dir: holds choice.json and leaderboard.csv.
        language: of the note.

    Raises:
        EvaluationError: no comparison has been made.
    """
    found = build_note(read_facts(root, reports_dir), language=language)
    paths = reports_dir / "note.md", reports_dir / "note.html"
    for path, text in zip(paths, (to_markdown(found), to_html(found)), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def build_note(facts: NoteFacts, *, language: LanguageCode) -> Note:
    """Return the note as blocks."""
    words = Words(language, typeset(note.PHRASES), typeset(choice.PHRASES))
    parts = (
        *(note_sections.question, note_sections.data, note_sections.candidates, note_sections.protocol),
        *(note_outcome.results, note_outcome.choice, note_outcome.limits, note_outcome.reproduce),
    )
    commits = provenance(facts.done)["commits"]
    return Note(
        language=language,
        title=words("note.title", dataset=facts.params["dataset"]["name"]),
        origin=words(
            "note.origin",
            commit=", ".join(commit[:10] for commit in commits) or words("note.unknown"),
            profile=facts.params["profile"],
        ),
        sections=[part(facts, words) for part in parts],
    )
