"""The Triton scan: in Triton's interpreter and through its compiler without a GPU, and on a GPU where there is one."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
import torch
import triton_cases

from bakeoff.core.errors import ParamsError
from bakeoff.scan import triton_kernel
from bakeoff.scan.dispatch import resolve

pytestmark = pytest.mark.torch
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton, part of PyTorch's CUDA wheels, is not installed here"
)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here")


def run_script(name, *arguments, **environment):
    """Return what a script beside this file prints, run in a process of its own: this one's Triton stays untouched."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name(name), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def interpret(*names):
    return run_script("triton_cases.py", *names, TRITON_INTERPRET="1", OMP_NUM_THREADS="1")


PROOFS = bool(os.environ.get("BAKEOFF_PROOFS"))  # the whole shapes and every pair of GPU and case: `make proofs`
LARGER = triton_cases.SLOW if PROOFS else triton_cases.SMALLER


@pytest.fixture(scope="module")
def interpreted():
    return interpret(*triton_cases.FAST, *LARGER, "same bits", "dispatch", "far apart")


def assert_within_bounds(errors, name):
    allowed = triton_cases.bound(name)
    assert all(error <= allowed for error in errors.values()), (allowed, errors)


@needs_triton
@pytest.mark.slow
@pytest.mark.parametrize("name", triton_cases.FAST)
def test_results_and_gradients_are_those_of_the_specification(interpreted, name):
    assert_within_bounds(interpreted[name], name)


@needs_triton
@pytest.mark.slow
def test_two_runs_give_the_same_bits(interpreted):
    assert interpreted["same bits"]


@needs_triton
@pytest.mark.slow
def test_dispatch_and_autograd_reach_it(interpreted):
    assert interpreted["dispatch"] < 1e-5


@needs_triton
@pytest.mark.slow
def test_offsets_past_32_bits(interpreted):
    assert max(interpreted["far apart"].values()) < 1e-3


@needs_triton
@pytest.mark.slow
@pytest.mark.parametrize("name", LARGER)
def test_larger_shapes_too(interpreted, name):
    assert_within_bounds(interpreted[name], name)


@needs_triton
@pytest.mark.slow
def test_the_compiler_takes_the_kernels_for_old_and_new_gpus(tmp_path):
    wanted = (
        {"75": (0, 2), "80": (1, 3, 4), "90": (0, 2)} if not PROOFS else dict.fromkeys(("75", "80", "90"), range(5))
    )
    given = [f"{capability}:{case}" for capability, cases in wanted.items() for case in cases]
    sizes = run_script("triton_compile.py", *given, TRITON_CACHE_DIR=str(tmp_path), TRITON_INTERPRET="0")
    assert {capability: len(pairs) for capability, pairs in sizes.items()} == {
        capability: len(cases) for capability, cases in wanted.items()
    }
    assert {case for cases in wanted.values() for case in cases} == set(range(5))  # each for some GPU
    assert all(min(pair) > 1000 for pairs in sizes.values() for pair in pairs)


@needs_gpu
@pytest.mark.parametrize("name", triton_cases.CASES)
def test_the_gpu_gives_what_the_specification_says(name):
    assert_within_bounds(triton_cases.errors("cuda", **triton_cases.CASES[name]), name)


@needs_gpu
@pytest.mark.parametrize("compiled", [False, True])
def test_the_gpu_agrees_with_torch_through_dispatch(compiled):
    assert triton_cases.through_dispatch("cuda", compiled=compiled) < 1e-5


@needs_gpu
def test_the_gpu_gives_the_same_bits_twice():
    assert triton_cases.same_bits("cuda")


@needs_gpu
def test_gradients_on_the_gpu_are_those_of_finite_differences():
    from bakeoff.scan.dispatch import selective_scan

    inputs = triton_cases.make(d=3, n=2, length=35, dtype=torch.float64, device="cuda")
    given = tuple(tensor.requires_grad_() for tensor in inputs.tensors if tensor is not None)

    def call(*tensors):
        return selective_scan(*tensors, delta_softplus=True, return_last_state=True, implementation="triton")

    assert torch.autograd.gradcheck(call, given, nondet_tol=0.0, fast_mode=True)


def test_on_a_cpu_it_says_why_not(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    assert "not on cpu (there only in its interpreter, TRITON_INTERPRET=1)" in str(triton_kernel.why_unavailable("cpu"))
    with pytest.raises(ParamsError, match=r"'triton' cannot run here: triton computes on an NVIDIA GPU, not on cpu"):
        resolve("triton", "cpu")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert "not on mps" in str(triton_kernel.why_unavailable("mps"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "the package triton, part of PyTorch's CUDA wheels, is not" in str(triton_kernel.why_unavailable("cpu"))


def test_a_gpu_needs_a_compiler_and_headers(monkeypatch, tmp_path):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)

    def why():
        triton_kernel._why_not_compiled.cache_clear()
        try:
            return str(triton_kernel.why_unavailable("cuda"))
        finally:
            triton_kernel._why_not_compiled.cache_clear()

    if not torch.cuda.is_available():
        assert why() == "PyTorch sees no NVIDIA GPU"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (7, 0))
    assert "compute capability is below 7.5" in why()
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (9, 0))
    monkeypatch.setattr("sysconfig.get_paths", lambda _: {"include": str(tmp_path)})
    monkeypatch.setenv("CC", "cc")
    assert "against Python.h, which is not here" in why()
    (tmp_path / "Python.h").touch()
    assert why() == "None"
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "needs a C compiler for its launcher" in why()


@pytest.mark.parametrize("length", [33, 49, 64, 196, 1000])
@pytest.mark.parametrize(("b", "d"), [(32, 160), (128, 784), (1, 392)])
def test_the_backward_holds_at_most_a_quarter_of_every_state(b, d, length):
    n, rows = 8, triton_kernel.tile_rows(b, 1, d)
    chunks = -(-length // 32)
    between = (chunks - 1) * b * n * d  # the states kept, and as much for their gradients; A's gradient by chunk
    held = 2 * between + chunks * b * n * d + 2 * -(-d // rows) * b * n * length
    assert held <= b * d * n * length / 4


@pytest.mark.slow
def test_importing_the_launcher_imports_no_kernel():
    code = "import sys, bakeoff.scan.dispatch; print('bakeoff.scan.triton_code' in sys.modules)"
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, check=True
    )
    assert done.stdout.strip() == b"False"
