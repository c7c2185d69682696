"""Numerical care: errors against float64, long sequences, large steps, mixed types."""

import pytest

torch = pytest.importorskip("torch")
from bakeoff.scan.dispatch import selective_scan, why_unavailable  # noqa: E402

pytestmark = pytest.mark.torch
NAMES = [name for name in ("reference", "torch", "cpu") if why_unavailable(name) is None]


def inputs(b=2, d=16, n=8, length=196, *, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator).to(dtype)

    return {
        "u": draw(b, d, length),
        "delta": draw(b, length, d).mT,
        "A": -draw(d, n).float().exp(),
        "B": draw(b, n, length),
        "C": draw(b, n, length),
        "D": draw(d).float(),
        "delta_bias": draw(d).float(),
    }


def relative_errors(given, name):
    """Largest error over largest value of y and every gradient, against the reference in float64."""
    results = []
    for dtype, implementation in ((None, name), (torch.float64, "reference")):
        tensors = {k: (v.detach() if dtype is None else v.detach().double()).requires_grad_() for k, v in given.items()}
        y = selective_scan(**tensors, delta_softplus=True, implementation=implementation)
        weights = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).view(y.shape)
        (y.double() * weights).sum().backward()
        results.append([y.detach().double(), *(tensor.grad.double() for tensor in tensors.values())])
    return [float((one - exact).abs().max() / exact.abs().max()) for one, exact in zip(*results, strict=True)]


@pytest.mark.parametrize(
    ("name", "length"),
    [(name, 196) for name in NAMES] + [pytest.param(name, 4096, marks=pytest.mark.slow) for name in NAMES[1:]],
)
def test_float32_errors_stay_at_rounding(name, length):
    assert max(relative_errors(inputs(d=5, length=length), name)) < 5e-6


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_inputs_lose_only_their_own_rounding(name):
    given = inputs()
    low = {key: value.bfloat16() if key in ("u", "delta", "B", "C") else value for key, value in given.items()}
    errors = relative_errors(low, name)
    assert max(errors) < 2**-7  # results are rounded to 8 bits; the state is float32


@pytest.mark.parametrize("name", NAMES)
def test_float16_is_taken_as_well(name):
    given = {k: v.half() if k in ("u", "delta", "B", "C") else v for k, v in inputs(length=20).items()}
    assert selective_scan(**given, delta_softplus=True, implementation=name).dtype == torch.float16
    assert max(relative_errors(given, name)) < 2**-9


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_large_steps_forget_the_past_and_overflow_nothing(name, size):
    given = inputs(length=300)
    given["delta"] = given["delta"].abs() * size + size
    given["A"] = given["A"] - 1
    given["B"] = given["B"] / size
    tensors = {key: value.requires_grad_() for key, value in given.items()}
    y = selective_scan(**tensors, delta_softplus=True, implementation=name)
    y.sum().backward()
    assert torch.isfinite(y).all()
    assert all(torch.isfinite(tensor.grad).all() for tensor in tensors.values())
    step = given["delta"] + given["delta_bias"][:, None]  # softplus is the identity there
    drive = step * given["u"] * (given["B"] * given["C"]).sum(1, keepdim=True)
    torch.testing.assert_close(y, drive + given["D"][:, None] * given["u"], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_growing_state_overflows_to_infinity_and_nan_stays_nan(name):
    ones = torch.ones(1, 1, 200)
    y = selective_scan(ones, ones, torch.ones(1, 1), ones, ones, implementation=name)
    assert y[0, 0, 50].item() == pytest.approx(sum(torch.e**k for k in range(51)), rel=1e-4)
    assert torch.isinf(y[0, 0, -1])
    u = ones.clone()
    u[0, 0, 7] = torch.nan
    y = selective_scan(u, ones, -ones[0, :, :1], ones, ones, implementation=name)
    assert torch.isfinite(y[..., :7]).all()
    assert torch.isnan(y[..., 7:]).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("d", "n"), [(1, 1), (3, 64), (392, 8), (17, 16), (33, 5)])
def test_every_width_and_number_of_states(name, d, n):
    assert max(relative_errors(inputs(b=1, d=d, n=n, length=37), name)) < 5e-6


@pytest.mark.parametrize("name", NAMES)
def test_any_strides(name):
    given = inputs(b=3, d=16, length=40)
    strange = dict(given)
    strange["u"] = torch.stack([given["u"], given["u"]], dim=-1)[..., 0]
    strange["delta"] = given["delta"].contiguous().flip(2).flip(2)
    strange["B"] = given["B"].transpose(0, 2).contiguous().transpose(0, 2)
    strange["C"] = given["C"][:1].expand(3, -1, -1)
    strange["D"] = given["D"][:1].expand(16)
    strange["delta_bias"] = torch.stack([given["delta_bias"]] * 2, dim=1)[:, 1]
    plain = {key: value.contiguous() for key, value in strange.items()}
    assert not any(strange[key].is_contiguous() for key in ("u", "B", "C", "D", "delta_bias"))
    one = selective_scan(**strange, delta_softplus=True, implementation=name)
    torch.testing.assert_close(one, selective_scan(**plain, delta_softplus=True, implementation=name))
