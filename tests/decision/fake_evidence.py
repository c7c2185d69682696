"""A whole comparison for the report, at any number of classes: evidence on disk, summaries and a choice."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from bakeoff.core.translation import Translator
from bakeoff.decision.choice import as_record
from bakeoff.decision.collect import Record
from bakeoff.decision.comparisons import pair_sentence
from bakeoff.decision.measures import MEASURES
from bakeoff.decision.params import Limits
from bakeoff.decision.rules import Rule
from bakeoff.decision.scenarios import scenario_title
from bakeoff.decision.sentences import answer_sentence, limits_in_words, rule_in_words
from bakeoff.decision.study import Slot
from decision.fake_study import (
    CORRECT,
    LABELS,
    MODELS,
    summary,
    throughput_record,
    training_record,
    write_history,
    write_json,
)

if TYPE_CHECKING:
    from bakeoff.report.facts import Facts

_WORDS = ("Livre", "Console", "Figurine", "Carte", "Jouet", "Mobilier", "Piscine", "Cuisine", "Bricolage", "Revue")
AUDIT = {
    "n_read": 1105,
    "n_accepted": 1050,
    "n_rejected": 55,
    "rejected": {"duplicate_image": 51, "truncated": 4},
    "n_groups": 1031,
    "width_px": {"min": 20.0, "p25": 120.0, "median": 193.0, "p75": 320.0, "max": 1226.0},
    "height_px": {"min": 22.0, "p25": 101.0, "median": 153.0, "p75": 312.0, "max": 2348.0},
}


def class_names(n_labels: int) -> list[str]:
    """Return the stamps' seven classes, or as many invented ones."""
    if n_labels == len(LABELS):
        return LABELS
    return [f"{_WORDS[i % len(_WORDS)]} {i // len(_WORDS) + 1:02d} catégorie" for i in range(n_labels)]


def write_findings(
    root: Path, *, n_labels: int = 7, per_class: int = 15, language: str = "en", partial: bool = False
) -> Facts:
    """Write the default study's evidence under root/runs and return what `write_report` takes.

    Args:
        root: a folder; root/audit.json is the catalogue's audit.
        n_labels: number of classes.
        per_class: test photos of each class.
        language: of the choice.
        partial: leave out calibration, curves, comparisons and the matrix.
    """
    from bakeoff.report.facts import Facts

    labels = class_names(n_labels)
    write_json(root / "audit.json", AUDIT | {"per_class": {name: 10 * per_class + i for i, name in enumerate(labels)}})
    records, summaries = [], []
    for name, share in _candidates():
        record, item = _write_one(root / "runs", name, share, labels, per_class=per_class, partial=partial)
        records.append(record)
        summaries.append(item)
    failed = Slot("gone-frozen", "gone", "frozen", 0)
    records.append(Record(failed, failed.folder(root / "runs"), {}, {}, {}, "runs/gone-frozen is missing"))
    summaries.sort(key=lambda item: (-item.accuracy, item.latency_ms))
    choice = fake_choice(summaries, records, language)
    if partial:
        choice |= {"comparisons": [], "matrix": {"criteria": [], "rows": [], "note": ""}, "references": [], "seeds": {}}
    return Facts(records, summaries, choice, root / "audit.json")


def _candidates() -> list[tuple[str, float]]:
    named = {"baseline_tf": 92}
    for model, (frozen, finetune) in CORRECT.items():
        named |= {f"{model}-frozen": frozen, f"{model}-finetune": finetune}
    return [(name, right / 105) for name, right in named.items()]


