"""What the pre-production checklist reads off the records; its template tells each line, its state and its proof."""

from collections.abc import Sequence
from typing import Any

from bakeoff.core.translation import Translator
from bakeoff.report.facts import Facts

_MAX_NAMES = 5


def checklist(facts: Facts, t: Translator) -> dict[str, Any]:
    """Return who left no picture of what its network sees, whose versions are not known, and the seeds, in words."""
    looking = [one for one in facts.done if one.training.modality == "image"]
    unseen = [one for one in looking if not (one.folder / "training" / "figures" / "preview.png").is_file()]
    unversioned = [one for one in facts.done if not (one.training.versions and one.cost.git_commit)]
    seeds = sorted({one.training.seed for one in facts.done})
    return {
        "n_looking": len(looking),
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
