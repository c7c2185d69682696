"""The pre-production checklist: each line's state follows from the records, with the file that proves it."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.collect import Evaluated
from bakeoff.records.catalogue import AuditRecord
from bakeoff.report.facts import Facts

State = Literal["proved", "not_proved", "not_applicable"]
_UNREADABLE = ("unreadable", "not_an_image", "truncated", "empty_file", "missing_file", "too_large")
_MAX_NAMES = 5
_UNEVEN_FROM = 1.5
"""Largest class over smallest: below this, weights would change next to nothing."""
_AUDIT = "data/audit/audit.json"


class Line(NamedTuple):
    """What is checked, the outcome, the sentence that says why, and the files that prove it."""

    title: str
    state: State
    text: str
    proof: str


def checklist(facts: Facts, t: Translator) -> list[Line]:
    """Return the eight lines of the checklist."""
    return [Line(t.gettext(title), *check(facts, t)) for title, check in _CHECKS.items()]


Outcome = tuple[State, str, str]


def _images(facts: Facts, t: Translator) -> Outcome:
    audit, proof = facts.audit, f"{_AUDIT}, rejected.csv"
    if audit is None:
        return _no_audit(t)
    if lost := audit.n_read - audit.n_accepted - audit.n_rejected:
        text = t.ngettext(
            "{n:,d} product is neither accepted nor rejected.",
            "{n:,d} products are neither accepted nor rejected.",
            lost,
        )
        return "not_proved", text, proof
    n_bad = sum(audit.rejected.get(reason, 0) for reason in _UNREADABLE)
    text = t.gettext(
        "{kept:,d} of {read:,d} products were accepted after decoding every image; {bad:,d} could not be read and are "
        "listed.",
        kept=audit.n_accepted,
        read=audit.n_read,
        bad=n_bad,
    )
    return "proved", text, proof


def _duplicates(facts: Facts, t: Translator) -> Outcome:
    audit = facts.audit
    if audit is None:
        return _no_audit(t)
    text = t.gettext(
        "{dropped:,d} duplicates were dropped; {alike:,d} products resemble another, and the split keeps each of the "
        "{groups:,d} groups whole.",
        dropped=sum(n for reason, n in audit.rejected.items() if reason.startswith("duplicate")),
        alike=audit.n_accepted - audit.n_groups,
        groups=audit.n_groups,
    )
    proof = f"{_AUDIT}, data/splits/splits.parquet"
    if facts.duplicates_kept:
        return (
            "not_proved",
            t.gettext("Duplicates were kept (dataset.duplicates: keep) and may lie in two splits."),
            proof,
        )
    return "proved", text, proof


def _distribution(facts: Facts, t: Translator) -> Outcome:
    if facts.audit is None:
        return _no_audit(t)
    per_class = facts.audit.per_class
    text = t.gettext(
        "{n:,d} classes of {smallest:,d} to {largest:,d} products (ratio {ratio:.1f}).",
        n=len(per_class),
        smallest=min(per_class.values()),
        largest=max(per_class.values()),
        ratio=_ratio(facts.audit),
    )
    return "proved", text, f"{_AUDIT}, figures/class_counts.png"


def _transforms(facts: Facts, t: Translator) -> Outcome:
    lacking = _names(facts.done, lambda record: (record.folder / "training" / "figures" / "preview.png").is_file())
    proof, n = _proof(facts, "training/figures/preview.png"), len(facts.done)
    if not lacking:
        text = t.gettext("All {all} trainings left a picture of what their network sees after its transforms.", all=n)
        return "proved", text, proof
    text = t.gettext(
        "{n} of {all} trainings left a picture of what their network sees; none of {names}.",
        n=n - len(lacking),
        all=n,
        names=_listed(lacking, t),
    )
    return "not_proved", text, proof


def _finite(facts: Facts, t: Translator) -> Outcome:
    text = t.gettext(
        "{n:,d} products judged by each of {all} trainings; every probability is a number and rows sum to 1, else "
        "evaluation stops.",
        n=sum(facts.dataset["splits"].values()),
        all=len(facts.done),
    )
    return "proved", text, _proof(facts, "training/predictions.parquet")


def _weights(facts: Facts, t: Translator) -> Outcome:
    if facts.audit is None:
        return _no_audit(t)
    ratio = _ratio(facts.audit)
    if ratio < _UNEVEN_FROM:
        text = t.gettext("The largest class is only {ratio:.1f} times the smallest.", ratio=ratio)
        return "not_applicable", text, _AUDIT
    text = t.gettext(
        "The largest class is {ratio:.1f} times the smallest, and training does not weight classes: read macro F1 and "
        "the small classes.",
        ratio=ratio,
    )
    return "not_proved", text, _AUDIT


def _seeds(facts: Facts, t: Translator) -> Outcome:
    proof = f"params.yaml, {_proof(facts, 'training/training.json')}"
    seeds = sorted({record.training.seed for record in facts.done})
    if len(seeds) > 1:
        text = t.gettext("Seeds {seeds}, recorded with every training.", seeds=_listed(seeds, t))
    else:
        text = t.gettext(
            "Seed {seed} in every training. One seed: how much another would change is not known.", seed=seeds[0]
        )
    return "proved", text, proof


def _versions(facts: Facts, t: Translator) -> Outcome:
    proof = f"{_proof(facts, 'training/training.json')}, cost.json"
    lacking = _names(facts.done, lambda record: record.training.versions and record.cost.git_commit)
    if lacking:
        text = t.gettext("Versions or the commit are missing for {names}.", names=_listed(lacking, t))
        return "not_proved", text, proof
    text = t.gettext(
        "Every record holds library versions and the git commit (distinct commits: {n}).", n=len(facts.commits)
    )
    return "proved", text, f"{proof}, requirements-*.txt"


_CHECKS: dict[str, Callable[[Facts, Translator], Outcome]] = {
    N_("Images are readable."): _images,
    N_("No duplicates across the splits."): _duplicates,
    N_("The distribution is documented."): _distribution,
    N_("Transforms are tested."): _transforms,
    N_("No NaN in features or predictions."): _finite,
    N_("Class weights."): _weights,
    N_("Seeds are fixed."): _seeds,
    N_("Versions are recorded."): _versions,
}


def _no_audit(t: Translator) -> Outcome:
    return "not_proved", t.gettext("There is no audit of the catalogue."), _AUDIT


def _ratio(audit: AuditRecord) -> float:
    """Return the largest class over the smallest."""
    counts = audit.per_class.values()
    return max(counts) / max(min(counts), 1)


def _names(records: Sequence[Evaluated], holds: Callable[[Evaluated], Any]) -> list[str]:
    """Return the candidates for which something does not hold."""
    return [record.candidate.name for record in records if not holds(record)]


def _proof(facts: Facts, relative: str) -> str:
    """Return the pattern of a file that every training has."""
    return f"{facts.choice.inputs.runs_dir}/*/seed_*/{relative}"


def _listed(values: Sequence[Any], t: Translator) -> str:
    """Return the first few, and how many more there are."""
    shown = [str(value) for value in values[:_MAX_NAMES]]
    more = [t.gettext("{n} more", n=len(values) - len(shown))] if len(values) > len(shown) else []
    return t.join([*shown, *more])
