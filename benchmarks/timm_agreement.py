"""Does the throughput protocol agree with timm's own benchmark script? Images/s at batch 32, one thread, taking turns.

timm's `benchmark.py` lies in its repository, not in its wheel: pass it by --timm-benchmark. Without it the figures are
null. Its runner and our timing take turns in one process, a few batches at a time, each on a network of its own, so
that both meet the same machine. Bar: within 5 % on resnet18 and mobilenetv2_100; `--full` adds resnet50 and Swin-T.
Under a minute and a half on a quiet core.
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
from bakeoff.evaluation.throughput.clocks import Clocks
from bakeoff.evaluation.throughput.timing import time_calls

BATCH, IMAGE_PX, N_CALLS = 32, 224, 3
SCRIPT_URL = "https://raw.githubusercontent.com/huggingface/pytorch-image-models/v1.0.31/benchmark.py"


def timm_measure(script: dict[str, Any], model: str) -> Callable[[], float]:
    """Return a call that gives images/s as timm's own runner finds them over `N_CALLS` batches."""
    runner = script["InferenceBenchmarkRunner"](
        model_name=model,
        device="cpu",
        batch_size=BATCH,
        img_size=IMAGE_PX,
        channels_last=True,
        num_warm_iter=1,
        num_bench_iter=N_CALLS,
    )
    runner.log_freq = N_CALLS + 1  # it divides the calls by five, and few calls make a turn
    return lambda: float(runner.run()["samples_per_sec"])


def our_measure(model: str) -> Callable[[], float]:
    """Return a call that gives images/s as the protocol finds them: warm, then the median batch."""
    network = import_timm().create_model(model, pretrained=False).to(memory_format=torch.channels_last).eval()
    images = torch.randn(BATCH, 3, IMAGE_PX, IMAGE_PX).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def measure() -> float:
        start = time.perf_counter()
        network(images)
        until = time.perf_counter() + (N_CALLS + 1) * (time.perf_counter() - start)
        return time_calls(lambda: network(images), until=until, max_calls=N_CALLS, clocks=Clocks()).images_per_s(BATCH)

    return measure


def compare(theirs: Callable[[], float], ours: Callable[[], float], *, n_rounds: int) -> dict[str, float]:
    """Return the medians of both, and of ours over timm's, measured in turns; who is first changes with each round."""
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
        "ratio": round(statistics.median(own for own, _ in found) / statistics.median(other for _, other in found), 4),
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
            found = compare(timm_measure(script, model), our_measure(model), n_rounds=11 if args.full else 5)
            figures |= {f"{model}_{name}": value for name, value in found.items()}
    bars = {f"{model}_ratio": [0.95, 1.05] for model in models}
    print(json.dumps({"benchmark": "timm_agreement", "figures": figures, "bars": bars}))


if __name__ == "__main__":
    main()