def _write_one(
    runs: Path, name: str, share: float, labels: list[str], *, per_class: int, partial: bool
) -> tuple[Record, Any]:
    model, _, mode = name.rpartition("-") if "-" in name else (name, "", "frozen")
    slot = Slot(name, model, mode, 0)
    folder = slot.folder(runs)
    _, _, commercial, millions, latency = MODELS.get(model, ("", "", True, 4.1, 31.0))
    training = training_record(name, model=model, mode=mode, labels=labels, pretrained=model != "mamba_t")
    training |= {"seed": 0, "best_epoch": 9, "stopped_early": mode == "frozen"}
    counts = _counts(name, share, len(labels), per_class)
    metrics = _metrics(counts, labels, share)
    speed = throughput_record(name, model=model, latency_ms=latency, device=("cpu", "AMD EPYC 7763"))
    speed |= {"noisy": model == "swin_t", "measured_on": f"{model}-frozen" if mode == "finetune" else name}
    _write_confusion(folder, counts, labels)
    if partial:
        metrics = {"splits": {"test": metrics["splits"]["test"]}}
        keys = ("device", "device_name", "images_per_s", "latency_ms_p50", "threads", "batch_size")
        speed = {key: speed[key] for key in keys}
    else:
        _write_more(folder, counts, share, mode)
    accuracy = float(np.trace(counts) / counts.sum())
    n_test = int(counts.sum())
    item = summary(
        name, accuracy=accuracy, latency_ms=latency, n_test=n_test, size_mib=millions * 3.82, commercial_use=commercial,
        images_per_s=1400 / latency, pretrained=model != "mamba_t", model=model, mode=mode,
        licence="Apache-2.0" if commercial else "NVIDIA Source Code License-NC",
    )  # fmt: skip
    return Record(slot, folder, training, metrics, speed), item


