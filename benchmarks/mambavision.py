"""How fast is MambaVision on a CPU? Each way of running it against the plain package with the scan as a loop.

    .venv-torch/bin/python benchmarks/mambavision.py [--full] [--model mamba_vision_T]

Pooled features of 32 images at 224 px on one thread, float32, random weights; interleaved rounds, medians; about 50 s.
`--full` adds more rounds, bfloat16 autocast and torch.compile.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selective_scan import interleaved, loop_over_slices

# This script bears the package's name, and Python looks in a script's own folder first.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).resolve().parent]

import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from bakeoff.backbones.inference import for_cpu_inference  # noqa: E402
from bakeoff.backbones.mamba import MambaBackbone, build_mambavision, import_mambavision  # noqa: E402
from bakeoff.backbones.onnx_export import export_onnx  # noqa: E402
from bakeoff.scan.dispatch import resolve  # noqa: E402

BARS = {"scan_share_pct": 3, "best_vs_naive": 1.6}
Call = Callable[[], object]


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="more rounds, bfloat16 and torch.compile")
    parser.add_argument("--model", default="mamba_vision_T", help="registered name of the package")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    backbone = build_mambavision(arguments.model, scan=resolve("auto", "cpu")).eval()
    images = torch.rand(32, 3, 224, 224)
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        calls = ways(backbone, images, Path(folder), full=arguments.full)
        check(calls)
        seconds = interleaved(calls, 5 if arguments.full else 2, unmeasured=0, measured=2)
        share = scan_share(backbone, images)
    rates = {name: round(len(images) / value, 2) for name, value in seconds.items()}
    supported = {name: rate for name, rate in rates.items() if name in ("eager", "packed", "compiled", "onnxruntime")}
    best = max(supported, key=lambda name: supported[name])
    figures = {
        "model": arguments.model,
        "images_per_s": rates,
        "best": best,
        "best_vs_naive": round(rates[best] / rates["naive"], 2),
        "scan_share_pct": round(100 * share, 2),
    }
    print(json.dumps({"benchmark": "mambavision", "figures": figures, "bars": BARS}))


def ways(backbone: MambaBackbone, images: Tensor, folder: Path, *, full: bool) -> dict[str, Call]:
    """Return the ways to compute the features, by name."""
    import onnxruntime

    network = backbone.network
    packed = for_cpu_inference(backbone)
    export_onnx(backbone, folder / "model.onnx", image_size=images.shape[-1])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])

    def naive() -> Tensor:
        with scan_as_a_loop():
            return network.forward_features(images)  # type: ignore[operator]

    def bfloat16() -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return backbone(images).float()

    calls: dict[str, Call] = {
        "naive": naive,
        "package_with_our_scan": lambda: network.forward_features(images),  # type: ignore[operator]
        "eager": lambda: backbone(images),
        "packed": lambda: packed(images),
        "onnxruntime": lambda: torch.from_numpy(session.run(None, {"images": images.numpy()})[0]),
    }
    if full:
        compiled = torch.compile(backbone)
        calls |= {"bfloat16": bfloat16, "compiled": lambda: compiled(images)}
    return calls


@contextmanager
def scan_as_a_loop() -> Iterator[None]:
    """Give the package the scan as it is usually written without CUDA: a loop over slices of big tensors."""
    module = import_mambavision().__dict__
    ours = module["selective_scan_fn"]
    module["selective_scan_fn"] = _loop
    try:
        yield
    finally:
        module["selective_scan_fn"] = ours


def _loop(*tensors: Tensor, delta_bias: Tensor, **_: object) -> Tensor:
    return loop_over_slices(*tensors, delta_bias)


def check(calls: dict[str, Call]) -> None:
    """Stop where a way computes something else than the plain package; this also warms each of them up."""
    expected = calls["naive"]()
    assert isinstance(expected, Tensor)
    for name, call in calls.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # inductor's own
            found = call()
        assert isinstance(found, Tensor)
        difference = float((found - expected).abs().max() / expected.abs().max())
        if difference > (3e-2 if name == "bfloat16" else 1e-4):
            raise SystemExit(f"{name} differs from the plain package by {difference:.2g} of the largest feature")


def scan_share(backbone: MambaBackbone, images: Tensor) -> float:
    """Return the share of the eager forward pass that the scans take, by PyTorch's profiler."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as found:
        backbone(images)
    events = found.key_averages()
    scans = sum(event.cpu_time_total for event in events if event.key == "bakeoff::selective_scan")
    return scans / sum(event.self_cpu_time_total for event in events)


if __name__ == "__main__":
    main()
