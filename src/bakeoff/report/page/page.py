"""reports/index.html: one file that needs nothing else, filled from sections/, its sections, styles and scripts."""

from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.collect import Evaluated
from bakeoff.decision.comparisons import ALPHA
from bakeoff.decision.measures import BOARD_COLUMNS, MEASURES
from bakeoff.records.candidate import Candidate
from bakeoff.records.interpretation import PARTS_FILE, PartsRecord
from bakeoff.report.data_curve import data_curves
from bakeoff.report.facts import Facts
from bakeoff.report.page import heat_maps
from bakeoff.report.page.checklist import checklist
from bakeoff.report.page.comparisons import comparisons
from bakeoff.report.page.confusions import confusion_view
from bakeoff.report.page.embedding import Budget
from bakeoff.report.page.explanations import class_links
from bakeoff.report.page.learning import learning_views
from bakeoff.report.page.plot import Plot, Scale
from bakeoff.report.page.texts import compare_texts, read_told
from bakeoff.report.page.tradeoff import tradeoff_views
from bakeoff.report.page.trust import trust_table
from bakeoff.report.render import Sections, is_known, write_page

PICTURE_BYTES = 5_000_000  # pictures in base64 take a third more: the page stays under 8 MB


def write_report(facts: Facts, path: Path) -> None:
    """Write the report page in the language of the choice."""
    page = _Page(facts, Translator(facts.choice.language))
    context = {"facts": facts, "choice": facts.choice, "dataset": facts.dataset, "language": facts.choice.language}
    context["embed"] = page.budget.embed
    write_page(path, "sections", _SECTIONS, page, failures_dir=path.parent, **context)


@dataclass(frozen=True)
class _Page:
    facts: Facts
    t: Translator
    budget: Budget = field(default_factory=lambda: Budget(PICTURE_BYTES))


def _leaderboard(page: _Page) -> dict[str, Any]:
    """Return the columns that any candidate fills, and where an accuracy lies on the scale of intervals, percent."""
    items = page.facts.summaries
    low, high = min(item.accuracy_low for item in items), max(item.accuracy_high for item in items)
    columns = [
        (MEASURES[name], column)
        for name, column in BOARD_COLUMNS.items()
        if any(is_known(getattr(item, name)) for item in items)
    ]
    return {"columns": columns, "pct_of": Scale(low, high, 0, 100)}


def _classes(page: _Page) -> dict[str, Any]:
    """Return each class's metrics by name, of every candidate, confused classes side by side."""
    first, records = page.facts.first_records(page.facts.leading)[0], _ranked(page)
    labels = [page.facts.dataset["labels"][i] for i in first.confusions.order]
    return {"records": records, "rows": {label: [one.metrics.per_class[label] for one in records] for label in labels}}


def _slices(page: _Page) -> dict[str, Any]:
    """Return each leading candidate, in how many slices it was tested, and those where it is significantly worse."""
    table = page.facts.slices
    own = [(name, table[table["candidate"] == name]) for name in page.facts.leading]
    weak = [(name, len(rows), list(rows[rows["p_holm"] <= ALPHA].itertuples())) for name, rows in own]
    return {"slices": [found for found in weak if found[1]]}


def _confusions(page: _Page) -> dict[str, Any]:
    return {"confusions": [confusion_view(one) for one in page.facts.first_records(page.facts.leading)]}


def _calibration(page: _Page) -> dict[str, Any]:
    records = _ranked(page)
    leading = [one for one in records if one.candidate.name in page.facts.leading]
    return {"records": records, "leading": leading, "plot": Plot(Scale(0, 1, 40, 288), Scale(0, 1, 276, 12))}


