"""Does the throughput protocol agree with timm's own benchmark script? Images/s at one batch, one thread, in turns.

timm's `benchmark.py` lies in its repository, not in its wheel: pass it by --timm-benchmark. Without it the figures are
null. Its runner and our timing take turns in one process, a few batches at a time, each on a network of its own, so
that both meet the same machine. Bar: within 5 % on resnet18 and mobilenetv2_100 at batch 8, nine rounds, under a minute
on a quiet core; `--full` adds resnet50 and Swin-T, batch 32 and eleven rounds: a quarter of an hour or more.
"""

from __future__ import annotations

import argparse
import json
import logging
import runpy
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bakeoff.backbones.compat import import_timm
from bakeoff.speed.turns import N_WARMUP

IMAGE_PX, N_CALLS = 224, 3
SCRIPT_URL = "https://raw.githubusercontent.com/huggingface/pytorch-image-models/v1.0.31/benchmark.py"


def timm_measure(script: dict[str, Any], model: str, batch_size: int) -> Callable[[], float]:
    """Return a call that gives images/s as timm's own runner finds them over `N_CALLS` batches."""
    runner = script["InferenceBenchmarkRunner"](
        model_name=model,
        device="cpu",
        batch_size=batch_size,
        img_size=IMAGE_PX,
        channels_last=True,
        num_warm_iter=1,
        num_bench_iter=N_CALLS,
    )
    runner.log_freq = N_CALLS + 1  # it divides the calls by five, and few calls make a turn
    return lambda: float(runner.run()["samples_per_sec"])


def our_measure(model: str, batch_size: int) -> Callable[[], float]:
    """Return a call that gives images/s as the protocol finds them: warm, then the median batch."""
    network = import_timm().create_model(model, pretrained=False, global_pool="fast")  # timm's script pools so
    network = network.to(memory_format=torch.channels_last).eval()
    images = torch.randn(batch_size, 3, IMAGE_PX, IMAGE_PX).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def measure() -> float:
        seconds = []
        for _ in range(N_WARMUP + N_CALLS):
            start = time.perf_counter()
            network(images)
            seconds.append(time.perf_counter() - start)
        return batch_size / statistics.median(seconds[N_WARMUP:])

    return measure


def compare(theirs: Callable[[], float], ours: Callable[[], float], *, n_rounds: int) -> dict[str, float]:
    """Return the medians of both, and of ours over timm's in each round; who is first changes with each round."""
    found: list[tuple[float, float]] = []
    for number in range(n_rounds):
        if number % 2:
            own = ours()
            found.append((own, theirs()))
        else:
            other = theirs()
            found.append((ours(), other))
    ratios = [own / other for own, other in found]
    return {
        "our_images_per_s": round(statistics.median(own for own, _ in found), 2),
        "timm_images_per_s": round(statistics.median(other for _, other in found), 2),
        "ratio": round(statistics.median(ratios), 4),
        "ratio_low": round(min(ratios), 4),
        "ratio_high": round(max(ratios), 4),
    }


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timm-benchmark", type=Path, help="timm's benchmark.py, from its repository")
    parser.add_argument("--full", action="store_true", help="more networks and rounds")
    args = parser.parse_args()
    models = ["resnet18", "mobilenetv2_100", *(["resnet50", "swin_tiny_patch4_window7_224"] if args.full else [])]
    batch_size, n_rounds = (32, 11) if args.full else (8, 9)
    figures: dict[str, object] = {f"{model}_ratio": None for model in models}
    if args.timm_benchmark is None or not args.timm_benchmark.is_file():
        sys.stderr.write(f"timm's script is needed: curl -O {SCRIPT_URL}, then --timm-benchmark benchmark.py\n")
    else:
        torch.set_num_threads(1)
        import_timm()
        script = runpy.run_path(str(args.timm_benchmark), run_name="timm_benchmark")
        logging.getLogger().setLevel(logging.WARNING)
        logging.getLogger("timm").setLevel(logging.WARNING)
        for model in models:
            found = compare(timm_measure(script, model, batch_size), our_measure(model, batch_size), n_rounds=n_rounds)
            figures |= {f"{model}_{name}": value for name, value in found.items()}
    bars = {f"{model}_ratio": [0.95, 1.05] for model in models}
    print(json.dumps({"benchmark": "timm_agreement", "figures": figures, "bars": bars}))


if __name__ == "__main__":
    main()
