"""Several processes in one training: each takes its rows of every batch, and their gradients add up.

They are as torchrun starts them (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT in the environment): on CUDA
each has a GPU of its own. Rank 0 alone reads checkpoints, writes and talks.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from bakeoff.core.errors import TrainingError
from bakeoff.training.device import resolve_device


def rank() -> int:
    """Return the number of this process, from 0."""
    return dist.get_rank() if n_processes() > 1 else 0


def n_processes() -> int:
    """Return how many processes take part in the training."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


@contextmanager
def training_processes(n: int, *, device: str) -> Iterator[bool]:
    """Let `n` processes run what this one does, and yield whether this is the first of them.

    The others are started here with this command, unless torchrun has started this one.

    Raises:
        TrainingError: fewer GPUs than processes, or another process has ended.
    """
    started = "RANK" in os.environ
    n = int(os.environ["WORLD_SIZE"]) if started else n
    if n == 1:
        yield True
        return
    chosen, n_here = resolve_device(device), int(os.environ.get("LOCAL_WORLD_SIZE", n))
    if chosen.type == "mps" or (chosen.type == "cuda" and torch.cuda.device_count() < n_here):
        raise TrainingError(
            f"compute.processes is {n_here}, but {chosen.type} offers {max(1, torch.cuda.device_count())} here; on a "
            "GPU each process needs one of its own."
        )
    helpers = [] if started else _start_helpers(n)
    number = int(os.environ["RANK"])
    try:
        if chosen.type == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        if number:
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  the first process says it
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
        yield number == 0
    except RuntimeError as error:
        if not any(word in str(error) for word in ("Connection closed", "Connection reset", "NCCL")):
            raise
        raise TrainingError(f"another process of this training has ended ({str(error).splitlines()[-1]}).") from None
    finally:
        for helper in helpers:
            helper.terminate()
            helper.wait()
        if dist.is_initialized():
            dist.destroy_process_group()


def _start_helpers(n: int) -> list[subprocess.Popen[bytes]]:
    """Start this command n - 1 times more and make this process the first of them all."""
    store = dist.TCPStore("127.0.0.1", 0, n, is_master=True, wait_for_workers=False)
    os.environ |= {"WORLD_SIZE": str(n), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port)}
    os.environ |= {"RANK": "0", "LOCAL_RANK": "0", "TORCHELASTIC_USE_AGENT_STORE": "True"}  # the port is taken
    _kept.append(store)
    command = [sys.executable, *sys.orig_argv[1:]]
    return [
        subprocess.Popen(command, env={**os.environ, "RANK": str(one), "LOCAL_RANK": str(one)}) for one in range(1, n)
    ]


_kept: list[Any] = []  # the store serves as long as it is referred to


def add_up(tensor: Tensor) -> Tensor:
    """Return the sum over all processes, in place."""
    if n_processes() > 1:
        dist.all_reduce(tensor)
    return tensor


def add_up_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """Give every process the sum of all gradients of (), (n,), (n, m), … parameters; None counts as zeros."""
    if n_processes() == 1:
        return
    flat = torch.cat([torch.zeros_like(one).ravel() if one.grad is None else one.grad.ravel() for one in parameters])
    for parameter, summed in zip(parameters, add_up(flat).split([one.numel() for one in parameters]), strict=True):
        parameter.grad = summed.view_as(parameter)


def take_over_buffers(module: torch.nn.Module) -> None:
    """Give every process the first one's buffers, such as running statistics of batch norms that saw its rows alone."""
    if n_processes() > 1:
        for buffer in module.buffers():
            dist.broadcast(buffer, 0)


def of_first(value: Any) -> Any:
    """Return what the first process has."""
    values = [value]
    if n_processes() > 1:
        dist.broadcast_object_list(values, 0)
    return values[0]
