"""How fast photos are explained: Integrated Gradients and Occlusion of MambaVision-T against Captum's best settings.

    PYTHONPATH=src .venv-torch/bin/python benchmarks/interpret.py [--photos N] [--threads T] [--full]

Both explain the same photos of 224 px in turns, in one process: Captum on the plain network, whose parameters take no
gradient, channels last, at each batch size of `BATCHES` and as it comes (its default settings, parameters' gradients
on); ours as `bakeoff.interpret.explain` does it. Median seconds per photo; how far the maps are apart; and the peak
memory at two values of `interpret.batch_px`. One photo and a third of the steps and windows by default (a minute);
`--full` is 20 photos, 50 steps, stride 16. On a GPU where there is one.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

# A script beside this one bears the package's name, and Python looks in a script's own folder first.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]

import numpy as np  # noqa: E402
import torch  # noqa: E402
from captum.attr import IntegratedGradients, Occlusion  # noqa: E402

from bakeoff.backbones.registry import describe  # noqa: E402
from bakeoff.core.machine import ComputeParams, ScanParams  # noqa: E402
from bakeoff.core.section import validate_section  # noqa: E402
from bakeoff.interpret.baselines import GREY  # noqa: E402
from bakeoff.interpret.methods import METHODS  # noqa: E402
from bakeoff.interpret.tensors import arrays, planes  # noqa: E402
from bakeoff.interpret.torch_subject import TorchSubject  # noqa: E402
from bakeoff.speed.backbone import open_backbone  # noqa: E402
from bakeoff.study.composition import compose  # noqa: E402
from bakeoff.study.params import Params  # noqa: E402

MODEL, SIDE, WINDOW = "mamba_t", 224, 32
BATCHES = (8, 16, 32)
BATCH_PX = {"small": 8 * SIDE**2, "large": 32 * SIDE**2}
MEASURED = ("integrated_gradients", "occlusion")
Call = Callable[[np.ndarray], np.ndarray]


def ours(method: str, steps: int, stride: int, params: Params) -> tuple[TorchSubject, Call]:
    """Return our way of explaining class 1 of an image (H, W, 3), and the subject that it asks."""
    settings = describe(MODEL, params.backbones, params.backbone_defaults)
    network = open_backbone(
        settings, [f"class {k}" for k in range(7)], compute=params.compute, scan=params.scan, weights_dir=Path("none")
    )
    subject = TorchSubject(network, batch_px=params.interpret.batch_px)
    given = {"integrated_gradients": {"steps": steps}, "occlusion": {"window_px": WINDOW, "stride_px": stride}}
    used = params.interpret.settings(method).model_copy(update=given[method])
    return subject, lambda image: METHODS[method].attribute(subject, image[None], np.array([1]), used)[0]


def captums(method: str, steps: int, stride: int, subject: TorchSubject, batch: int | None) -> Call:
    """Return Captum's way on the plain network at a batch size; None = its default settings."""
    network = subject.module
    if method == "integrated_gradients":
        given = {"n_steps": steps, "method": "gausslegendre"} | ({"internal_batch_size": batch} if batch else {})
        return lambda image: arrays(
            IntegratedGradients(network).attribute(planes(image[None]), baselines=GREY, target=1, **given)
        ).sum(axis=3)[0]
    sizes = {"sliding_window_shapes": (3, WINDOW, WINDOW), "strides": (3, stride, stride)}

    @torch.no_grad()
    def occlude(image: np.ndarray) -> np.ndarray:
        given = sizes | ({"perturbations_per_eval": batch} if batch else {})
        return arrays(Occlusion(network).attribute(planes(image[None]), baselines=GREY, target=1, **given))[0, ..., 0]

    return occlude


def measure(method: str, photos: np.ndarray, steps: int, stride: int, params: Params) -> dict[str, float]:
    """Return one method's figures: every way explains each photo in its turn."""
    subject, ours_call = ours(method, steps, stride, params)
    ways = {"ours": ours_call, "default": captums(method, steps, stride, subject, None)}
    ways |= {f"captum_{batch}": captums(method, steps, stride, subject, batch) for batch in BATCHES}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    apart, largest = 0.0, 0.0
    for call in ways.values():  # unmeasured: memory is fetched, weights are packed
        call(photos[0])
    for number, image in enumerate(photos):
        names = list(ways)
        found = {}
        for name in names[number % len(names) :] + names[: number % len(names)]:
            subject.module.requires_grad_(name == "default")
            started = time.perf_counter()
            found[name] = ways[name](image)
            seconds[name].append(time.perf_counter() - started)
        apart = max(apart, float(np.abs(found["ours"] - found["captum_16"]).max()))
        largest = max(largest, float(np.abs(found["captum_16"]).max()))
    medians = {name: median(values) for name, values in seconds.items()}
    best = min(medians[f"captum_{batch}"] for batch in BATCHES)
    return {f"{name}_s_per_photo": round(value, 3) for name, value in medians.items()} | {
        "times_best_captum": round(best / medians["ours"], 2),
        "times_default_captum": round(medians["default"] / medians["ours"], 2),
        "apart": apart,
        "apart_of_maximum": apart / largest,
    }


def peak_mib(method: str, size: str) -> float:
    """Return the peak memory of a process that explains one photo at a value of `interpret.batch_px`, MiB."""
    command = [sys.executable, __file__, "--peak", method, size]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=None, help="1, with --full 20")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--full", action="store_true", help="20 photos, 50 steps, stride 16")
    parser.add_argument("--peak", nargs=2, metavar=("METHOD", "SIZE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    params = validate_section(Params, compose(Path.cwd(), [f"model={MODEL}"]), where="conf/")
    compute = ComputeParams(device="auto", threads=args.threads, loader_workers=0, processes=1)
    params = params.model_copy(update={"compute": compute, "scan": ScanParams(implementation="auto")})
    steps, stride = (50, 16) if args.full else (16, 28)
    n_photos = args.photos or (20 if args.full else 1)
    photos = np.random.default_rng(0).random((n_photos, SIDE, SIDE, 3), dtype=np.float32)
    if args.peak:
        method, size = args.peak
        bounded = params.interpret.model_copy(update={"batch_px": BATCH_PX[size]})
        ours(method, 50, 16, params.model_copy(update={"interpret": bounded}))[1](photos[0])
        status = Path("/proc/self/status").read_text(encoding="utf-8")  # getrusage's peak begins with the parent's
        print(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024)
        return
    figures: dict[str, float] = {}
    for method in MEASURED:
        figures |= {f"{method}_{name}": value for name, value in measure(method, photos, steps, stride, params).items()}
        figures |= {f"{method}_peak_mib_{size}": round(peak_mib(method, size)) for size in BATCH_PX}
    bars = {f"{method}_times_best_captum": 1.0 for method in MEASURED}
    bars |= {"integrated_gradients_apart": 1e-5, "occlusion_apart_of_maximum": 1e-3}
    print(json.dumps({"benchmark": "interpret", "figures": figures, "bars": bars}))


if __name__ == "__main__":
    main()
