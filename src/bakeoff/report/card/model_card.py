"""The winner's model card in the Hugging Face Hub's form: a YAML head for tools, plain sections for people."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bakeoff.decision.collect import Record, value_at
from bakeoff.decision.deployed import deployed_seed, validation_accuracy
from bakeoff.decision.licences import commercial_use, is_pretrained, licence_of_code
from bakeoff.language.card import PHRASES
from bakeoff.language.phrases import LanguageCode, Words, typeset
from bakeoff.report.card.card_metadata import front_matter
from bakeoff.report.card.card_tables import calibration_section, metrics_section, per_class_section

_SMALL_TEST = 1000
_VERDICTS: dict[bool | None, str] = {True: "yes", False: "no", None: "unknown"}


def write_model_card(
    path: Path, records: Sequence[Record], choice: Mapping[str, Any], *, language: LanguageCode
) -> None:
    """Write model_card.md for choice.json's `best`."""
    path.write_text(model_card(records, choice, Words(language, typeset(PHRASES))), encoding="utf-8")


def model_card(records: Sequence[Record], choice: Mapping[str, Any], words: Words) -> str:
    """Return the model card of the winner's deployed seed; a sentence where nothing was chosen.

    Args:
        records: every training of the study.
        choice: choice.json.
        words: holds `bakeoff.language.card`'s phrases.
    """
    best = choice.get("best")
    if not best:
        return f"{words('card.nothing', reason=choice.get('reason') or '').strip()}\n"
    done = {item.candidate.seed: item for item in records if item.ok and item.candidate.name == best["candidate"]}
    record = done[deployed_seed({seed: validation_accuracy(item.metrics) for seed, item in done.items()})]
    blocks = [
        f"# {record.candidate.name}",
        words("card.lead", n_labels=len(record.training["labels"]), n_candidates=choice.get("n_candidates", "?")),
        str(choice.get("reason") or ""),
        *_section("what", _what(record, words), words),
        *_section("data", _data(record, words), words),
        *_section("training", _training(record, len(done), words), words),
        *_section("metrics", metrics_section(record, words), words),
        *_section("calibration", calibration_section(record, words), words),
        *_section("per_class", per_class_section(record, words), words),
        *_section("limits", ["\n".join(f"- {line}" for line in limits(record, best, words))], words),
        *_section("licence", _licence(record, words), words),
        *_section("speed", _speed(record, words), words),
        *_section("use", [_commands(record)], words),
        *_section("provenance", [_provenance(record, words)], words),
    ]
    return front_matter(record) + "\n" + "\n\n".join(block for block in blocks if block) + "\n"


def _section(name: str, blocks: Sequence[str], words: Words) -> list[str]:
    found = [block for block in blocks if block]
    return [f"## {words(f'card.{name}')}", *found] if found else []


def _what(record: Record, words: Words) -> list[str]:
    training = record.training
    architecture = value_at(training, "settings.architecture") or training.get("architecture") or record.candidate.model
    size = value_at(training, "settings.preprocessing.image_size") or value_at(training, "preprocessing.image_size")
    facts = {"architecture": architecture, "parameters": float(training.get("n_parameters") or 0) / 1e6}
    key = "card.network" if size else "card.network_no_size"
    mode = str(training.get("mode"))
    trained = f"card.mode.{mode}" if mode in {"frozen", "finetune"} else "card.mode.other"
    weights = training["weights"]
    if is_pretrained(training):
        parts = [weights.get("source"), weights.get("url_or_id") or weights.get("file"), weights.get("revision")]
        origin = words("card.weights", origin=", ".join(str(part) for part in parts if part))
    else:
        reason = str(weights.get("reason") or weights.get("source")).replace("_", " ")
        origin = words("card.weights_random", reason=reason)
    network = words(key, **facts, image_size=size) if size else words(key, **facts)
    return [
        f"{network}, {words(trained, mode=mode) if trained.endswith('other') else words(trained)}. {origin}",
        words("card.labels", labels=", ".join(training["labels"])),
    ]


def _data(record: Record, words: Words) -> list[str]:
    dataset = record.training.get("dataset") or {}
    licence = dataset.get("licence") or words("card.unknown")
    lines = [words("card.dataset", name=dataset.get("name") or "?", licence=licence)]
    if dataset.get("source_url"):
        lines.append(words("card.source", url=dataset["source_url"]))
    counts = {name: value_at(record.metrics, f"splits.{name}.n") for name in ("train", "validation", "test")}
    if all(isinstance(count, int) for count in counts.values()):
        lines.append(words("card.splits", **counts))
    return ["\n\n".join(lines)]


