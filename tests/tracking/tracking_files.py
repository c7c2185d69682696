"""Writes what the stages leave under runs/ and reports/, small and by hand, for the tracking tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

LABELS = ["food", "town"]


def header(**changes: Any) -> dict[str, Any]:
    return {
        "candidate": "tiny-frozen",
        "model": "tiny",
        "mode": "frozen",
        "seed": 0,
        "framework": "pytorch",
        "settings": {"name": "resnet10t.c3_in1k", "head": {"hidden": [], "dropout": 0.2}},
        "training": {"epochs": 2, "learning_rate": 0.003, "max_steps": None},
        "labels": LABELS,
        "key": "a" * 16,
        "dataset": {
            "name": "stamps",
            "kind": "stamps",
            "licence": "GPL-2.0-or-later",
            "source_url": "https://example.org/stamps",
            "digest": "d" * 64,
        },
        "weights": {
            "model": "tiny",
            "source": "hub",
            "url_or_id": "timm/tiny",
            "revision": "r1",
            "sha256": "e" * 64,
            "licence": "apache-2.0",
            "commercial_use": True,
            "reason": None,
            "file": "model.safetensors",
        },
        "weights_dir": "weights/tiny",
        "loss": "cross_entropy",
        "device": "cpu",
        "threads": 2,
        "git_commit": "c0ffee",
    } | changes


def write_json(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")


def epoch_row(epoch: int) -> dict[str, float]:
    return {
        "epoch": epoch,
        "step": 10 * epoch,
        "train_loss": 1.0 / epoch,
        "train_accuracy": 0.5,
        "validation_loss": 0.9,
        "validation_accuracy": 0.6,
        "learning_rate": 0.003,
        "seconds": 2.0,
    }


def write_training(candidate_dir: Path, **changes: Any) -> Path:
    folder = candidate_dir / "training"
    figures = {"n_parameters": 1000, "n_trainable": 10, "size_mib": 0.5, "train_time_s": 4.0, "learned": True}
    write_json(folder / "training.json", header(**figures, best_epoch=2, **changes))
    rows = [epoch_row(1), epoch_row(2)]
    lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
    (folder / "history.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)
    write_picture(folder / "figures" / "preview.png")
    return folder


def write_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), "red").save(path)


def write_evaluation(candidate_dir: Path, *, key: str = "b" * 16, training_key: str = "a" * 16) -> None:
    folder = candidate_dir / "evaluation"
    scores = {"accuracy": 0.75, "macro_f1": 0.7, "weighted_f1": 0.72, "log_loss": 0.8, "training_loss": 0.8}
    splits = {split: {"n": 4} | scores for split in ("train", "validation", "test")}
    record = {"candidate": "tiny-frozen", "key": key, "training_key": training_key, "splits": splits}
    write_json(folder / "metrics.json", record)
    speed = {"images_per_s": 20.0, "ms_per_image": 50.0, "latency_ms_p50": 60.0, "latency_ms_p90": 70.0}
    write_json(folder / "throughput.json", speed | {"latency_ms_p99": 90.0, "peak_memory_mib": 300.0})
    (folder / "confusion.csv").write_text("true,food,town\nfood,2,0\ntown,1,1\n", encoding="utf-8")
    (folder / "classification_report.txt").write_text("food 0.8\ntown 0.7\n", encoding="utf-8")
    (folder / "predictions.parquet").write_bytes(b"x")
    write_picture(folder / "figures" / "confusion.png")


def write_interpretation(candidate_dir: Path, *, key: str = "f" * 16) -> None:
    folder = candidate_dir / "interpretation"
    channels = {name: {"accuracy": 0.5, "drop": 0.25, "drop_std": 0.0} for name in ("red", "green", "blue")}
    write_json(folder / "channels.json", {"key": key, "training_key": "a" * 16, "channels": channels})
    write_json(folder / "attributions.json", {"key": key, "items": []})
    write_picture(folder / "attributions" / "p1.png")


def write_candidate(candidate_dir: Path, **changes: Any) -> Path:
    write_training(candidate_dir, **changes)
    write_evaluation(candidate_dir)
    write_interpretation(candidate_dir)
    return candidate_dir


def write_reports(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    table = "rank,candidate,seed,accuracy,latency_ms\n1,tiny-frozen,0,0.75,60\n2,other-frozen,0,0.5,\n"
    (folder / "leaderboard.csv").write_text(table, encoding="utf-8")
    best = {"candidate": "tiny-frozen", "accuracy": 0.75, "latency_ms": 60.0, "log_loss": None, "keys": ["a" * 16]}
    write_json(folder / "choice.json", {"best": best, "best_commercial": None, "reason": "it wins"})
    (folder / "index.html").write_text("<html></html>", encoding="utf-8")
    write_picture(folder / "pareto.png")
    return folder
