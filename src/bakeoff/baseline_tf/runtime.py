"""TensorFlow as the product wants it: quiet, deterministic, on the chosen device and threads; loaded here alone.

The other modules of this package take `tf` and `keras` from here, so that the settings below come before the import.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bakeoff.core.errors import SetupError
from bakeoff.core.machine import cpu_name, peak_resident_mib
from bakeoff.core.seeding import default_threads, usable_cpus
from bakeoff.core.start import pin_environment


@contextmanager
def _quiet_import() -> Iterator[None]:
    """Hold back what TensorFlow's C++ side prints while it loads; show it where the import fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    pin_environment()  # here too, for a server of MLflow that loads the model by itself
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


with _quiet_import():
    import keras
    import tensorflow as tf

_CPUS_AT_START = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []

__all__ = ["Device", "keras", "limit_threads", "peak_memory_mib", "start", "tf"]


@dataclass(frozen=True)
class Device:
    """Where TensorFlow computes: `cpu` or `cuda`, its name, and the CPU threads."""

    kind: str
    name: str
    threads: int

    @property
    def tf_name(self) -> str:
        """TensorFlow's own name of the device."""
        return "/GPU:0" if self.kind == "cuda" else "/CPU:0"


def start(*, device: str, threads: int | None) -> Device:
    """Choose device and threads and switch deterministic operations on; call it before anything is computed.

    The device is `auto` (a GPU where TensorFlow finds one), `cpu` or `cuda`; None is as many threads as physical cores.
    A SetupError where the device is not there, or is not one of TensorFlow's.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if device not in ("auto", "cpu", "cuda"):
        raise SetupError(f"compute.device {device!r} is none that TensorFlow offers here; choose auto, cpu or cuda.")
    if device == "cuda" and not gpus:
        raise SetupError(
            "compute.device is cuda, but TensorFlow finds no GPU; run `bakeoff doctor`, or set compute.device to auto."
        )
    use_gpu = bool(gpus) and device != "cpu"
    if gpus and not use_gpu:
        tf.config.set_visible_devices([], "GPU")
    n_threads = limit_threads(threads or default_threads())
    tf.config.experimental.enable_op_determinism()
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if use_gpu else cpu_name()
    return Device(kind="cuda" if use_gpu else "cpu", name=str(name), threads=n_threads)


def limit_threads(n_threads: int) -> int:
    """Use `n_threads` CPU threads from here on and return the number.

    TensorFlow fixes its thread pool at the first computation; after that fewer threads are enforced by binding every
    thread of the process to that many CPUs. A SetupError for more threads than it was started with, or without binding.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(n_threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        _bind_threads(n_threads)
    else:
        if usable_cpus() < min(n_threads, len(_CPUS_AT_START)):
            _bind_threads(n_threads)  # an earlier, smaller limit is lifted
    return n_threads


def _bind_threads(n_threads: int) -> None:
    """Bind all threads of this process to the first `n_threads` of its CPUs."""
    started = tf.config.threading.get_intra_op_parallelism_threads() or usable_cpus()
    if n_threads > started or not hasattr(os, "sched_setaffinity"):
        raise SetupError(
            f"TensorFlow was started with {started} CPU threads and cannot change to {n_threads} any more; "
            "set compute.threads to the larger number, and run it again."
        )
    cpus = _CPUS_AT_START[:n_threads]
    for task in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(task.name), cpus)


def peak_memory_mib(device: Device) -> float:
    """Return the most memory used so far, MiB: of the GPU where one is used, else resident memory of the process."""
    if device.kind == "cuda":
        return float(tf.config.experimental.get_memory_info("GPU:0")["peak"]) / 2**20
    return peak_resident_mib()
