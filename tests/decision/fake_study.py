"""A study on disk as the stages leave it: 7 models x 2 modes and the baseline, small pictures included."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from bakeoff.speed.protocol import PROTOCOL
from PIL import Image

from bakeoff.core.translation import Translator
from bakeoff.data.predictions import read_predictions
from bakeoff.decision.params import CompareParams, Limits, MatrixParams, MatrixWeights
from bakeoff.decision.study import Study
from bakeoff.decision.summary import Summary
from bakeoff.statistics.wilson import wilson_interval
from decision.fake_evaluation import easiest, predictions_of, write_evaluation, write_json

LABELS = ["animals", "clothes", "food", "household", "plants", "town", "vehicles"]
N_TEST = 105
NC_CODE, NC_WEIGHTS = "NVIDIA Source Code License-NC", "CC-BY-NC-SA-4.0"

# model: code licence, weights licence, commercial use, million parameters, latency in ms at batch 1
MODELS: dict[str, tuple[str, str, bool | None, float, float]] = {
    "mobilenetv2": ("Apache-2.0", "Apache-2.0", True, 2.2, 21.0),
    "swin_t": ("MIT", "MIT", True, 27.5, 96.0),
    "mobilevitv2": ("Apple sample code licence", "Apple sample code licence", None, 4.4, 74.0),
    "mamba_t": (NC_CODE, NC_WEIGHTS, False, 31.2, 118.0),
    "mamba_s": (NC_CODE, NC_WEIGHTS, False, 49.4, 205.0),
    "mamba_b": (NC_CODE, NC_WEIGHTS, False, 96.7, 398.0),
    "tf_efficientnet_lite0": ("Apache-2.0", "Apache-2.0", True, 3.4, 24.0),
}
_OTHER: tuple[str, str, bool | None, float, float] = ("Apache-2.0", "Apache-2.0", True, 4.1, 30.0)
CORRECT = {  # right ones of 105 test products, frozen and finetune
    "mobilenetv2": (88, 90),
    "swin_t": (95, 97),
    "mobilevitv2": (91, 92),
    "mamba_t": (96, 97),
    "mamba_s": (97, 99),
    "mamba_b": (98, 101),
    "tf_efficientnet_lite0": (90, 93),
}


def training_record(name: str, *, model: str, mode: str, pretrained: bool = True, **changes: Any) -> dict[str, Any]:
    code, weights, commercial, millions, _ = MODELS.get(model, _OTHER)
    record = {"source": "hub", "url_or_id": f"timm/{model}", "revision": "a1b2c3d4e5f60718", "sha256": "9f" * 32}
    if not pretrained:
        record = {"source": "random", "url_or_id": None, "revision": None, "sha256": None, "reason": "hub_unreachable"}
    settings: dict[str, Any] = {"licence_code": code, "commercial_use": commercial, "architecture": model.title()}
    return {
        "candidate": name,
        "model": model,
        "mode": mode,
        "seed": 0,
        "framework": "tensorflow" if model == "baseline_tf" else "pytorch",
        "settings": {} if model == "baseline_tf" else settings,
        "training": {"epochs": 60, "learning_rate": 0.003, "max_steps": None, "batch_size": 16},
        "labels": LABELS,
        "key": f"key-of-{name}",
        "dataset": {
            "name": "stamps",
            "licence": "GPL-2.0-or-later",
            "source_url": "https://example.org",
            "digest": "d1",
        },
        "weights": {**record, "licence": weights, "commercial_use": commercial if pretrained else None},
        "n_features": 1280,
        "n_parameters": int(millions * 1e6),
        "size_mib": millions * 3.82,
        "train_time_s": 42.0,
        "peak_memory_mib": 1400.0,
        "loss": "cross_entropy",
        "learned": True,
        "versions": {"python": "3.11.2", "torch": "2.13.0"},
        "git_commit": "0123456789abcdef0123456789abcdef01234567",
    } | changes


def throughput_record(
    candidate: str, *, model: str, latency_ms: float, device: tuple[str, str], **changes: Any
) -> dict:
    """Return throughput.json; both modes of one architecture share a measurement and its speed_key."""
    images_per_s = 1400 / latency_ms
    sweep = [
        {"batch_size": batch, "images_per_s": images_per_s * factor, "images_per_cpu_s": images_per_s * factor / 2}
        | {"n_batches": 20, "skipped": None}
        for batch, factor in ((1, 0.72), (8, 0.9), (32, 1.0))
    ]
    sweep.append(
        {"batch_size": 128, "images_per_s": None, "images_per_cpu_s": None, "n_batches": 0, "skipped": "budget"}
    )
    end_to_end = {"images_per_s": images_per_s * 0.8, "ms_per_image": 1000 / (images_per_s * 0.8)}
    end_to_end |= {"images_per_cpu_s": images_per_s * 0.4, "decode_ms": 4.1, "preprocess_ms": 3.2}
    end_to_end |= {"forward_ms": 1000 / images_per_s, "n_images": 105, "batch_size": 32}
    record = {
        "protocol": PROTOCOL,
        "candidate": candidate,
        "measured_on": candidate,
        "speed_key": f"speed-{model}",
        "images_per_s": images_per_s,
        "ms_per_image": 1000 / images_per_s,
        "batch_size": 32,
        "latency_ms_p50": latency_ms,
        "latency_ms_p90": latency_ms * 1.1,
        "latency_ms_p99": latency_ms * 1.3,
        "n_latency": 200,
        "images_per_cpu_s": images_per_s / 2,
        "sweep": sweep,
        "end_to_end": end_to_end,
        "peak_memory_mib": 400 + 6 * latency_ms,
        "peak_memory_scope": "process",
        "n_parameters": int(MODELS.get(model, _OTHER)[3] * 1e6),
        "gmacs": latency_ms / 25,
        "size_mib": MODELS.get(model, _OTHER)[3] * 3.82,
        "file_mib": MODELS.get(model, _OTHER)[3] * 3.9,
        "device": device[0],
        "device_name": device[1],
        "threads": 2,
        "dtype": "float32",
        "memory_format": "channels_last",
        "framework": "tensorflow" if model == "baseline_tf" else "pytorch",
        "runtime": "keras" if model == "baseline_tf" else "eager",
        "versions": {"torch": "2.13.0"},
        "machine_index": {"before": 100.0, "after": 99.0, "unit": "GFLOP/s", "drift": -0.01},
        "forward_disagreement": 0.1,
        "restlessness": 0.2,
        "noisy": False,
        "attempts": [{"images_per_s": images_per_s, "latency_ms_p50": latency_ms, "drift": -0.01}],
        "load_average": 0.2,
        "budget_s": 15.0,
        "seconds": 12.5,
        "measured_at": "2026-11-21T10:00:00Z",
        "key": "t1",
    }
    return record | changes


def write_candidate(
    runs: Path,
    name: str,
    *,
    correct: int = 90,
    latency_ms: float = 20.0,
    seed: int = 0,
    n_test: int = N_TEST,
    right: np.ndarray | None = None,
    speed: dict[str, Any] | None = None,
    **training: Any,
) -> Path:
    """Write one training's records, predictions included, and return its folder.

    Args:
        runs: the folder runs/.
        name: <model>-<mode>.
        correct: how many test products it gets right; most of them are the same for every candidate.
        latency_ms: at batch 1; everything else about speed follows from it.
        seed: of the training.
        n_test: test products.
        right: (n_test,) bool, which test products it gets right, instead of `correct`.
        speed: changes to throughput.json.
        training: changes to training.json; `device` is (kind, name) of the throughput record.
    """
    model, _, mode = name.rpartition("-") if "-" in name else (name, "", "frozen")
    folder = runs / name / f"seed_{seed}"
    device = training.pop("device", ("cpu", "AMD EPYC 7763"))
    record = training_record(name, model=model, mode=mode, **training) | {"seed": seed}
    write_json(folder / "training" / "training.json", record)
    write_history(folder, last=correct / n_test)
    if right is None:
        right = easiest(name, n_test, correct, seed=seed)
    header = {"candidate": name, "model": model, "mode": mode, "seed": seed}
    header |= {"training_key": record["key"], "key": "e1"}
    timed = throughput_record(name, model=model, latency_ms=latency_ms, device=device, **(speed or {}))
    write_evaluation(folder, predictions_of(name, right, record["labels"], seed=seed), header=header, speed=timed)
    return folder


def write_history(folder: Path, *, last: float, n_epochs: int = 4) -> None:
    """Write training/history.csv: accuracy climbs to `last`, the loss falls."""
    lines = ["epoch,step,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate,seconds"]
    for epoch in range(1, n_epochs + 1):
        done = epoch / n_epochs
        lines.append(f"{epoch},{21 * epoch},{2 - 1.8 * done},{done},{2 - 1.5 * done},{last * done},0.003,1.5")
    path = folder / "training" / "history.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_session(path: Path, runs: Path, *, factor: float = 0.9, device: tuple[str, str] | None = None) -> None:
    """Write measurements/throughput.json: every architecture of `runs` again, `factor` times as long per photo."""
    records = {}
    for file in sorted(runs.glob("*/seed_*/evaluation/throughput.json")):
        alone = json.loads(file.read_text(encoding="utf-8"))
        latency = alone["latency_ms_p50"] * factor
        model = alone["speed_key"].removeprefix("speed-")
        at = device or (alone["device"], alone["device_name"])
        again = throughput_record(alone["candidate"], model=model, latency_ms=latency, device=at, session=True)
        again |= {"images_per_s_low": 0.97 * again["images_per_s"], "images_per_s_high": 1.03 * again["images_per_s"]}
        records[alone["speed_key"]] = again | {
            "latency_ms_p50_low": 0.98 * latency,
            "latency_ms_p50_high": 1.04 * latency,
        }
    at = device or ("cpu", "AMD EPYC 7763")
    session = {"started_at": "2026-11-21T11:00:00Z", "rounds": 3, "device": at[0], "device_name": at[1]}
    write_json(path, {"protocol": PROTOCOL, "session": session, "records": records})


def write_evidence(folder: Path, *, correct: int, size_px: tuple[int, int] = (630, 270)) -> None:
    """Write confusion.csv, channels.json and two heat maps as evaluate and interpret leave them."""
    predictions = read_predictions(folder / "evaluation" / "predictions.parquet")
    label_ids, probabilities = predictions.split("test")
    counts = np.zeros((len(LABELS), len(LABELS)), dtype=int)
    np.add.at(counts, (label_ids, probabilities.argmax(axis=1)), 1)
    rows = [[name, *row] for name, row in zip(LABELS, counts.tolist(), strict=True)]
    with (folder / "evaluation" / "confusion.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["true", *LABELS], *rows])
    lost = {"red": 0.09, "green": 0.06, "blue": -0.01}
    drops = {
        name: {"accuracy": 0.8, "drop": drop, "drop_std": 0.01, "drop_standard_error": 0.01}
        for name, drop in lost.items()
    }
    inside = folder / "interpretation"
    write_json(
        inside / "channels.json",
        {"baseline_accuracy": correct / N_TEST, "n": 42, "repeats": 1, "channels": drops},
    )
    items = []
    for index, right in enumerate((True, False)):
        figure = f"attributions/p{index}.png"
        (inside / "attributions").mkdir(exist_ok=True)
        (inside / figure).write_bytes(_heat_map(index, size_px))
        named = {"product_id": f"p{index}", "true": "food", "predicted": "food" if right else "plants"}
        items.append({**named, "correct": right, "method": "ig", "figure": figure})
    write_json(inside / "attributions.json", {"key": "x", "items": items})


@cache
def _heat_map(index: int, size_px: tuple[int, int]) -> bytes:
    waves = np.add.outer(np.sin(np.arange(size_px[1]) / 23 + index), np.cos(np.arange(size_px[0]) / 31))
    shade = (60 * (waves + 2)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([shade, 255 - shade, shade // 2])).save(buffer, "PNG")
    return buffer.getvalue()


def write_study(runs: Path, *, pretrained: Callable[[str], bool] = lambda _: True, evidence: bool = True) -> Study:
    """Write the default study and return it; only models for which `pretrained` holds have real weights."""
    right = {"baseline_tf": (92, 31.0)}
    for model, pair in CORRECT.items():
        latency = MODELS[model][4]
        right |= {f"{model}-frozen": (pair[0], latency), f"{model}-finetune": (pair[1], latency * 1.01)}
    for name, (n_right, latency) in right.items():
        model = name.rpartition("-")[0] or name
        known = pretrained(model)
        correct = n_right if known else n_right - 50
        folder = write_candidate(runs, name, correct=correct, latency_ms=latency, pretrained=known)
        if evidence:
            write_evidence(folder, correct=correct)
    return Study(tuple(MODELS), ("frozen", "finetune"), (0,))


ENGLISH = Translator("en")
FRENCH = Translator("fr")
NO_LIMITS = CompareParams(
    maximise="accuracy",
    subject_to=Limits(),
    allow_random_weights=False,
    allow_not_learned=False,
    n_bootstrap=1000,
    pareto=["latency_ms", "accuracy"],
    scenarios={"phone": Limits(size_mib=25.0, licence="commercial"), "checkout_camera": Limits(latency_p99_ms=50.0)},
    matrix=MatrixParams(
        weights=MatrixWeights(accuracy=25, cpu_time=25, memory=20, feature_size=15, support=15),
        support={"baseline_tf": 8.0, "swin_t": 8.0},
    ),
)


def summary(candidate: str = "a-frozen", *, accuracy: float = 0.9, latency_ms: float = 20.0, **changes: Any) -> Summary:
    """Return a candidate's line; pretrained, learned and free for commercial use unless said otherwise."""
    n_test = changes.get("n_test", N_TEST)
    low, high = wilson_interval(accuracy, n_test)
    values: dict[str, Any] = {
        "candidate": candidate,
        "model": candidate.rpartition("-")[0] or candidate,
        "mode": candidate.rpartition("-")[2],
        "n_seeds": 1,
        "n_test": n_test,
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "latency_ms": latency_ms,
        "images_per_s": 1000 / latency_ms,
        "ms_per_image": latency_ms,
        "size_mib": 15.0,
        "pretrained": True,
        "learned": True,
        "time_comparable": True,
        "commercial_use": True,
        "licence": "Apache-2.0",
        "weights": "hub",
        "device": "cpu",
        "keys": ("k",),
    }
    values |= dict.fromkeys(("macro_f1", "weighted_f1", "balanced_accuracy", "matthews", "roc_auc"), accuracy)
    values |= {"macro_f1_low": accuracy - 0.08, "macro_f1_high": accuracy + 0.06, "temperature": 1.2, "ece": 0.05}
    values |= {"latency_p99_ms": 1.3 * latency_ms, "images_per_cpu_s": 500 / latency_ms, "gmacs": 0.4, "file_mib": 15.5}
    values |= {"end_to_end_images_per_s": 800 / latency_ms, "predict_memory_mib": 500.0, "noisy": False}
    values |= dict.fromkeys(("log_loss", "n_parameters", "train_time_s"), 1.0) | {"timed": "alone"}
    return Summary(**values | changes)
