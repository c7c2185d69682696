"""The scan against numbers worked out by hand, against NumPy, and both implementations against each other."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from bakeoff.errors import ParamsError, TrainingError  # noqa: E402
from bakeoff.scan.dispatch import implementations, resolve, selective_scan, use  # noqa: E402

pytestmark = pytest.mark.torch
NAMES = implementations()


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
def test_both_implementations_agree_forward_and_backward(length):
    results = []
    for name in NAMES:
        given = {
            key: value.requires_grad_() for key, value in inputs(d=6, n=8, length=length, dtype=torch.float32).items()
        }
        y = selective_scan(**given, delta_softplus=True, implementation=name)
        y.square().sum().backward()
        results.append([y.detach(), *(value.grad for value in given.values())])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


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
def test_an_empty_sequence_gives_an_empty_output(name):
    y, last = selective_scan(**inputs(length=0), return_last_state=True, implementation=name)
    assert y.shape == (2, 4, 0)
    assert not last.any()


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
        ("D", torch.zeros(4, dtype=torch.int64), r"D must be real floating point, got torch.int64"),
        ("A", torch.zeros(4, 3, dtype=torch.complex64), r"A must be real floating point, got torch.complex64"),
        ("z", torch.zeros(2, 4, 5, device="meta"), r"z must be on u's device cpu, got meta"),
        ("delta", None, r"delta is needed, got None"),
    ],
)
def test_wrong_input_is_named(name, wrong, words):
    with pytest.raises(TrainingError, match=words):
        selective_scan(**{**inputs(dtype=torch.float32), name: wrong})


def test_unknown_implementation_lists_the_legal_ones():
    with pytest.raises(ParamsError, match=r"unknown selective scan 'cuda'; legal values: auto, reference, torch"):
        selective_scan(**inputs(), implementation="cuda")


def test_the_environment_overrides_and_says_so(monkeypatch, capsys):
    monkeypatch.setattr("bakeoff.scan.dispatch._logged", set())
    assert resolve("auto") == "torch"
    monkeypatch.setenv("BAKEOFF_SCAN", "reference")
    assert resolve("torch") == "reference"
    assert "BAKEOFF_SCAN=reference overrides scan.implementation=torch" in capsys.readouterr().err
    resolve("torch")
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("BAKEOFF_SCAN", "fast")
    with pytest.raises(ParamsError, match=r"BAKEOFF_SCAN: unknown selective scan 'fast'"):
        resolve()


def test_use_decides_for_calls_inside_the_block_only(monkeypatch):
    called = []
    from bakeoff.scan import dispatch, reference

    monkeypatch.setitem(dispatch.IMPLEMENTATIONS, "reference", lambda given: called.append(1) or reference.scan(given))
    with use("reference"):
        selective_scan(**inputs())
    selective_scan(**inputs())
    assert called == [1]
