"""The second half of the note: results, the choice and how sure it is, limits, how to reproduce."""

from __future__ import annotations

from typing import Any

from bakeoff.decision.comparisons import pair_sentence
from bakeoff.decision.rules import APART
from bakeoff.decision.stability import share_in_words
from bakeoff.language.phrases import Words
from bakeoff.records.candidate import BASELINE
from bakeoff.report.note.note_blocks import Block, Bullets, Code, Section, Text
from bakeoff.report.note.note_facts import NoteFacts
from bakeoff.report.note.note_tables import licence_text, results_table
from bakeoff.report.page.facts import commands, provenance, weights_rows

_GENERATED = ("stamps", "synthetic")
_MATRIX_ROWS, _NAMED = 3, 4


def results(facts: NoteFacts, words: Words) -> Section:
    """Return the table of candidates and what the paired tests say of the best."""
    blocks: list[Block] = [results_table(facts, words)]
    rows = facts.choice.get("comparisons") or []
    best = facts.choice.get("best")
    said = [pair_sentence(row, words) for row in rows if best and row["candidate"] == best["candidate"]]
    if rows:
        told = [*(f"{text.rstrip('.')}." for text in said), *(_baseline_apart(facts, words) if said else [])]
        blocks += [Text(" ".join(told))] if told else []
    else:
        blocks.append(Text(words("note.results.no_tests")))
    return Section(words("note.section.results"), blocks)


def choice(facts: NoteFacts, words: Words) -> Section:
    """Return what is chosen, for commercial use too, and how sure that is."""
    best = facts.choice.get("best")
    if best is None:
        return Section(words("note.section.choice"), [Text(words("note.choice.none"))])
    row = next(row for row in weights_rows(facts.done) if row["model"] == best["model"])
    said = [words("note.choice.best", **_measured(best), size=best["size_mib"], licence=licence_text(row, words))]
    said.append(_commercial(facts, best["candidate"], words))
    said.append(_stability(facts, words))
    groups = facts.choice.get("indistinguishable") or []
    beside = {name: True for group in groups if best["candidate"] in group for name in group}
    said += _beside([name for name in beside if name != best["candidate"]], words)
    scored = [row for row in (facts.choice.get("matrix") or {}).get("rows", []) if row["total"] is not None]
    if scored:
        named = [words("note.choice.matrix_item", **_only(row, "candidate", "total")) for row in scored[:_MATRIX_ROWS]]
        said.append(words("note.choice.matrix", names=", ".join(named)))
    blocks: list[Block] = [Text(" ".join(said))]
    blocks += [Text(text) for text in _splits(facts, words)]
    return Section(words("note.section.choice"), blocks)


def limits(facts: NoteFacts, words: Words) -> Section:
    """Return what the numbers do not show, each item from the records."""
    items = []
    noise = facts.choice.get("noise")
    if noise:
        items.append(words("note.limit.n_test", n=noise["n_test"], half=noise["half_width_points"]))
    if facts.params["dataset"]["name"] in _GENERATED:
        items.append(words(f"note.limit.{facts.params['dataset']['name']}"))
    for key, names in _named_limits(facts).items():
        if names:
            items.append(words(f"note.limit.{key}", names=words.join(dict.fromkeys(names))))
    if len(facts.params["seeds"]) == 1:
        items.append(words("note.limit.one_seed"))
    if not _own_aggregate(facts):
        items.append(words("note.limit.one_split"))
    items.append(words("note.limit.machine", device=facts.device))
    return Section(words("note.section.limits"), [Bullets(items)])


def reproduce(facts: NoteFacts, words: Words) -> Section:
    """Return the commands, the digest that the photos must have, and the versions."""
    found = provenance(facts.done)
    made = (facts.choice.get("inputs") or {}).get("choices")
    said = [words("note.reproduce")]
    if len(found["commits"]) > 1:
        said.append(words("note.reproduce.several", commits=", ".join(commit[:10] for commit in found["commits"])))
    digest = (facts.done[0].training.get("dataset") or {}).get("digest") or words("note.unknown")
    said.append(words("note.reproduce.digest", digest=digest))
    versions = {f"{name} {version}" for packages in found["frameworks"].values() for name, version in packages.items()}
    said.append(words("note.reproduce.versions", versions=", ".join(sorted(versions)) or words("note.unknown")))
    lines = commands(facts.done, made)
    return Section(words("note.section.reproduce"), [Code(lines), Text(" ".join(said))])


def _baseline_apart(facts: NoteFacts, words: Words) -> list[str]:
    """Return what weakens a lead over a baseline that is listed apart itself."""
    codes = [row["reason_code"] for row in facts.choice["apart"] if row["candidate"] == BASELINE]
    reason = ", ".join(words(f"refused.{code}") for code in codes if code in APART)
    return [words("baseline.apart", baseline=BASELINE, reason=reason)] if reason else []


def _beside(names: list[str], words: Words) -> list[str]:
    """Return the sentence on who is not told apart from the chosen one; many are counted, and the first ones named."""
    if len(names) > _NAMED:
        return [words("note.choice.group_many", n=len(names), names=words.join(names[:_NAMED]))]
    return [words("note.choice.group", names=words.join(names))] if names else []


def _measured(item: dict[str, Any]) -> dict[str, Any]:
    names = {"low": "accuracy_low", "high": "accuracy_high", "latency": "latency_ms"}
    return _only(item, "candidate", "accuracy") | {key: item[name] for key, name in names.items()}


def _only(row: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: row[key] for key in keys}


def _commercial(facts: NoteFacts, best: str, words: Words) -> str:
    commercial = facts.choice.get("best_commercial")
    if commercial is None:
        return words("note.choice.commercial_none")
    if commercial["candidate"] == best:
        return words("note.choice.commercial_same")
    values = _only(commercial, "candidate", "accuracy") | {"latency": commercial["latency_ms"]}
    return words("note.choice.commercial", **values)


def _stability(facts: NoteFacts, words: Words) -> str:
    found = facts.choice.get("stability") or {}
    if len(facts.choice["eligible"]) == 1:
        return words("stability.only_one", winner=facts.choice["best"]["candidate"])
    if not found.get("n_resamples") or found.get("winner_share") is None:
        return words("note.choice.no_stability")
    return words("note.choice.stability", share=share_in_words(found["winner_share"], words), n=found["n_resamples"])


def _named_limits(facts: NoteFacts) -> dict[str, list[str]]:
    done = facts.done
    return {
        "random": [one.candidate.name for one in done if one.training["weights"]["source"] == "random"],
        "not_learned": [one.candidate.name for one in done if not one.training["learned"]],
        "failed": [row["candidate"] for row in facts.choice.get("failed") or []],
        "overfits": [one.candidate.name for one in done if (one.metrics.get("overfitting") or {}).get("overfits")],
        "noisy": [row["candidate"] for row in facts.rows if row["noisy"]],
    }


def _own_aggregate(facts: NoteFacts) -> dict[str, Any] | None:
    """Return aggregate.json's study of this data set and profile, None where there is none."""
    wanted = facts.params["dataset"]["name"], facts.params["profile"]
    studies = facts.aggregate.get("studies") or []
    return next((study for study in studies if (study["dataset"], study["profile"]) == wanted), None)


def _splits(facts: NoteFacts, words: Words) -> list[str]:
    study = _own_aggregate(facts)
    leader = next((row for row in (study or {}).get("candidates", []) if row["mean_rank"] is not None), None)
    if study is None or leader is None:
        return []
    values = _only(leader, "candidate", "mean", "low", "high", "n_best")
    return [words("note.choice.aggregate", n=study["n_splits"], **values)]