def _training(record: Record, n_seeds: int, words: Words) -> list[str]:
    training, schedule = record.training, record.training.get("training") or {}
    facts = {
        "epochs": training.get("epochs_run"),
        "max_epochs": schedule.get("epochs"),
        "best_epoch": training.get("best_epoch"),
        "learning_rate": schedule.get("learning_rate"),
        "batch_size": schedule.get("batch_size"),
        "loss": str(training.get("loss") or schedule.get("loss") or "?").replace("_", " "),
        "seconds": training.get("train_time_s"),
        "device": training.get("device_name") or training.get("device") or "?",
    }
    lines = [words("card.schedule", **facts)] if None not in facts.values() else []
    if n_seeds > 1:
        lines.append(words("card.seeds", n=n_seeds, seed=record.candidate.seed))
    return lines


def limits(record: Record, best: Mapping[str, Any], words: Words) -> list[str]:
    """Return what a user must know before trusting or selling it, the gravest first."""
    training, n_test = record.training, record.n_test
    commercial = commercial_use(training)
    gap = value_at(record.metrics, "overfitting.accuracy_gap") or 0.0
    half = 50 * (float(best.get("accuracy_high") or 1) - float(best.get("accuracy_low") or 0))
    never = _never_predicted(record)
    found: list[tuple[bool, Callable[[], str]]] = [
        (not is_pretrained(training), lambda: words("card.limit.random")),
        (commercial is False, lambda: words("card.limit.non_commercial")),
        (commercial is None, lambda: words("card.limit.licence_unknown")),
        (training.get("learned") is False, lambda: words("card.limit.not_learned")),
        (n_test < _SMALL_TEST, lambda: words("card.limit.small_test", n=n_test, points=math.ceil(half))),
        (
            bool(value_at(record.metrics, "overfitting.overfits")),
            lambda: words("card.limit.overfits", gap=100 * float(gap)),
        ),
        (bool(never), lambda: words("card.limit.never", labels=words.join(never))),
        (True, lambda: words("card.limit.closed")),
    ]
    return [say() for holds, say in found if holds]


def _never_predicted(record: Record) -> list[str]:
    """Return the labels that no test photo was given, from confusions.json; none where there is no such file."""
    path = record.folder / "evaluation" / "confusions.json"
    if not path.is_file():
        return []
    labels = list(record.training["labels"])
    return [labels[index] for index in json.loads(path.read_text(encoding="utf-8")).get("never_predicted") or []]


def _licence(record: Record, words: Words) -> list[str]:
    training = record.training
    unknown = words("card.unknown")
    lines = [words("card.licence_code", licence=licence_of_code(training) or unknown)]
    if is_pretrained(training):
        lines.append(words("card.licence_weights", licence=training["weights"].get("licence") or unknown))
    lines.append(words("card.licence_data", licence=value_at(training, "dataset.licence") or unknown))
    lines.append(words(f"card.commercial.{_VERDICTS[commercial_use(training)]}"))
    return ["\n".join(f"- {line}" for line in lines)]


def _speed(record: Record, words: Words) -> list[str]:
    speed = record.throughput
    facts = {
        "images_per_s": speed.get("images_per_s"),
        "batch_size": speed.get("batch_size"),
        "latency": speed.get("latency_ms_p50"),
        "device": speed.get("device_name") or speed.get("device"),
        "threads": speed.get("threads"),
        "size": record.training.get("size_mib"),
    }
    return [words("card.throughput", **facts)] if None not in facts.values() else []


def _commands(record: Record) -> str:
    return (
        "```sh\n"
        f"bakeoff predict photo.jpg --candidate {record.candidate.name}\n"
        f"bakeoff serve --candidate {record.candidate.name}\n"
        "```\n\n"
        "```python\n"
        "import mlflow.pyfunc\nimport pandas as pd\n\n"
        'model = mlflow.pyfunc.load_model("models:/bakeoff@champion")  # where this candidate is registered\n'
        'model.predict(pd.DataFrame({"image": [photo_as_base64]}), params={"top_k": 3})\n'
        "```"
    )


def _provenance(record: Record, words: Words) -> str:
    training = record.training
    versions = ", ".join(f"{name} {version}" for name, version in (training.get("versions") or {}).items())
    facts = {
        "key": training.get("key"),
        "commit": training.get("git_commit"),
        "digest": value_at(training, "dataset.digest"),
        "versions": versions,
    }
    return words("card.trained_by", **{name: value or "?" for name, value in facts.items()})
