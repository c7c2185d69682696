"""A study on disk as the stages leave it: 7 models x 2 modes and the baseline, small pictures included."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bakeoff.decision.study import Study
from bakeoff.decision.summary import Summary
from bakeoff.params import CompareParams
from bakeoff.statistics.wilson import wilson_interval

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
CORRECT = {  # right ones of 105 test products, frozen and finetune
    "mobilenetv2": (88, 90),
    "swin_t": (95, 97),
    "mobilevitv2": (91, 92),
    "mamba_t": (96, 97),
    "mamba_s": (97, 99),
    "mamba_b": (98, 101),
    "tf_efficientnet_lite0": (90, 93),
}


def write_json(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")


def training_record(name: str, *, model: str, mode: str, pretrained: bool = True, **changes: Any) -> dict[str, Any]:
    code, weights, commercial, millions, _ = MODELS.get(model, ("Apache-2.0", "Apache-2.0", True, 4.1, 30.0))
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
        "n_parameters": int(millions * 1e6),
        "size_mib": millions * 3.82,
        "train_time_s": 42.0,
        "peak_memory_mib": 1400.0,
        "loss": "cross_entropy",
        "learned": True,
        "versions": {"python": "3.11.2", "torch": "2.13.0"},
        "git_commit": "0123456789abcdef0123456789abcdef01234567",
    } | changes


def write_candidate(
    runs: Path, name: str, *, correct: int, latency_ms: float, seed: int = 0, n_test: int = N_TEST, **training: Any
) -> Path:
    """Write the three records of one training and return its folder."""
    model, _, mode = name.rpartition("-") if "-" in name else (name, "", "frozen")
    folder = runs / name / f"seed_{seed}"
    device = training.pop("device", ("cpu", "AMD EPYC 7763"))
    record = training_record(name, model=model, mode=mode, **training) | {"seed": seed}
    test = {"n": n_test, "accuracy": correct / n_test, "macro_f1": correct / n_test - 0.03}
    test |= {"weighted_f1": correct / n_test - 0.01, "log_loss": 1.3 - correct / n_test, "training_loss": 0.4}
    splits = {"train": {"n": 840}, "validation": {"n": 105}, "test": test}
    header = {"candidate": name, "training_key": record["key"], "key": "e1"}
    write_json(folder / "training" / "training.json", record)
    write_json(folder / "evaluation" / "metrics.json", {**header, "splits": splits})
    speed = {"latency_ms_p50": latency_ms, "images_per_s": 1400 / latency_ms, "ms_per_image": latency_ms / 1.4}
    speed |= {"device": device[0], "device_name": device[1], "threads": 2, "batch_size": 32}
    write_json(folder / "evaluation" / "throughput.json", speed)
    return folder


def write_evidence(folder: Path, *, correct: int, size_px: tuple[int, int] = (630, 270)) -> None:
    """Write confusion.csv, channels.json and two heat maps as evaluate and interpret leave them."""
    generator = np.random.default_rng(correct)
    counts = np.diag(generator.multinomial(correct, [1 / 7] * 7))
    for _ in range(N_TEST - correct):
        i, j = generator.choice(7, size=2, replace=False)
        counts[i, j] += 1
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
        waves = np.add.outer(np.sin(np.arange(size_px[1]) / 23 + index), np.cos(np.arange(size_px[0]) / 31))
        shade = (60 * (waves + 2)).astype(np.uint8)
        Image.fromarray(np.dstack([shade, 255 - shade, shade // 2])).save(inside / figure)
        named = {"product_id": f"p{index}", "true": "food", "predicted": "food" if right else "plants"}
        items.append({**named, "correct": right, "method": "ig", "figure": figure})
    write_json(inside / "attributions.json", {"key": "x", "items": items})


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


NO_LIMITS = CompareParams(max_latency_ms=None, min_images_per_s=None, max_size_mib=None, allow_random_weights=False)


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
    values |= dict.fromkeys(("macro_f1", "weighted_f1", "log_loss", "n_parameters", "train_time_s"), 1.0)
    return Summary(**values | changes)
