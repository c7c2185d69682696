"""What the report shows beside the numbers: what matters in a candidate's photos, the audit's sheets."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any, NamedTuple

from bakeoff.decision.collect import Evaluated
from bakeoff.decision.comparisons import ALPHA
from bakeoff.records.examination import SHEETS
from bakeoff.records.interpretation import PARTS_FILE, PartsRecord
from bakeoff.report.facts import Facts
from bakeoff.report.page.embedding import Budget

_SHEET_PX = 800


class Found(NamedTuple):
    """What a finding of the audit flagged: how many products, beyond which measure, and its sheet as a data URI."""

    name: str
    n: int
    threshold: float | None
    picture: str | None


def read_parts(record: Evaluated) -> PartsRecord | None:
    """Return what is lost per part of the photos; None where nothing was shuffled."""
    found = PartsRecord.read_if_there(record.folder / "interpretation" / PARTS_FILE)
    return found if found and found.parts else None


def lost_to_corruptions(records: Sequence[Evaluated]) -> list[tuple[str, dict[str, float]]]:
    """Return by candidate accuracy lost by corruption, points, mean over strengths; of all under no name."""
    lost = []
    for one in records:
        if found := one.robustness:
            means = {kind: 100 * fmean(each.lost.mean for each in levels) for kind, levels in found.corruptions.items()}
            lost.append((one.candidate.name, {"": found.mean_loss} | means))
    return lost


def corrupted_picture(records: Sequence[Evaluated], budget: Budget) -> str | None:
    """Return the sheet of corrupted photos of the first candidate that has one, as a data URI."""
    folders = [record.folder / "interpretation" / "figures" for record in records if record.robustness]
    return budget.embed(folders[0], "corruptions.png", max_px=_SHEET_PX) if folders else None


def weak_slices(facts: Facts) -> list[tuple[str, int, list[Any]]]:
    """Return each leading candidate, in how many slices it was tested, and those where it is significantly worse."""
    own = [(name, facts.slices[facts.slices["candidate"] == name]) for name in facts.leading]
    weak = [(name, len(rows), list(rows[rows["p_holm"] <= ALPHA].itertuples())) for name, rows in own]
    return [found for found in weak if found[1]]


def examined(facts: Facts, budget: Budget) -> dict[str, str]:
    """Return the sheets of the examination that there are, as data URIs by their name."""
    figures = facts.examination_dir / "figures" if facts.examination_dir else None
    found = {name: figures and budget.embed(figures, f"{name}.png", max_px=_SHEET_PX) for name in SHEETS}
    return {name: picture for name, picture in found.items() if picture}


def found_in_catalogue(facts: Facts, budget: Budget) -> list[Found]:
    """Return the findings that flag products, the most frequent first, with their sheets as far as the budget goes."""
    findings = facts.audit.findings if facts.audit else {}
    found = sorted(((name, one) for name, one in findings.items() if one.n), key=lambda item: -item[1].n)
    figures = facts.audit_dir / "figures" if facts.audit_dir else None
    return [
        Found(name, one.n, one.threshold, figures and budget.embed(figures, f"{name}.png", max_px=_SHEET_PX))
        for name, one in found
    ]


def repaired_picture(facts: Facts, budget: Budget) -> str | None:
    """Return the sheet of photos before and after repair as a data URI; None where there is none."""
    return facts.split_dir and budget.embed(facts.split_dir / "figures", "repair.png", max_px=_SHEET_PX)
