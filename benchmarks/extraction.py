"""How fast are features extracted, and in how much memory? EfficientNet-B0 on 500x500 JPEGs against System 2's way.

    PYTHONPATH=src .venv-torch/bin/python benchmarks/extraction.py [--full]

`ratio`: `cached_features` on photos in the packed store against Pillow's open, convert and resize to 224 px, float32,
contiguous, eager, 32 photos at a time; in turns in one process on two threads, medians of the rounds. `ratio_cpu`: the
same as CPU time of the process, which other work on the machine disturbs less. `largest_difference`: between features
from the packed copy and from the plain network, as a share of the largest feature. `anonymous_gb`: RssAnon of a process
that extracts, at its highest. `--full` has more photos, and `growth_mb`: what 50,000 products take more than 1,000, of
a network that only pools (D = 1,280), since that growth is the cache's; 20 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

from bakeoff.training.features import cached_features
from bakeoff.training.plan import TrainingPlan
from data import anonymous_gib, photo
from frozen import make_catalogue, make_plan

SIDE, BATCH = 224, 32
GIB = 2**30 / 1e9


class Pooling(torch.nn.Module):
    """As many features as EfficientNet-B0 has, for next to no work."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, 1280) of images (N, 3, H, W)."""
        return torch.nn.functional.adaptive_avg_pool2d(images, (20, 32)).flatten(1)[:, :1280]


def plainly(plan: TrainingPlan, files: list[Path]) -> np.ndarray:
    """Return features (N, D) as System 2 computes them."""
    model, parts = plan.model, []
    for start in range(0, len(files), BATCH):
        pixels = []
        for file in files[start : start + BATCH]:
            with Image.open(file) as opened:
                pixels.append(np.asarray(opened.convert("RGB").resize((SIDE, SIDE)), dtype=np.float32) / 255)
        photos = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()
        with torch.inference_mode():
            parts.append(model.features(photos).numpy())
    return np.concatenate(parts)


def ours(plan: TrainingPlan, root: Path) -> np.ndarray:
    """Return features (N, D) as every study computes them."""
    with patch.dict(os.environ, {"BAKEOFF_ROOT": str(root)}):
        return cached_features(plan.model, plan.catalogue, plan.header).array


def in_turns(passes: dict[str, Callable[[int], object]], n_rounds: int) -> dict[str, tuple[float, float]]:
    """Return each pass's median wall and CPU seconds."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in passes}
    for number in range(n_rounds):
        for name, call in passes.items():
            began = time.perf_counter(), time.process_time()
            call(number)
            spent[name].append((time.perf_counter() - began[0], time.process_time() - began[1]))
    return {name: tuple(map(statistics.median, zip(*found, strict=True))) for name, found in spent.items()}


def peak_gb(folder: Path, n_products: int, *, pooling: bool) -> float:
    """Return the most anonymous memory of a process that extracts features of so many products, GB."""
    command = [sys.executable, __file__, "--alone", str(n_products), "--folder", str(folder)]
    running = subprocess.Popen([*command, *(["--pooling"] if pooling else [])], stderr=subprocess.DEVNULL)
    most = 0.0
    while running.poll() is None:
        most = max(most, anonymous_gib(running.pid))
        time.sleep(0.05)
    if running.returncode:
        sys.exit("extracting failed")
    return most * GIB


def extract_alone(folder: Path, n_products: int, *, pooling: bool) -> None:
    """Extract in this process of so many products, with the network or with `Pooling`."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = make_plan(folder, make_catalogue(folder, n_products, 64), image_size=SIDE)
    if pooling:
        plan.model.classifier.backbone = Pooling()
    ours(plan, folder / "features")


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    for name, kind in (("--alone", int), ("--folder", Path)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    parser.add_argument("--pooling", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.setdefault("BAKEOFF_ROOT", scratch)
        if args.alone:
            extract_alone(args.folder, args.alone, pooling=args.pooling)
            return
        folder = Path(scratch)
        n_photos, n_rounds = (512, 5) if args.full else (64, 3)
        plan = make_plan(folder, make_catalogue(folder, n_photos), image_size=SIDE)
        files = [folder / f"{number}.jpg" for number in range(n_photos)]
        for number, file in enumerate(files):
            file.write_bytes(photo(number))
        passes = {"theirs": lambda _: plainly(plan, files), "ours": lambda number: ours(plan, folder / str(number))}
        seconds = in_turns(passes, n_rounds)
        (wall, cpu), (our_wall, our_cpu) = seconds["theirs"], seconds["ours"]
        figures = {"ratio": wall / our_wall, "ratio_cpu": cpu / our_cpu, "images_per_s": n_photos / our_wall}
        figures["largest_difference"] = packing_difference(plan, ours(plan, folder / "0"))
        figures["anonymous_gb"] = peak_gb(folder / "alone", n_photos, pooling=False)
        if args.full:
            few, many = (peak_gb(folder / str(n), n, pooling=True) for n in (1_000, 50_000))
            figures["growth_mb"] = 1000 * (many - few)
    bars = {"ratio": 3, "anonymous_gb": 1.5, "growth_mb": 100}
    shown = {name: float(f"{value:.3g}") for name, value in figures.items()}
    print(json.dumps({"benchmark": "extraction", "figures": shown, "bars": bars}))


def packing_difference(plan: TrainingPlan, found: np.ndarray) -> float:
    """Return how far the first batch's features are from the plain network's, as a share of the largest."""
    from bakeoff.training.data import PhotoDataset

    photos = PhotoDataset(plan.catalogue, np.arange(BATCH), plan.header.backbone.preprocessing)
    images = torch.stack([photos[0, number][0] for number in range(BATCH)])
    with torch.inference_mode():
        plain = plan.model.features(images.contiguous(memory_format=torch.channels_last)).numpy()
    return float(np.abs(found[:BATCH] - plain).max() / np.abs(plain).max())


if __name__ == "__main__":
    main()
