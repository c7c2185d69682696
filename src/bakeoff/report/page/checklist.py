"""What the pre-production checklist reads off the records; its template tells each line, its state and its proof."""

from collections.abc import Sequence
from typing import Any

from bakeoff.core.translation import Translator
from bakeoff.report.facts import Facts

_UNREADABLE = ("unreadable", "not_an_image", "truncated", "empty_file", "missing_file", "too_large")
_MAX_NAMES = 5


def checklist(facts: Facts, t: Translator) -> dict[str, Any]:
    """Return counts of the audit, the ratio of the largest class to the smallest, and who lacks what, in words."""
    audit, done = facts.audit, facts.done
    rejected, per_class = (audit.rejected, audit.per_class.values()) if audit else ({}, [1])
    unseen = [one for one in done if not (one.folder / "training" / "figures" / "preview.png").is_file()]
    unversioned = [one for one in done if not (one.training.versions and one.cost.git_commit)]
    seeds = sorted({one.training.seed for one in done})
    return {
        "n_unreadable": sum(rejected.get(reason, 0) for reason in _UNREADABLE),
        "n_duplicates": sum(n for reason, n in rejected.items() if reason.startswith("duplicate")),
        "ratio": max(per_class) / max(min(per_class), 1),
        "n_unseen": len(unseen),
        "unseen": _listed([one.candidate.name for one in unseen], t),
        "unversioned": _listed([one.candidate.name for one in unversioned], t),
        "n_seeds": len(seeds),
        "seeds": _listed(seeds, t),
    }


def _listed(values: Sequence[Any], t: Translator) -> str:
    """Return the first few, and how many more there are."""
    shown = [str(value) for value in values[:_MAX_NAMES]]
    more = [t.gettext("{n} more", n=len(values) - len(shown))] if len(values) > len(shown) else []
    return t.join([*shown, *more])
