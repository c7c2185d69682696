"""What does it bring PyTorch on a CPU to keep freed memory (`bakeoff.core.allocator`)? Both ways, by turns.

    PYTHONPATH=src .venv-torch/bin/python benchmarks/kept_memory.py [--full]

Two processes with the same network and input, one as glibc comes and one that keeps, measure by turns: medians of the
rounds' ratios of images/s. `thread` runs the forward pass in a thread of its own, as a server does, and keeps by
`kept_environment()`. Two cases by default; `--full` has Swin-T, batches and training steps as well.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

SHORT = (("mobilenetv2_100", 1, "forward"), ("mobilenetv2_100", 32, "forward"))
FULL = (
    *SHORT,
    ("mobilenetv2_100", 32, "thread"),
    ("mobilenetv2_100", 128, "forward"),
    ("swin_tiny_patch4_window7_224", 1, "forward"),
    ("swin_tiny_patch4_window7_224", 32, "forward"),
    ("mobilenetv2_100", 16, "training"),
    ("swin_tiny_patch4_window7_224", 16, "training"),
)
SECONDS = 2.0


def serve(how: str, model: str, batch_size: int, kind: str) -> None:
    """Answer each line on standard input by images/s over about `SECONDS` and by page faults per image."""
    import resource

    from bakeoff.core.allocator import KEPT, keep_freed_memory
    from bakeoff.core.seeding import set_threads

    if how == "kept" and kind != "thread" and (found := keep_freed_memory()) != KEPT:
        sys.exit(f"memory cannot be kept here: {found}")
    once = _work(model, batch_size, kind)
    set_threads(None)

    def measure(seconds: float) -> dict[str, float]:
        faults, n, started = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, 0, time.perf_counter()
        while n < 3 * batch_size or time.perf_counter() - started < seconds:
            once()
            n += batch_size
        spent = time.perf_counter() - started
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {"images_per_s": n / spent, "faults": (usage.ru_minflt - faults) / n, "peak_mib": usage.ru_maxrss / 1024}

    def work() -> None:
        measure(0)
        _tell({})
        for _ in sys.stdin:
            _tell(measure(SECONDS))

    if kind == "thread":
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    else:
        work()


def _work(model: str, batch_size: int, kind: str) -> Callable[[], None]:
    """Return one forward pass in evaluation mode, or one training step."""
    import torch

    from bakeoff.backbones.compat import import_timm

    network = import_timm().create_model(model, num_classes=7).to(memory_format=torch.channels_last)
    images = torch.rand(batch_size, 3, 224, 224).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    network.train(kind == "training")

    def forward() -> None:
        with torch.inference_mode():
            network(images)

    def step() -> None:
        optimizer.zero_grad()
        network(images).square().mean().backward()
        optimizer.step()

    return step if kind == "training" else forward


def _tell(answer: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def compare(model: str, batch_size: int, kind: str, *, n_rounds: int) -> dict[str, Any]:
    """Return the medians of both ways and of kept over plain in each round; who is first changes with each round."""
    processes = {how: _start(how, model, batch_size, kind) for how in ("plain", "kept")}
    rounds: list[dict[str, dict[str, float]]] = []
    for number in range(n_rounds):
        order = list(processes) if number % 2 else list(reversed(processes))
        rounds.append({how: _ask(processes[how]) for how in order})
    for process in processes.values():
        process.communicate()
    ratios = [answers["kept"]["images_per_s"] / answers["plain"]["images_per_s"] for answers in rounds]

    def middle(how: str, name: str) -> float:
        return round(statistics.median(answers[how][name] for answers in rounds), 1)

    return {
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
        **{f"{how}_{name}": middle(how, name) for how in processes for name in ("images_per_s", "faults", "peak_mib")},
    }


def _start(how: str, model: str, batch_size: int, kind: str) -> subprocess.Popen[str]:
    from bakeoff.core.allocator import allocator_name, kept_environment

    if not kept_environment():
        sys.exit(f"memory cannot be kept here: {allocator_name()}")
    command = [sys.executable, __file__, "--serve", how, model, str(batch_size), kind]
    variables = os.environ | (kept_environment() if (how, kind) == ("kept", "thread") else {})
    process = subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="all eight cases, five rounds instead of three")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        how, model, batch_size, kind = args.serve
        serve(how, model, int(batch_size), kind)
        return
    figures = {}
    for model, batch_size, kind in FULL if args.full else SHORT:
        name = f"{model}, {kind}, batch {batch_size}"
        figures[name] = compare(model, batch_size, kind, n_rounds=5 if args.full else 3)
        sys.stderr.write(f"{name}: {json.dumps(figures[name])}\n")
    print(json.dumps({"benchmark": "kept_memory", "figures": figures, "bars": {}}))


if __name__ == "__main__":
    main()
