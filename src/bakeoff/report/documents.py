"""The methodology note, and the winner's model card in the Hugging Face Hub's form.

The card has a YAML head for tools (https://github.com/huggingface/hub-docs/blob/main/modelcard.md); the rest is for
people, as are note.md and note.html, two pages.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from bakeoff.core.section import LanguageCode
from bakeoff.decision.collect import Evaluated
from bakeoff.decision.measures import MEASURES
from bakeoff.records.candidate import Candidate
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.training import TrainingRecord
from bakeoff.report.facts import Facts, read_facts
from bakeoff.report.render import environment

_HUB_LICENCES = (
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "gpl-2.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0"),
    *("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "unlicense"),
    *("apple-ascl", "apple-amlr", "openrail", "unknown"),
)
"""The Hub's identifiers (https://huggingface.co/docs/hub/repositories-licenses) of licences that backbones have."""
_LIBRARIES = {"pytorch": "pytorch", "tensorflow": "keras", "scikit-learn": "sklearn", "fusion": "bakeoff"}
_TASKS = {
    "image": ("image-classification", "product-photos"),
    "text": ("text-classification", "product-texts"),
    "pair": (None, "multimodal-classification"),  # the Hub has no task for classifiers of several inputs
}


def write_note(root: Path, reports_dir: Path, *, language: LanguageCode = "en") -> tuple[Path, Path]:
    """Write note.md and note.html, which say the same, and return their paths; errors are those of `read_facts`."""
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


def write_model_card(path: Path, facts: Facts) -> None:
    """Write the model card of the winner's deployed training; a sentence where nothing was chosen."""
    template, head = environment(facts.choice.language, html=False).get_template("model_card.md"), ""
    if facts.deployed is not None:
        values = {key: value for key, value in metadata(facts.deployed).items() if value}
        head = f"---\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120)}---\n\n"
    known: dict[str, Any] = {"facts": facts, "record": facts.deployed}
    if facts.deployed is not None:
        one = Candidate(facts.deployed.candidate.name)
        known |= {"asked": _asked_for(one), "is_logged": one.in_one_environment}
    path.write_text(head + tidy(template.render(known)), encoding="utf-8")


def _asked_for(one: Candidate) -> list[str]:
    """Return the columns of a product that a candidate, or a side of it, reads."""
    reads = {side.modality for side in one.sides or (one,)}
    return [*(["image"] if "image" in reads else []), *(["title", "description"] if "text" in reads else [])]


def metadata(record: Evaluated) -> dict[str, Any]:
    """Return the head's fields: licence, library, task, tags, data, metrics and the model index with results."""
    training = record.training
    return {
        **licence_fields(training),
        "library_name": _LIBRARIES[training.framework],
        "pipeline_tag": _TASKS[training.modality][0],
        "base_model": _base_model(training),
        "tags": _tags(record),
        "datasets": [training.dataset.name],
        "metrics": sorted({one.hub for one in MEASURES.values() if one.hub}),
        "model-index": [{"name": record.candidate.name, "results": [_results(record)]}],
    }


def licence_fields(training: TrainingRecord) -> dict[str, str]:
    """Return `license`, or `other` with a name of its own where code and weights differ or the Hub has no such one."""
    text = training.licence
    known = text.lower().removesuffix("-or-later").removesuffix("-only")
    if known in _HUB_LICENCES:
        return {"license": known}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")}


def _base_model(training: TrainingRecord) -> str | None:
    """Return the Hub's id of the weights it started from, None where they are not of the Hub's form."""
    settings = training.settings
    weights_id = settings.weights_id or "" if isinstance(settings, CandidateSettings) else ""
    return weights_id if training.weights.pretrained and re.fullmatch(r"[\w.-]+/[\w.-]+", weights_id) else None


def _tags(record: Evaluated) -> list[str]:
    training = record.training
    marks = {
        "licence-unknown": training.licence_of_code == "unknown",
        "random-weights": training.weights.starts_at_random,
        "non-commercial": training.commercial_use is False,
        "commercial-use-unknown": training.commercial_use is None,
        "calibrated": True,
    }
    names = (*filter(None, _TASKS[training.modality]), "bakeoff", record.candidate.model, training.mode)
    return [*dict.fromkeys(names), *(name for name, holds in marks.items() if holds)]


def _results(record: Evaluated) -> dict[str, Any]:
    dataset, task = record.training.dataset.name, next(filter(None, _TASKS[record.training.modality]))
    metrics = []
    for one in MEASURES.values():
        name, kind, title = one.name, one.hub, one.title[:1].upper() + one.title[1:]
        value = record.metrics.splits["test"].get(name)
        if kind is None or value is None:
            continue
        interval = record.metrics.intervals["test"].get(name)
        within = f" (95% interval {interval.low:.3f} to {interval.high:.3f})" if interval else ""
        metrics.append({"type": kind, "value": round(float(value), 4), "name": f"{title}{within}"})
    return {
        "task": {"type": task, "name": task.replace("-", " ").capitalize()},
        "dataset": {"type": dataset, "name": dataset, "split": "test"},
        "metrics": metrics,
    }
