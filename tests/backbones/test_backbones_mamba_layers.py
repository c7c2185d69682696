"""MambaVision's layers against the package's own, against NumPy, and in the forms that people deploy."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from bakeoff.backbones.mamba import build_mambavision, import_mambavision, mix  # noqa: E402
from bakeoff.scan.dispatch import why_unavailable  # noqa: E402

pytestmark = pytest.mark.torch
SCAN = "cpu" if why_unavailable("cpu") is None else "torch"


def trained(name="mamba_vision_T", scan=SCAN):
    """A network whose every parameter is off its start: fresh ones have zero biases, which hide mistakes."""
    torch.manual_seed(0)
    backbone = build_mambavision(name, scan=scan).eval()
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return backbone


@pytest.fixture(scope="module")
def backbone():
    return trained()


def numpy_mixer(mixer, tokens):
    """The published mixer, one number at a time in float64: note the bias of dt_proj, which counts twice."""
    get = {key: value.double().numpy() for key, value in mixer.state_dict().items()}
    d, n, rank = len(get["D"]), mixer.d_state, mixer.dt_rank

    def silu(values):
        return values / (1 + np.exp(-values))

    def convolved(values, weight):  # (L, d), (d, 1, 3): zero-padded, centred
        padded = np.pad(values, ((1, 1), (0, 0)))
        return silu(sum(padded[k : k + len(values)] * weight[:, 0, k] for k in range(3)))

    outputs = []
    for sequence in tokens.double().numpy():
        inner = sequence @ get["in_proj.weight"].T
        x = convolved(inner[:, :d], get["conv1d_x.weight"])
        z = convolved(inner[:, d:], get["conv1d_z.weight"])
        projected = x @ get["x_proj.weight"].T
        step = projected[:, :rank] @ get["dt_proj.weight"].T + get["dt_proj.bias"]
        step = np.log1p(np.exp(step + get["dt_proj.bias"]))
        B, C = projected[:, rank : rank + n], projected[:, rank + n :]
        A = -np.exp(get["A_log"])
        y = np.zeros_like(x)
        for channel in range(d):
            h = np.zeros(n)
            for t in range(len(sequence)):
                h = np.exp(step[t, channel] * A[channel]) * h + step[t, channel] * B[t] * x[t, channel]
                y[t, channel] = C[t] @ h + get["D"][channel] * x[t, channel]
        outputs.append(np.concatenate([y, z], axis=1) @ get["out_proj.weight"].T)
    return np.stack(outputs)


@pytest.mark.parametrize("scan", sorted({"reference", "torch", SCAN}))
def test_the_mixer_is_the_published_function_with_its_bias_twice(backbone, scan, monkeypatch):
    mixer = next(module for module in backbone.modules() if type(module).__name__ == "MambaVisionMixer")
    tokens = torch.randn(2, 9, mixer.d_model, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        mixer.dt_proj.bias.add_(0.5)
        expected = numpy_mixer(mixer, tokens)
        ours = mix(mixer, tokens, scan)
        with monkeypatch.context() as patch:
            patch.setenv("BAKEOFF_SCAN", "reference")
            theirs = mixer(tokens)  # the package's own forward
        mixer.dt_proj.bias.zero_()
        without = mix(mixer, tokens, scan)
        mixer.dt_proj.bias.add_(0.5)
    scale = np.abs(expected).max()
    assert np.abs(ours.numpy() - expected).max() < 1e-5 * scale
    assert np.abs(theirs.numpy() - expected).max() < 1e-5 * scale
    assert np.abs(without.numpy() - expected).max() > 1e-3 * scale


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), [("mamba_vision_T", 224), ("mamba_vision_T", 150), ("mamba_vision_B", 160)])
def test_features_equal_the_package_at_any_size(name, size, monkeypatch):
    monkeypatch.setenv("BAKEOFF_SCAN", "torch")
    backbone = trained(name)
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(backbone(images), backbone.network.forward_features(images), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "width"), [("mamba_vision_T", 80), ("mamba_vision_S", 96), ("mamba_vision_B", 128)])
def test_stage_maps_and_every_form_of_the_network_agree(name, width):
    """channels_last, torch.compile and bfloat16 autocast against plain float32."""
    torch._dynamo.reset()  # what it knows of another network's shapes makes them symbols: ten times slower
    backbone, size = trained(name), 224
    images = torch.rand(1, 3, size, size)
    with torch.no_grad():
        maps = backbone.forward_stages(images)
        assert [tuple(stage.shape) for stage in maps] == [
            (1, width * 2**i, size // 4 // 2**i, size // 4 // 2**i) for i in range(4)
        ]
        pooled = backbone(images)
        scale = pooled.abs().max()
        expected = backbone.network.norm(maps[-1]).mean((2, 3))
        torch.testing.assert_close(pooled, expected, rtol=1e-4, atol=1e-5)
        last = backbone.to(memory_format=torch.channels_last)(images.to(memory_format=torch.channels_last))
        assert (last - pooled).abs().max() < 1e-5 * scale
        compiled = torch.compile(backbone, fullgraph=True, backend="aot_eager")(images)
        assert (compiled - pooled).abs().max() < 1e-5 * scale
        with torch.autocast("cpu", dtype=torch.bfloat16):
            low = backbone(images)
        assert (low.float() - pooled).abs().max() < 3e-2 * scale


@pytest.mark.slow
def test_gradients_equal_the_package(monkeypatch):
    monkeypatch.setenv("BAKEOFF_SCAN", "torch")
    backbone = trained()
    results = []
    images = torch.rand(2, 3, 96, 96)
    for forward in (backbone, backbone.network.forward_features):
        backbone.zero_grad(set_to_none=True)
        forward(images).square().sum().backward()
        results.append({name: p.grad.clone() for name, p in backbone.named_parameters() if p.grad is not None})
    assert results[0].keys() == results[1].keys()
    for name, one in results[0].items():
        other = results[1][name]
        assert (one - other).abs().max() <= 1e-3 * other.abs().max() + 1e-7, name


def test_the_package_keeps_working_by_itself(backbone):
    assert import_mambavision().selective_scan_fn.__module__ == "bakeoff.scan.dispatch"