def _speed(page: _Page) -> dict[str, Any]:
    """Return the networks' speeds by name, and where the time of a photo goes in each, ms."""
    models = {one.candidate.model: one.speed for one in _ranked(page)}
    networks = {name: speed for name, speed in models.items() if speed}
    steps = ("decode_ms", "preprocess_ms", "forward_ms")
    parts = {name: {step: getattr(speed.end_to_end, step) for step in steps} for name, speed in networks.items()}
    return {
        "networks": networks,
        "parts": parts,
        "longest_ms": max((sum(one.values()) for one in parts.values()), default=0.0),
        "batch_sizes": sorted({one.batch_size for speed in networks.values() for one in speed.sweep}),
        "noisy": [name for name, speed in networks.items() if speed.noisy],
        "devices": sorted({speed.device_name for speed in networks.values()}),
        "missing": sorted(models.keys() - networks.keys()),
    }


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
    looking = [item.candidate for item in facts.summaries if Candidate(item.candidate).modality == "image"]
    return {
        "scale": heat_maps.scale_picture(budget),
        "compared": [
            heat_maps.compare_photo(name, interpreted, budget) for name in heat_maps.shared_products(interpreted)[:1]
        ],
        "wrong": wrong,
        "classes": class_links(facts, interpreted, read_told(facts.leading_first)),
        "notes": heat_maps.notes_of(interpreted),
        "missing": [name for name in looking if name not in known],
        "n_pictures_left_out": budget.n_left_out,
    }


def _words(page: _Page) -> dict[str, Any]:
    facts = page.facts
    told, known = read_told(facts.leading_first), heat_maps.read_interpreted(facts.leading_first)
    explained = {one.candidate for one in told}
    reading = [item.candidate for item in facts.summaries if Candidate(item.candidate).modality == "text"]
    return {
        "told": told,
        "with_terms": [one for one in told if one.record.terms],
        "compared": compare_texts(told)[:1],
        "hrefs": {link.label: link.href for link in class_links(facts, known, told)},
        "missing": [name for name in reading if name not in explained],
    }


def _parts(page: _Page) -> dict[str, Any]:
    """Return by candidate what is lost per part of the photos, and by corruption, points, mean over strengths."""
    records = page.facts.leading_first
    read = [
        (one.candidate.name, PartsRecord.read_if_there(one.folder / "interpretation" / PARTS_FILE)) for one in records
    ]
    corrupted = []
    for one in records:
        if found := one.robustness:
            means = {kind: 100 * fmean(each.lost.mean for each in levels) for kind, levels in found.corruptions.items()}
            corrupted.append((one.candidate.name, {"": found.mean_loss} | means))
    return {"parts": [(name, found) for name, found in read if found and found.parts], "corrupted": corrupted}


def _ranked(page: _Page) -> list[Evaluated]:
    return page.facts.first_records([item.candidate for item in page.facts.summaries])


_SECTIONS: Sections = {
    "answer": (N_("Answer"), lambda page: {}),
    "leaderboard": (N_("Leaderboard"), _leaderboard),
    "tradeoff": (N_("Trade-off"), lambda page: {"views": tradeoff_views(page.facts.summaries, page.facts.choice)}),
    "comparisons": (N_("Differences"), lambda page: {"paired": comparisons(page.facts.choice, page.facts.summaries)}),
    "pairs": (N_("Pairs"), lambda page: {}),
    "matrix": (N_("Matrix"), lambda page: {}),
    "classes": (N_("Classes"), _classes),
    "slices": (N_("Weak slices"), _slices),
    "confusions": (N_("Confusions"), _confusions),
    "calibration": (N_("Calibration"), _calibration),
    "learning": (N_("Learning"), lambda page: {"learning": learning_views(_ranked(page))}),
    "data_curve": (N_("More photos"), lambda page: {"data_curves": data_curves(page.facts)}),
    "speed": (N_("Speed"), _speed),
    "heat_maps": (N_("Heat maps"), _heat_maps),
    "words": (N_("Words"), _words),
    "trust": (N_("Trust"), lambda page: {"trust": trust_table(page.facts.leading_first)}),
    "parts": (N_("Parts of photos"), _parts),
    "licences": (N_("Licences"), lambda page: {}),
    "data": (N_("Data"), lambda page: {}),
    "label_errors": (N_("Label errors"), lambda page: {}),
    "checklist": (N_("Checklist"), lambda page: checklist(page.facts, page.t)),
    "reproduce": (N_("Reproduce"), lambda page: {}),
    "not_chosen": (N_("Not chosen"), lambda page: {}),
}
"""What each section is called and shows beside the facts; sections/<name>.html shows it."""
