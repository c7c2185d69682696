"""The scan against numbers worked out by hand, against NumPy, and every implementation against the others."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from bakeoff.core.errors import ParamsError, TrainingError  # noqa: E402
from bakeoff.scan.dispatch import resolve, selective_scan, why_unavailable  # noqa: E402

pytestmark = pytest.mark.torch
NAMES = [name for name in ("reference", "torch", "cpu") if why_unavailable(name) is None]  # triton has its own file


def inputs(b=2, d=4, n=3, length=5, *, groups=None, dtype=torch.float64, seed=0):
    torch.manual_seed(seed)
    shape = (b, n, length) if groups is None else (b, groups, n, length)
    return {
        "u": torch.randn(b, d, length, dtype=dtype),
        "delta": torch.rand(b, d, length, dtype=dtype),
        "A": -torch.rand(d, n, dtype=dtype) - 0.1,
        "B": torch.randn(shape, dtype=dtype),
        "C": torch.randn(shape, dtype=dtype),
        "D": torch.randn(d, dtype=dtype),
        "z": torch.randn(b, d, length, dtype=dtype),
        "delta_bias": torch.randn(d, dtype=dtype),
    }


def numpy_scan(u, delta, A, B, C, D, z, delta_bias):
    """Independent: scalars only, one product at a time."""
    b, d, length = u.shape
    n = A.shape[1]
    y = np.zeros((b, d, length))
    last = np.zeros((b, d, n))
    for i in range(b):
        for j in range(d):
            h = [0.0] * n
            for t in range(length):
                step = math.log1p(math.exp(delta[i, j, t] + delta_bias[j]))
                group = j // (d // B.shape[1])
                h = [math.exp(step * A[j, k]) * h[k] + step * B[i, group, k, t] * u[i, j, t] for k in range(n)]
                out = sum(C[i, group, k, t] * h[k] for k in range(n)) + D[j] * u[i, j, t]
                y[i, j, t] = out * z[i, j, t] / (1 + math.exp(-z[i, j, t]))
            last[i, j] = h
    return y, last


@pytest.mark.parametrize("name", NAMES)
def test_two_steps_by_hand(name):
    # A = ln(1/2): with delta 1 the state halves. h1 = 1*1*2 = 2; h2 = 0.5*2 + 1*1*4 = 5;
    # y = C h + D u with C = (1, 3), D = 10.
    column = torch.tensor([[[1.0, 1.0]]])
    y, last = selective_scan(
        torch.tensor([[[2.0, 4.0]]]),
        column,
        torch.tensor([[math.log(0.5)]]),
        column,
        torch.tensor([[[1.0, 3.0]]]),
        torch.tensor([10.0]),
        return_last_state=True,
        implementation=name,
    )
    torch.testing.assert_close(y, torch.tensor([[[22.0, 55.0]]]))
    torch.testing.assert_close(last, torch.tensor([[[5.0]]]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("groups", [None, 1, 2, 4])
def test_equals_an_independent_numpy_loop(name, groups):
    given = inputs(groups=groups)
    y, last = selective_scan(**given, delta_softplus=True, return_last_state=True, implementation=name)
    arrays = {key: value.numpy() for key, value in given.items()}
    for key in "BC":
        arrays[key] = arrays[key] if arrays[key].ndim == 4 else arrays[key][:, None]
    expected_y, expected_last = numpy_scan(**arrays)
    np.testing.assert_allclose(y.numpy(), expected_y, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(last.numpy(), expected_last, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_finite_differences(name):
    given = {key: value.requires_grad_() for key, value in inputs(b=1, d=2, n=2, length=4, groups=1).items()}

    def call(*values):
        return selective_scan(*values, delta_softplus=True, return_last_state=True, implementation=name)

    assert torch.autograd.gradcheck(call, tuple(given.values()))


@pytest.mark.parametrize("length", [1, 2, 49])
def test_all_implementations_agree_forward_and_backward(length):
    results = []
    for name in NAMES:
        given = {
            key: value.requires_grad_() for key, value in inputs(d=6, n=8, length=length, dtype=torch.float32).items()
        }
        y = selective_scan(**given, delta_softplus=True, implementation=name)
        y.square().sum().backward()
        results.append([y.detach(), *(value.grad for value in given.values())])
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_state_is_float32_and_output_keeps_the_type_of_u(name):
    given = inputs(length=64, dtype=torch.float32)
    low = {key: value.bfloat16() if key in ("u", "delta", "B", "C") else value for key, value in given.items()}
    low["z"] = low["z"].bfloat16()
    y, last = selective_scan(**low, delta_softplus=True, return_last_state=True, implementation=name)
    assert y.dtype == torch.bfloat16
    assert last.dtype == torch.float32
    exact = selective_scan(
        **{key: value.float() for key, value in low.items()}, delta_softplus=True, implementation=name
    )
    torch.testing.assert_close(y, exact.bfloat16())


@pytest.mark.parametrize("name", NAMES)
def test_delta_that_is_not_contiguous_gives_the_same(name):
    given = inputs()
    strided = dict(given, delta=given["delta"].transpose(1, 2).contiguous().transpose(1, 2))
    assert not strided["delta"].is_contiguous()
    torch.testing.assert_close(
        selective_scan(**strided, implementation=name), selective_scan(**given, implementation=name)
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_batch_gives_an_empty_output_and_zero_gradients(name):
    given = {key: value.requires_grad_() for key, value in inputs(b=0).items()}
    y, last = selective_scan(**given, return_last_state=True, implementation=name)
    assert y.shape == (0, 4, 5)
    assert last.shape == (0, 4, 3)
    y.sum().backward()
    assert given["A"].grad is not None
    assert not given["A"].grad.any()


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("u", torch.zeros(2, 4), r"u must have the shape \(b, d, L\), got \(2, 4\)"),
        ("delta", torch.zeros(2, 4, 6), r"delta must have the shape \(2, 4, 5\), got \(2, 4, 6\)"),
        ("A", torch.zeros(3, 3), r"A must have the shape \(4, 3\), got \(3, 3\)"),
        ("A", torch.zeros(4), r"A must have the shape \(d, n\), got \(4,\)"),
        ("B", torch.zeros(2, 5, 3), r"B must have the shape \(2, 3, 5\), got \(2, 5, 3\)"),
        ("B", torch.zeros(2, 5), r"B must have the shape \(b, n, L\) or \(b, g, n, L\), got \(2, 5\)"),
        ("C", torch.zeros(2, 3, 3, 5), r"C's groups must divide d = 4, got 3"),
        ("D", torch.zeros(5), r"D must have the shape \(4,\), got \(5,\)"),
        ("z", torch.zeros(1, 4, 5), r"z must have the shape \(2, 4, 5\), got \(1, 4, 5\)"),
        ("delta_bias", torch.zeros(4, 1), r"delta_bias must have the shape \(4,\)"),
        ("D", torch.zeros(4, dtype=torch.int64), r"D must be float32, .* \(real floating point\), got torch.int64"),
        ("A", torch.zeros(4, 3, dtype=torch.complex64), r"A must be float32, .*got torch.complex64"),
        ("z", torch.zeros(2, 4, 5, device="meta"), r"z must be on u's device cpu, got meta"),
        ("delta", None, r"delta is needed, got None"),
        ("B", [[1.0]], r"B must be a tensor, got list"),
        ("u", torch.zeros(2, 4, 0), r"u must have L of at least 1, got the shape \(2, 4, 0\)"),
        ("A", torch.zeros(4, 0), r"A must have n of at least 1, got the shape \(4, 0\)"),
        ("A", torch.full((4, 3), torch.nan), r"A must hold no NaN, got one at \(0, 0\)"),
    ],
)
def test_wrong_input_is_named(name, wrong, words):
    with pytest.raises(TrainingError, match=words):
        selective_scan(**{**inputs(dtype=torch.float32), name: wrong})


@pytest.mark.parametrize("name", NAMES)
def test_every_implementation_refuses_a_nan_in_A(name):
    A = torch.zeros(4, 3)
    A[2, 1] = torch.nan
    with pytest.raises(TrainingError, match=r"A must hold no NaN, got one at \(2, 1\)"):
        selective_scan(**{**inputs(dtype=torch.float32), "A": A}, implementation=name)


def test_unknown_implementation_lists_the_legal_ones():
    with pytest.raises(ParamsError, match=r"unknown selective scan 'cuda'; legal values: auto, reference, torch"):
        selective_scan(**inputs(), implementation="cuda")


def test_the_environment_overrides_and_says_so(monkeypatch, capsys):
    monkeypatch.setattr("bakeoff.scan.dispatch._said", set())
    monkeypatch.setenv("BAKEOFF_SCAN", "reference")
    assert resolve("torch") == "reference"
    assert "BAKEOFF_SCAN=reference overrides scan.implementation=torch" in capsys.readouterr().err
    resolve("torch")
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("BAKEOFF_SCAN", "fast")
    with pytest.raises(ParamsError, match=r"BAKEOFF_SCAN: unknown selective scan 'fast'"):
        resolve()


def test_auto_is_the_compiled_kernel_where_there_is_one(monkeypatch, capsys):
    monkeypatch.setattr("bakeoff.scan.dispatch._said", set())
    monkeypatch.setattr("bakeoff.scan.compiler.why_unavailable", lambda: None)
    assert resolve("auto", "cpu") == "cpu"
    assert resolve("auto", "mps") == "torch"
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("bakeoff.scan.compiler.why_unavailable", lambda: "no C++ compiler found")
    assert resolve("auto", "cpu") == resolve("auto", "cpu") == "torch"
    assert capsys.readouterr().err.count("the selective scan 'cpu' cannot run here (no C++ compiler found)") == 1


@pytest.mark.parametrize(
    ("name", "device", "words"),
    [
        ("mamba_ssm", "cpu", r"'mamba_ssm' cannot run here: mamba_ssm computes on an NVIDIA GPU, not on cpu"),
        ("cpu", "cuda", r"'cpu' cannot run here: it computes on a CPU, not on cuda"),
        ("mamba_ssm", "cuda", r"'mamba_ssm' cannot run here: the package mamba_ssm is not installed"),
    ],
)
def test_asking_for_one_that_cannot_run_says_why(name, device, words):
    with pytest.raises(ParamsError, match=words):
        resolve(name, device)


def test_more_states_than_a_kernel_holds(monkeypatch):
    given = inputs(d=1, n=70, dtype=torch.float32)
    expected = selective_scan(**given, implementation="torch")
    assert torch.equal(selective_scan(**given), expected)
    monkeypatch.setattr("bakeoff.scan.compiler.why_unavailable", lambda: None)
    with pytest.raises(TrainingError, match="'cpu' takes at most 64 states, got n = 70; use 'torch'"):
        selective_scan(**given, implementation="cpu")