def _counts(name: str, share: float, n: int, per_class: int) -> np.ndarray:
    """Return (K, K) counts: most errors go to a neighbour in groups of four, and the last class is never predicted."""
    generator = np.random.default_rng(len(name) * 1000 + int(share * 1000))
    counts = np.zeros((n, n), dtype=int)
    for i in range(n):
        right = generator.binomial(per_class, share)
        near = [j for j in range(4 * (i // 4), min(4 * (i // 4) + 4, n)) if j != i] or [(i + 1) % n]
        counts[i, i] += right
        for _ in range(per_class - right):
            counts[i, generator.choice(near) if generator.random() < 0.8 else generator.integers(n)] += 1
    if name.startswith("mobilenetv2"):
        counts[:, 0] += counts[:, -1]
        counts[:, -1] = 0
    return counts


def _metrics(counts: np.ndarray, labels: list[str], share: float) -> dict[str, Any]:
    diagonal, rows, columns = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    recall, precision = diagonal / rows, diagonal / np.maximum(columns, 1)
    f1 = 2 * diagonal / np.maximum(rows + columns, 1)
    accuracy = float(diagonal.sum() / counts.sum())
    test = {"n": int(counts.sum()), "accuracy": accuracy, "macro_f1": float(f1.mean()), "weighted_f1": accuracy - 0.01}
    test |= {"balanced_accuracy": float(recall.mean()), "log_loss": 1.4 - accuracy, "brier": 0.3, "matthews": 0.86}
    test |= {"cohen_kappa": 0.87, "roc_auc": 0.985, "pr_auc": 0.93, "ece": 0.061, "top_3_accuracy": 0.98}
    per_class = {
        label: {
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(rows[i]),
        }
        | {"f1_low": max(0.0, float(f1[i]) - 0.2), "f1_high": min(1.0, float(f1[i]) + 0.15)}
        for i, label in enumerate(labels)
    }
    train = {"n": 8 * test["n"], "accuracy": min(1.0, accuracy + 0.08), "log_loss": 0.1}
    validation = {"n": test["n"], "accuracy": accuracy - 0.01, "log_loss": 1.42 - accuracy}
    gap = train["accuracy"] - accuracy
    return {
        "splits": {"train": train, "validation": validation, "test": test},
        "per_class": per_class,
        "overfitting": {"accuracy_gap": gap, "log_loss_gap": 1.3 - accuracy, "overfits": share < 0.9, "rule": "x"},
    }


def _write_confusion(folder: Path, counts: np.ndarray, labels: list[str]) -> None:
    path = folder / "evaluation" / "confusion.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = [[name, *row] for name, row in zip(labels, counts.tolist(), strict=True)]
        csv.writer(file).writerows([["true", *labels], *rows])


def _write_more(folder: Path, counts: np.ndarray, share: float, mode: str) -> None:
    """Write predictions (empty), history.csv, preview.png, calibration.json, confusions.json and pair pictures."""
    evaluation, training = folder / "evaluation", folder / "training"
    (training / "figures").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(training / "figures" / "preview.png")
    (evaluation / "predictions.parquet").write_bytes(b"")
    write_history(folder, last=share, n_epochs=30 if mode == "frozen" else 2)
    write_json(evaluation / "calibration.json", calibration_record(share))
    write_json(evaluation / "confusions.json", _confusions(evaluation, counts))


def _confusions(evaluation: Path, counts: np.ndarray) -> dict[str, Any]:
    n = len(counts)
    off = counts.copy()
    np.fill_diagonal(off, 0)
    worst = np.argsort(-off, axis=None, kind="stable")[:12]
    pairs = []
    for place, flat in enumerate(worst):
        true, predicted = divmod(int(flat), n)
        if not off[true, predicted]:
            break
        picture = f"figures/pairs/{place:02d}.jpg"
        _draw_pair(evaluation / picture, place)
        pair = {"true": true, "predicted": predicted, "count": int(off[true, predicted])}
        pairs.append(pair | {"total": int(counts[true].sum()), "product_ids": ["p1"], "picture": picture})
    order = [*range(0, n, 2), *range(1, n, 2)] if n == len(LABELS) else list(range(n))
    groups = [
        {"label_ids": list(range(i, min(i + 4, n))), "n_confused": int(off[i : i + 4, i : i + 4].sum()), "share": 0.6}
        for i in range(0, min(n, 40), 4)
    ]
    never = [int(j) for j in np.flatnonzero(counts.sum(axis=0) == 0)]
    return {"key": "k", "order": order, "groups": groups, "pairs": pairs, "never_predicted": never, "n_test": 1}


def _draw_pair(path: Path, place: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (480, 240), (250, 250, 248))
    pen = ImageDraw.Draw(picture)
    for k in range(6):
        x, y = 160 * (k % 3) + 20, 120 * (k // 3) + 15
        colour = ((70 * place + 40 * k) % 255, (90 + 35 * k) % 255, (150 + 25 * place) % 255)
        pen.ellipse((x, y, x + 110, y + 90), fill=colour)
    picture.save(path)


def calibration_record(share: float) -> dict[str, Any]:
    """Return calibration.json of an over-confident candidate whose temperature mends most of it."""
    test = {}
    for stage, error in (("before", 0.12), ("after", 0.03)):
        bins = []
        for k in range(15):
            confidence = (k + 0.5) / 15
            accuracy = max(0.0, min(1.0, confidence - error * (1 if k > 4 else 0.3)))
            n = int(2 + 3 * k**1.4) if k > 2 else 0
            row = {"low": k / 15, "high": (k + 1) / 15, "n": n, "confidence": confidence if n else None}
            ends = (max(0.0, accuracy - 0.12), min(1.0, accuracy + 0.1)) if n else (None, None)
            bins.append(row | {"accuracy": accuracy if n else None, "accuracy_low": ends[0], "accuracy_high": ends[1]})
        values = {"ece_equal_width": error, "ece_equal_mass": 0.9 * error, "ece_low": 0.6 * error}
        values |= {"ece_high": 1.5 * error, "log_loss": 1.4 - share - error, "brier": 0.2, "n_resamples": 1000}
        test[stage] = values | {"reliability": bins}
    coverage = [
        {"threshold": t, "coverage": 1 - 0.55 * t**4, "accuracy": min(1.0, share + 0.09 * t**2), "n": 100}
        | {"accuracy_low": share - 0.04, "accuracy_high": min(1.0, share + 0.1)}
        for t in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
    ]
    nobody = {"threshold": 0.99, "coverage": 0.0, "accuracy": None, "accuracy_low": None, "accuracy_high": None, "n": 0}
    header = {"key": "k", "temperature": 1.43, "fitted_on": "validation", "n_validation": 105, "bins": 15}
    return {**header, "test": test, "coverage": [*coverage, nobody], "warning": None}


def fake_choice(summaries: list[Any], records: list[Record], language: str) -> dict[str, Any]:
    """Return choice.json with every part that the report shows, its sentences the product's."""
    t, rule = Translator(language), Rule(MEASURES["accuracy"], Limits())
    fit = [item for item in summaries if item.pretrained]
    best, commercial = fit[0], next(item for item in fit if item.commercial_use)
    names = [item.candidate for item in summaries]
    criteria = ("accuracy", "cpu_time", "memory", "feature_size", "support")
    return {
        "language": language,
        "limits": {"allow_random_weights": False, "allow_not_learned": False},
        "limits_in_words": limits_in_words(Limits(), t=t),
        "n_candidates": len(summaries) + 1,
        "n_failed": 1,
        "n_test": best.n_test,
        "opening": "",
        "best": as_record(best),
        "best_reason": answer_sentence(fit, rule, t=t),
        "best_commercial": as_record(commercial),
        "best_commercial_reason": answer_sentence([commercial], rule, t=t, commercial=True),
        "rule": {"maximise": "accuracy", "subject_to": {}, "in_words": rule_in_words(rule, t=t)},
        "comparisons": [row for item in summaries for row in _comparisons(item, best, summaries, t)],
        "indistinguishable": [names[0:5], names[3:9]],
        "groups_sentence": f"{t.join(names[:5])}: cannot be told apart.",
        "stability": {
            "n_resamples": 10000,
            "shares": {best.candidate: 0.61},
            "winner_share": 0.61,
            "sentence": f"{best.candidate} would be chosen in 61% of 10,000 draws, {names[1]} in 21%.",
        },
        "scenarios": [
            {"name": name, "title": scenario_title(name, t), "subject_to": {}, "candidate": found}
            | {"accuracy": found and 0.92, "limits_in_words": limits_in_words(Limits(), t=t)}
            | {"sentence": f"{name}: none of 15 candidates."}
            for name, found in (("phone", "mobilevitv2-finetune"), ("checkout_camera", None))
        ],
        "matrix": {
            "criteria": [{"name": name, "title": name, "weight": 20, "measure": name} for name in criteria],
            "rows": [
                {
                    "candidate": name,
                    "scores": {key: (7 * i + 3 * j) % 10 for j, key in enumerate(criteria)},
                    "total": 8 - i / 4,
                }
                for i, name in enumerate(names)
            ],
            "note": "",
        },
        "apart": [
            {"candidate": item.candidate, "reason_code": "random_weights", "reason": "it started from random weights"}
            for item in summaries
            if not item.pretrained
        ],
        "references": [
            {
                "name": "Rakuten image baseline",
                "model": None,
                "measure": "weighted_f1",
                "value": 0.5534,
                "split": "their test",
            }
            | {"source_url": "https://example.org/35", "kind": "published"},
            {"name": "swin_t", "model": "swin_t", "measure": "imagenet_top1", "value": 0.8138, "split": "ImageNet"}
            | {"source_url": "https://example.org/swin", "kind": "published"},
        ],
        "seeds": {best.candidate: {"n_seeds": 3, "mean": best.accuracy, "sd_seeds": 0.011, "sd_data": 0.021}},
        "refused": [],
        "failed": [{"candidate": "gone-frozen", "seed": 0, "problem": "runs/gone-frozen is missing"}],
        "notes": [],
        "inputs": {"runs_dir": "runs", "choices": [], "seeds": [0], "device": "cpu: AMD EPYC 7763"},
    }


def _comparisons(item: Any, best: Any, summaries: list[Any], t: Translator) -> list[dict[str, Any]]:
    baseline = next(other for other in summaries if other.candidate == "baseline_tf")
    rows = []
    for role, other in (("best", best), ("baseline", baseline)):
        if other.candidate == item.candidate:
            continue
        points = 100 * (item.accuracy - other.accuracy)
        verdict = "undecided" if abs(points) < 5 else "better" if points > 0 else "worse"
        row = {"candidate": item.candidate, "against": other.candidate, "role": role, "n": item.n_test, "b": 4, "c": 9}
        row |= {"difference_points": points, "low_points": points - 4.2, "high_points": points + 4.4}
        row |= {
            "macro_f1_difference": points / 100,
            "macro_f1_low": -0.1,
            "macro_f1_high": 0.1,
            "test": "mcnemar_exact",
        }
        row |= {
            "p_value": 0.021 if verdict != "undecided" else 0.34,
            "p_holm": 0.042 if verdict != "undecided" else 0.68,
            "verdict": verdict,
        }
        row["n_needed"] = 900 if verdict == "undecided" else None
        rows.append(row | {"sentence": pair_sentence(row, t)})
    return rows
