"""Which device a training runs on, at which precision, and how its memory and its determinism are read and set."""

import os
import platform

import torch

from bakeoff.core.errors import TrainingError
from bakeoff.core.machine import cpu_name


def resolve_device(name: str) -> torch.device:
    """Return the device for `compute.device`; `auto` takes CUDA, then MPS, then the CPU."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    available = [kind for kind, is_there in there.items() if is_there]
    if name == "auto":
        return torch.device(available[0])
    if name not in available:
        raise TrainingError(
            f"compute.device is {name!r}, but PyTorch {torch.__version__} offers {', '.join(available)} here; "
            "choose one of these or auto."
        )
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """Return the name on the box: the GPU's, or the CPU's model."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return cpu_name() if device.type == "cpu" else platform.processor() or platform.machine()


def autocast_dtype(device: torch.device, mixed_precision: str) -> torch.dtype | None:
    """Return bfloat16 or float16 for a CUDA device under `auto`, else None: on these CPUs bfloat16 does not pay."""
    if mixed_precision != "auto" or device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def make_deterministic(device: torch.device) -> None:
    """Ask for deterministic kernels: strictly on the CPU; on a GPU some backward passes have none and only warn."""
    if device.type == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False


def synchronise(device: torch.device) -> None:
    """Wait for the device's queued work; nothing to wait for on a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_cuda_memory_mib(device: torch.device) -> float | None:
    """Return the largest memory allocated on a CUDA device so far, MiB; None elsewhere."""
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None
