"""reports/explanations/: a page per class with its shared photos and texts compared, and candidates' own ones."""

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
from bakeoff.report.page.texts import Told, compare_texts, own_texts, read_told
from bakeoff.report.render import Sections, write_page

FOLDER = "explanations"
_PICTURE_BYTES = 20_000_000


class ClassLink(NamedTuple):
    """A class with explained products: how many they are, and where its page lies beside the report."""

    label: str
    n_products: int
    href: str


class _Page(NamedTuple):
    label: str
    interpreted: Sequence[Interpreted]
    leading: Sequence[Interpreted]
    told: Sequence[Told]
    budget: Budget


def write_explanations(facts: Facts, folder: Path) -> None:
    """Write the pages in the language of the choice; a page that fails is told in failures.json beside `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    interpreted, told = read_interpreted(facts.leading_first), read_told(facts.leading_first)
    for link in class_links(facts, interpreted, told):
        page = _Page(link.label, interpreted, _leading(facts, interpreted), told, Budget(_PICTURE_BYTES))
        with drawing(folder.parent / link.href, folder.parent) as path:
            context = {"label": link.label, "dataset": facts.dataset, "budget": page.budget}
            context |= {"scale": scale_picture(page.budget), "notes": notes_of(interpreted, link.label)}
            context |= {"runs_dir": facts.choice.inputs.runs_dir, "language": facts.choice.language}
            write_page(path, "explanations", _SECTIONS, page, failures_dir=folder.parent, **context)


def _leading(facts: Facts, interpreted: Sequence[Interpreted]) -> list[Interpreted]:
    return [one for one in interpreted if one.candidate in facts.leading]


def class_links(facts: Facts, interpreted: Sequence[Interpreted], told: Sequence[Told]) -> list[ClassLink]:
    """Return the classes that have a page, in the order of the labels."""
    leading, found = _leading(facts, interpreted), []
    for label in facts.dataset["labels"]:
        own = {photo.product_id for one in leading for photo in one.photos(label, shared=False)}
        texts = {text.product_id for one in told for text in one.record.texts if text.true == label}
        if products := own | texts | set(shared_products(interpreted, label)):
            found.append(ClassLink(label, len(products), f"{FOLDER}/{safe_name(label)}.html"))
    return found


def _shared(page: _Page) -> dict[str, Any]:
    ids = shared_products(page.interpreted, page.label)
    return {"comparisons": [compare_photo(product_id, page.interpreted, page.budget) for product_id in ids]}


def _own(page: _Page) -> dict[str, Any]:
    photos = [(one, photo) for one in page.leading for photo in one.photos(page.label, shared=False)]
    return {"own": [own_photo(one, photo, page.budget) for one, photo in photos]}


def _texts(page: _Page) -> dict[str, Any]:
    with_terms = [one for one in page.told if one.terms(page.label)]
    compared, own = compare_texts(page.told, page.label), own_texts(page.told, page.label)
    return {"told": page.told, "with_terms": with_terms, "compared": compared, "own": own}


_SECTIONS: Sections = {
    "shared": (N_("Compared"), _shared),
    "own": (N_("Own photos"), _own),
    "texts": (N_("Texts"), _texts),
    "notes": (N_("Notes"), lambda page: {}),
}
"""What each section is called and shows; templates/explanations/<name>.html shows it."""
