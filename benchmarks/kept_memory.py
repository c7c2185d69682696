"""What does it bring PyTorch on a CPU to keep freed memory (`bakeoff.allocator`)? Both ways, by turns.

Two processes with the same network and input, one as glibc comes and one that keeps, measure by turns: medians of the
rounds' ratios, images/s of forward passes in evaluation mode and of training steps.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

CASES = (
    ("mobilenetv2_100", 1, "forward"),
    ("mobilenetv2_100", 32, "forward"),
    ("swin_tiny_patch4_window7_224", 1, "forward"),
    ("swin_tiny_patch4_window7_224", 32, "forward"),
    ("mobilenetv2_100", 16, "training step"),
    ("swin_tiny_patch4_window7_224", 16, "training step"),
)
N_ROUNDS = 5
SECONDS = 2.0


def serve(how: str, model: str, batch_size: int, kind: str) -> None:
    """Answer each line on standard input by images/s over about `SECONDS`, and by pages fetched per image."""
    import resource

    import torch

    from bakeoff.allocator import keep_freed_memory
    from bakeoff.backbones.compat import import_timm

    if how == "kept":
        keep_freed_memory()
    network = import_timm().create_model(model, num_classes=7).to(memory_format=torch.channels_last)
    images = torch.rand(batch_size, 3, 224, 224).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    network.train(kind != "forward")

    def once() -> None:
        if kind == "forward":
            with torch.inference_mode():
                network(images)
            return
        optimizer.zero_grad()
        network(images).square().mean().backward()
        optimizer.step()

    for _ in range(3):
        once()
    _tell({})
    for _ in sys.stdin:
        faults, n, started = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, 0, time.perf_counter()
        while (seconds := time.perf_counter() - started) < SECONDS:
            once()
            n += batch_size
        fetched = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        _tell({"images_per_s": n / seconds, "pages": fetched / n, "peak_mib": peak})


def _tell(answer: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def compare(model: str, batch_size: int, kind: str) -> dict[str, Any]:
    """Return the medians of both ways and of kept over plain in each round; who is first changes with each round."""
    processes = {how: _start(how, model, batch_size, kind) for how in ("plain", "kept")}
    rounds: list[dict[str, dict[str, float]]] = []
    for number in range(N_ROUNDS):
        order = list(processes) if number % 2 else list(reversed(processes))
        rounds.append({how: _ask(processes[how]) for how in order})
    for process in processes.values():
        process.communicate()
    ratios = [answers["kept"]["images_per_s"] / answers["plain"]["images_per_s"] for answers in rounds]

    def middle(how: str, name: str) -> float:
        return round(statistics.median(answers[how][name] for answers in rounds), 1)

    return {
        "model": model,
        "batch_size": batch_size,
        "kind": kind,
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
        **{f"{how}_{name}": middle(how, name) for how in processes for name in ("images_per_s", "pages", "peak_mib")},
    }


def _start(how: str, *case: object) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--serve", how, *map(str, case)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    _answer(process)  # warm: the other one is measured beside an idle process
    return process


def _ask(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    return _answer(process)


def _answer(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        sys.exit("a measuring process ended early; its message is above")
    return json.loads(line)


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        how, model, batch_size, kind = args.serve
        serve(how, model, int(batch_size), kind)
        return
    figures = []
    for case in CASES:
        figures.append(compare(*case))
        sys.stderr.write(json.dumps(figures[-1]) + "\n")
    print(json.dumps({"benchmark": "kept_memory", "figures": figures, "bars": {}}))


if __name__ == "__main__":
    main()
