"""reports/index.html: one file that needs nothing else, filled from sections/, its sections, styles and scripts."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.collect import Evaluated
from bakeoff.report.data_curve import data_curves
from bakeoff.report.facts import Facts
from bakeoff.report.page import evidence, heat_maps
from bakeoff.report.page.board import board
from bakeoff.report.page.calibration import calibration_views
from bakeoff.report.page.checklist import checklist
from bakeoff.report.page.comparisons import comparisons
from bakeoff.report.page.confusions import class_table, confusion_view
from bakeoff.report.page.embedding import Budget
from bakeoff.report.page.explanations import class_links
from bakeoff.report.page.learning import learning_views
from bakeoff.report.page.speed import speed_views
from bakeoff.report.page.tradeoff import tradeoff_views
from bakeoff.report.page.trust import trust_table
from bakeoff.report.render import Sections, write_page

PICTURE_BYTES = 5_000_000  # pictures in base64 take a third more: the page stays under 8 MB


def write_report(facts: Facts, path: Path) -> None:
    """Write the report page in the language of the choice."""
    page = _Page(facts, Translator(facts.choice.language))
    context = {"facts": facts, "choice": facts.choice, "dataset": facts.dataset, "language": facts.choice.language}
    write_page(path, "sections", _SECTIONS, page, failures_dir=path.parent, **context)


@dataclass(frozen=True)
class _Page:
    facts: Facts
    t: Translator
    budget: Budget = field(default_factory=lambda: Budget(PICTURE_BYTES))


def _answers(page: _Page) -> dict[str, Any]:
    choice, t = page.facts.choice, page.t
    best, commercial = choice.best, choice.best_commercial
    reason, commercial_reason = choice.best_reason, choice.best_commercial_reason
    if best and commercial and best["candidate"] == commercial["candidate"]:
        title = t.gettext("Deploy this one, also commercially")
        return {"answers": [{"title": title, "candidate": best, "reason": f"{reason} {commercial_reason}"}]}
    answers = [{"title": t.gettext("Deploy this one"), "candidate": best, "reason": reason}]
    if best:
        title = t.gettext("Best for commercial use")
        answers.append({"title": title, "candidate": commercial, "reason": commercial_reason})
    return {"answers": answers}


def _classes(page: _Page) -> dict[str, Any]:
    first = page.facts.first_records(page.facts.leading)[0]
    labels = page.facts.dataset["labels"]
    return {"classes": class_table(_ranked(page), [labels[i] for i in first.confusions.order])}


def _confusions(page: _Page) -> dict[str, Any]:
    records = page.facts.first_records(page.facts.leading)
    return {"confusions": [confusion_view(one, page.budget, photos=place < 2) for place, one in enumerate(records)]}


def _heat_maps(page: _Page) -> dict[str, Any]:
    facts, budget = page.facts, page.budget
    interpreted = heat_maps.read_interpreted(facts.leading_first)
    wrong = [
        heat_maps.own_photo(one, photo, budget)
        for one in interpreted
        if one.candidate == facts.leading[0]
        for photo in one.photos(shared=False)
        if not photo.correct
    ]
    known = {one.candidate for one in interpreted}
    return {
        "scale": heat_maps.scale_picture(budget),
        "compared": [
            heat_maps.compare_photo(name, interpreted, budget) for name in heat_maps.shared_products(interpreted)[:1]
        ],
        "wrong": wrong,
        "classes": class_links(facts, interpreted),
        "notes": heat_maps.notes_of(interpreted),
        "missing": [item.candidate for item in facts.summaries if item.candidate not in known],
        "n_pictures_left_out": budget.n_left_out,
    }


def _parts(page: _Page) -> dict[str, Any]:
    records = page.facts.leading_first
    found = [(record.candidate.name, evidence.read_parts(record)) for record in records]
    return {
        "parts": [(name, parts) for name, parts in found if parts],
        "corrupted": evidence.lost_to_corruptions(records),
        "corrupted_picture": evidence.corrupted_picture(records, page.budget),
    }


def _ranked(page: _Page) -> list[Evaluated]:
    return page.facts.first_records([item.candidate for item in page.facts.summaries])


_SECTIONS: Sections = {
    "answer": (N_("Answer"), _answers),
    "leaderboard": (N_("Leaderboard"), lambda page: {"board": board(page.facts, page.t)}),
    "tradeoff": (
        N_("Trade-off"),
        lambda page: {"views": tradeoff_views(page.facts.summaries, page.facts.choice, page.t)},
    ),
    "comparisons": (N_("Differences"), lambda page: {"paired": comparisons(page.facts.choice, page.facts.summaries)}),
    "matrix": (N_("Matrix"), lambda page: {}),
    "classes": (N_("Classes"), _classes),
    "slices": (N_("Weak slices"), lambda page: {"slices": evidence.weak_slices(page.facts)}),
    "confusions": (N_("Confusions"), _confusions),
    "calibration": (
        N_("Calibration"),
        lambda page: {"calibration": calibration_views(_ranked(page), page.facts.leading)},
    ),
    "learning": (N_("Learning"), lambda page: {"learning": learning_views(_ranked(page))}),
    "data_curve": (N_("More photos"), lambda page: {"data_curves": data_curves(page.facts, page.budget, page.t)}),
    "speed": (N_("Speed"), lambda page: {"speed": speed_views(_ranked(page))}),
    "heat_maps": (N_("Heat maps"), _heat_maps),
    "trust": (N_("Trust"), lambda page: {"trust": trust_table(page.facts.leading_first)}),
    "parts": (N_("Parts of photos"), _parts),
    "licences": (N_("Licences"), lambda page: {}),
    "data": (
        N_("Data"),
        lambda page: {
            "findings": evidence.found_in_catalogue(page.facts, page.budget),
            "repaired_picture": evidence.repaired_picture(page.facts, page.budget),
        },
    ),
    "label_errors": (N_("Label errors"), lambda page: {"sheets": evidence.examined(page.facts, page.budget)}),
    "checklist": (N_("Checklist"), lambda page: checklist(page.facts, page.t)),
    "reproduce": (N_("Reproduce"), lambda page: {}),
    "not_chosen": (N_("Not chosen"), lambda page: {}),
}
"""What each section is called and shows beside the facts; sections/<name>.html shows it."""
