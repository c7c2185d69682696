"""The first half of the note: question, data, candidates, protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakeoff.decision.measures import MEASURES
from bakeoff.decision.params import Limits
from bakeoff.decision.rules import Rule
from bakeoff.decision.sentences import rule_in_words
from bakeoff.language.phrases import Words
from bakeoff.report.note.note_blocks import Bullets, Section, Text
from bakeoff.report.note.note_facts import NoteFacts
from bakeoff.report.note.note_tables import candidates_table
from bakeoff.report.page.facts import dataset_facts, schedules

_FEW_NAMES = 3


def question(facts: NoteFacts, words: Words) -> Section:
    """Return what is asked, of how many candidates, by which rule."""
    made = facts.choice["rule"]  # params.yaml may have changed since
    rule = Rule(MEASURES[made["maximise"]], Limits(**made["subject_to"]))
    text = words(
        "note.question",
        dataset=facts.params["dataset"]["name"],
        n_classes=len(facts.done[0].training.get("labels") or []),
        n_candidates=facts.choice["n_candidates"],
        n_test=facts.choice["n_test"],
        rule=rule_in_words(rule, words=words),
    )
    return Section(words("note.section.question"), [Text(text)])


def data(facts: NoteFacts, words: Words) -> Section:
    """Return source, audit, classes, splits and what keeps the same photo out of two splits."""
    known = dataset_facts(facts.done, None)
    unknown = words("note.unknown")
    named = {key: known.get(source) or unknown for key, source in _SOURCE.items()}
    items = [words("note.data.source", **named), _audit(facts, words)]
    per_class = facts.audit.get("per_class") or {}
    if len(per_class) > 1:
        items.append(_classes(per_class, words))
    if len(known["splits"]) == len(_SPLITS):
        items.append(words("note.data.splits", seed=facts.params["split"]["seed"], **known["splits"]))
    dataset = facts.params["dataset"]
    leak = f"note.data.leak.{dataset['duplicates']}"
    items.append(words(leak, **({} if leak.endswith("keep") else {"distance": dataset["phash_distance"]})))
    return Section(words("note.section.data"), [Bullets(items)])


def candidates(facts: NoteFacts, words: Words) -> Section:
    """Return the backbones with licences and weights, and what the modes mean."""
    return Section(words("note.section.candidates"), [candidates_table(facts, words), Text(words("note.modes"))])


def protocol(facts: NoteFacts, words: Words) -> Section:
    """Return how candidates were trained, judged and timed."""
    training, first, seeds = facts.params["training"], facts.done[0], facts.params["seeds"]
    patience = training["early_stop_patience_epochs"]
    items = [
        words(
            "note.protocol.training",
            optimizer=str(training["optimizer"]["name"]).upper().replace("ADAMW", "AdamW"),
            weight_decay=training["optimizer"]["weight_decay"],
            stop=words("note.protocol.stop", patience=patience) if patience else words("note.protocol.no_stop"),
            seeds=words.count("note.protocol.seeds", len(seeds), seeds=words.join(map(str, seeds))),
        )
    ]
    items += [_schedule(row, words) for row in schedules(facts.done)]
    items.append(words("note.protocol.evaluation", n_bootstrap=facts.params["evaluate"]["n_bootstrap"]))
    speed = first.throughput
    swept = [row["batch_size"] for row in speed.get("sweep") or [] if row.get("images_per_s")]
    batches = words.join(str(size) for size in swept or [speed.get("batch_size") or words("note.unknown")])
    threads = speed.get("threads") or words("note.unknown")
    items.append(words("note.protocol.speed", device=facts.device, threads=threads, batch_sizes=batches))
    return Section(words("note.section.protocol"), [Bullets(items)])


_SPLITS = ("train", "validation", "test")
_SOURCE = {"name": "name", "licence": "licence", "url": "source_url"}


def _audit(facts: NoteFacts, words: Words) -> str:
    audit = facts.audit
    if not {"n_read", "n_accepted", "n_rejected"} <= audit.keys():
        return words("note.data.no_audit")
    counts = sorted((audit.get("rejected") or {}).items(), key=lambda item: -item[1])
    counted = ", ".join(f"{name} {words.number(n, ',d')}" for name, n in counts)
    reasons = f" ({counted})" if counted else ""
    return words(
        "note.data.audit", reasons=reasons, **{key: audit[key] for key in ("n_read", "n_accepted", "n_rejected")}
    )


def _classes(per_class: Mapping[str, int], words: Words) -> str:
    largest, smallest = (
        max(per_class, key=lambda name: per_class[name]),
        min(per_class, key=lambda name: per_class[name]),
    )
    counts = {"n_largest": per_class[largest], "n_smallest": per_class[smallest]}
    ratio = per_class[largest] / per_class[smallest]
    return words("note.data.classes", largest=largest, smallest=smallest, ratio=ratio, **counts)


def _schedule(row: Mapping[str, Any], words: Words) -> str:
    names = row["candidates"]
    modes = dict.fromkeys(name.rpartition("-")[2] for name in names)
    who = words.join(names)
    if len(names) > _FEW_NAMES:
        who = words("note.protocol.group", n=len(names), modes=", ".join(modes))
    if not row["epochs"]:
        return words("note.protocol.as_is", who=who)
    steps = words("note.protocol.steps", n=row["max_steps"]) if row["max_steps"] else ""
    rate = words.number(row["learning_rate"], ".7f").rstrip("0")
    rest = {"epochs": row["epochs"], "batch_size": row["batch_size"], "loss": row["loss"]}
    return words("note.protocol.schedule", who=who, steps=steps, rate=rate, **rest)
