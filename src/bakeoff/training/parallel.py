"""Several processes in one training: each takes its rows of every batch, and their gradients add up.

The first one starts the others, or torchrun all of them; on CUDA each has a GPU of its own. The first one alone (rank
0) reads checkpoints, validates, writes and talks.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from bakeoff.core.errors import TrainingError
from bakeoff.core.machine import ComputeParams
from bakeoff.training.device import resolve_device

_HELPER = "BAKEOFF_TRAINING_HELPER"
"""In the environment of a process that the first one has started: where that listens, and the process's rank."""
_ENDED = ("Connection closed", "Connection reset", "NCCL")


def rank() -> int:
    """Return the number of this process, from 0."""
    return dist.get_rank() if n_processes() > 1 else 0


def n_processes() -> int:
    """Return how many processes take part in the training."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


@contextmanager
def training_processes(compute: ComputeParams, *, alone: bool) -> Iterator[bool]:
    """Let `compute.processes` processes run what this one does, and yield whether this is the first of them.

    The others are started here with this command, unless torchrun has started this one; they are then as many as it
    says. `alone`: nobody is needed beside the first, and others that torchrun has started end here. A TrainingError
    where there are fewer GPUs than processes, or another process has ended.
    """
    by_torchrun = {"RANK", "WORLD_SIZE"} <= os.environ.keys()
    port, number = map(int, os.environ.get(_HELPER, "0 0").split())
    n = compute.processes
    if by_torchrun:
        number, n = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if alone and number:
        sys.exit(0)
    if alone or n == 1:
        yield True
        return
    device = _device_for(compute.device, int(os.environ.get("LOCAL_WORLD_SIZE", n)))
    group = {} if by_torchrun else _meeting_place(port, number, n)
    helpers = [] if by_torchrun or port else _start_helpers(n, group["store"].port)
    stderr = sys.stderr
    try:
        if device.type == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", number)))
        if number:  # the first one tells how it goes, each its own error
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", **group)
        yield number == 0
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and not any(words in str(error) for words in _ENDED):
            raise
        raise TrainingError(f"another process of this training has ended ({str(error).splitlines()[-1]}).") from None
    finally:
        sys.stderr = stderr
        for helper in helpers:
            helper.terminate()
            helper.wait()
        if dist.is_initialized():
            dist.destroy_process_group()


def _device_for(name: str, n: int) -> torch.device:
    device = resolve_device(name)
    if device.type == "mps" or (device.type == "cuda" and torch.cuda.device_count() < n):
        raise TrainingError(
            f"compute.processes is {n}, but {device.type} offers {max(1, torch.cuda.device_count())} here; on a GPU "
            "each process needs one of its own."
        )
    return device


def _meeting_place(port: int, number: int, n: int) -> dict[str, Any]:
    store = dist.TCPStore("127.0.0.1", port, n, is_master=not port, wait_for_workers=False)
    return {"store": store, "rank": number, "world_size": n}


def _start_helpers(n: int, port: int) -> list[subprocess.Popen[bytes]]:
    """Start this command n - 1 times more."""
    command = [sys.executable, *sys.orig_argv[1:]]
    return [subprocess.Popen(command, env=os.environ | {_HELPER: f"{port} {one}"}) for one in range(1, n)]


def add_up(tensor: Tensor) -> Tensor:
    """Return the sum over all processes, in place."""
    if n_processes() > 1:
        dist.all_reduce(tensor)
    return tensor


def add_up_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """Give every process the sum of all gradients; a parameter without one has none in any process."""
    if n_processes() == 1:
        return
    gradients = [one.grad for one in parameters if one.grad is not None]
    summed = add_up(torch.cat([one.ravel() for one in gradients])).split([one.numel() for one in gradients])
    for gradient, found in zip(gradients, summed, strict=True):
        gradient.copy_(found.view_as(gradient))


def take_over(tensors: Iterable[Tensor]) -> None:
    """Give every process the first one's, in place."""
    if n_processes() > 1:
        for tensor in tensors:
            dist.broadcast(tensor.detach(), 0)


def of_first(value: Any) -> Any:
    """Return what the first process has."""
    values = [value]
    if n_processes() > 1:
        dist.broadcast_object_list(values, 0)
    return values[0]
