"""reports/explanations/: a page per class with its shared photos compared and the leading candidates' own ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bakeoff.core.failures import drawing
from bakeoff.core.translation import N_
from bakeoff.interpret.photos import safe_name
from bakeoff.report.facts import Facts
from bakeoff.report.page.embedding import Budget
from bakeoff.report.page.heat_maps import (
    Interpreted,
    compare_photo,
    notes_of,
    own_photo,
    read_interpreted,
    scale_picture,
    shared_products,
)
from bakeoff.report.render import Sections, write_page

FOLDER = "explanations"
_PICTURE_BYTES = 20_000_000


class ClassLink(NamedTuple):
    """A class with explained photos: how many they are, and where its page lies beside the report."""

    label: str
    n_photos: int
    href: str


class _Page(NamedTuple):
    label: str
    interpreted: Sequence[Interpreted]
    leading: Sequence[Interpreted]
    budget: Budget


def write_explanations(facts: Facts, folder: Path) -> None:
    """Write the pages in the language of the choice; a page that fails is told in failures.json beside `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    interpreted = read_interpreted(facts.leading_first)
    for link in class_links(facts, interpreted):
        page = _Page(link.label, interpreted, _leading(facts, interpreted), Budget(_PICTURE_BYTES))
        with drawing(folder.parent / link.href, folder.parent) as path:
            context = {"label": link.label, "dataset": facts.dataset, "budget": page.budget}
            context |= {"scale": scale_picture(page.budget), "notes": notes_of(interpreted, link.label)}
            context |= {"runs_dir": facts.choice.inputs.runs_dir, "language": facts.choice.language}
            write_page(path, "explanations", _SECTIONS, page, failures_dir=folder.parent, **context)


def _leading(facts: Facts, interpreted: Sequence[Interpreted]) -> list[Interpreted]:
    return [one for one in interpreted if one.candidate in facts.leading]


def class_links(facts: Facts, interpreted: Sequence[Interpreted]) -> list[ClassLink]:
    """Return the classes that have a page, in the order of the labels."""
    leading, found = _leading(facts, interpreted), []
    for label in facts.dataset["labels"]:
        own = {photo.product_id for one in leading for photo in one.photos(label, shared=False)}
        if photos := own | set(shared_products(interpreted, label)):
            found.append(ClassLink(label, len(photos), f"{FOLDER}/{safe_name(label)}.html"))
    return found


def _shared(page: _Page) -> dict[str, Any]:
    ids = shared_products(page.interpreted, page.label)
    return {"comparisons": [compare_photo(product_id, page.interpreted, page.budget) for product_id in ids]}


def _own(page: _Page) -> dict[str, Any]:
    photos = [(one, photo) for one in page.leading for photo in one.photos(page.label, shared=False)]
    return {"own": [own_photo(one, photo, page.budget) for one, photo in photos]}


_SECTIONS: Sections = {
    "shared": (N_("Compared"), _shared),
    "own": (N_("Own photos"), _own),
    "notes": (N_("Notes"), lambda page: {}),
}
"""What each section is called and shows; templates/explanations/<name>.html shows it."""
