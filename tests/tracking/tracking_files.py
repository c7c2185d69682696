"""Writes what the stages leave under runs/, measurements/ and reports/, small, for the tracking tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from bakeoff.records.training import TrainingHeader, TrainingRecord
from records_made import (
    candidate_settings,
    choice_record,
    cost_record,
    dataset,
    explained_photo,
    interpretation_record,
    metrics_record,
    network_speed,
    parts_record,
    robustness_record,
    throughput_record,
    training_record,
    weights_record,
)

LABELS = ["food", "town"]


def training(**changes: Any) -> TrainingRecord:
    values: dict[str, Any] = {
        "settings": candidate_settings("tiny", name="resnet10t.c3_in1k"),
        "training": {"epochs": 2, "learning_rate": 0.003, "max_steps": None},
        "labels": LABELS,
        "key": "a" * 16,
        "dataset": dataset(source_url="https://example.org/stamps", digest="d" * 64),
        "weights": weights_record("tiny", sha256="e" * 64, licence="apache-2.0"),
    }
    values |= {"n_parameters": 1000, "n_trainable": 10, "size_mib": 0.5, "best_epoch": 2}
    return training_record(**{"candidate": "tiny-frozen", "model": "tiny"} | values | changes)


def header(**changes: Any) -> TrainingHeader:
    """Return the part of training.json that is known before training."""
    record = training(**changes)
    return TrainingHeader.model_validate({name: getattr(record, name) for name in TrainingHeader.model_fields})


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
    record = training(**changes)
    record.write(folder / "training.json")
    cost_record(key=record.key, git_commit="c0ffee", train_time_s=4.0, train_memory_mib=700.0).write(
        folder / "cost.json"
    )
    rows = [epoch_row(1), epoch_row(2)]
    lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
    (folder / "history.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)
    (folder / "predictions.parquet").write_bytes(b"x")
    write_picture(folder / "figures" / "preview.png")
    return folder


def write_speed(root: Path, **changes: Any) -> None:
    """Write measurements/throughput.json: of the networks `tiny` and `other`."""
    values = {"images_per_s": 20.0, "ms_per_image": 50.0, "latency_ms_p90": 70.0, "latency_ms_p99": 90.0}
    tiny = network_speed(latency_ms=60.0, **values | {"predict_memory_mib": 300.0} | changes)
    throughput_record({"tiny": tiny, "other": network_speed()}).write(root / "measurements" / "throughput.json")


def write_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), "red").save(path)


def write_evaluation(
    candidate_dir: Path,
    *,
    key: str = "b" * 16,
    training_key: str = "a" * 16,
    validation: float = 0.75,
    **changes: Any,
) -> None:
    """Write evaluation/; `validation` is that split's accuracy."""
    folder = candidate_dir / "evaluation"
    scores = {"n": 4, "accuracy": 0.75, "macro_f1": 0.7, "weighted_f1": 0.72, "log_loss": 0.8, "training_loss": 0.8}
    values = {"splits": {"train": scores, "validation": scores | {"accuracy": validation}, "test": scores}} | changes
    metrics_record(training(key=training_key), key=key, **values).write(folder / "metrics.json")
    (folder / "confusion.csv").write_text("true,food,town\nfood,2,0\ntown,1,1\n", encoding="utf-8")
    (folder / "classification_report.txt").write_text("food 0.8\ntown 0.7\n", encoding="utf-8")
    write_picture(folder / "figures" / "confusion.png")


def write_interpretation(candidate_dir: Path, *, key: str = "f" * 16) -> None:
    folder = candidate_dir / "interpretation"
    known = {"key": key, "training_key": "a" * 16}
    parts_record(**known).write(folder / "parts.json")
    robustness_record(**known).write(folder / "robustness.json")
    photo = explained_photo("p1")
    interpretation_record([photo], **known).write(folder / "interpretation.json")
    write_picture(folder / photo.figure)
    write_picture(folder / photo.photo)
    (folder / "maps" / "p1.occlusion.0.npz").write_bytes(b"raw")


def write_candidate(candidate_dir: Path, **changes: Any) -> Path:
    """Write runs/<candidate>/seed_<s>, and beside runs/ the speed of its network."""
    write_speed(candidate_dir.parents[2])
    write_training(candidate_dir, **changes)
    write_evaluation(candidate_dir)
    write_interpretation(candidate_dir)
    return candidate_dir


def write_reports(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    table = "rank,candidate,seed,accuracy,latency_ms\n1,tiny-frozen,0,0.75,60\n2,other-frozen,0,0.5,\n"
    (folder / "leaderboard.csv").write_text(table, encoding="utf-8")
    best = {"candidate": "tiny-frozen", "accuracy": 0.75, "latency_ms": 60.0, "log_loss": None, "keys": ["a" * 16]}
    choice_record(best=best, reason="it wins").write(folder / "choice.json")
    (folder / "explanations").mkdir(exist_ok=True)
    for name in ("index.html", "explanations/food.html"):
        (folder / name).write_text("<html></html>", encoding="utf-8")
    write_picture(folder / "pareto.png")
    return folder
