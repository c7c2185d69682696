"""MambaVision on the CPU: forward and backward, the package's traps, published checkpoint layouts."""

import argparse
import sys
from functools import cache

import pytest

torch = pytest.importorskip("torch")
from bakeoff.backbones.classifier import build_classifier, set_mode  # noqa: E402
from bakeoff.backbones.loading import compare, read_checkpoint  # noqa: E402
from bakeoff.backbones.mamba import build_mambavision, default_cfg, import_mambavision  # noqa: E402
from bakeoff.core.errors import ParamsError, WeightsError  # noqa: E402
from bakeoff.core.modes import parse_mode  # noqa: E402
from bakeoff.weights.fetch import fetch_weights, hub_files  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture
def mamba_t(settings):
    return settings(
        model="mamba_t",
        source="mambavision",
        name="mamba_vision_T",
        weights_id="nvidia/MambaVision-T-1K",
        licence_weights="CC-BY-NC-SA-4.0",
        commercial_use=False,
        architecture="MambaVision-T",
    )


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(0)
    return build_mambavision("mamba_vision_T").eval()


def test_importing_leaves_no_stand_in_behind():
    import_mambavision()
    assert "mamba_ssm" not in sys.modules
    assert {"mamba_vision_T", "mamba_vision_S", "mamba_vision_B"} <= set(import_mambavision().default_cfgs)


def test_unknown_names_are_errors():
    with pytest.raises(ParamsError, match=r"unknown MambaVision model 'mamba_vision_X'"):
        default_cfg("mamba_vision_X")


@cache
def without_memory(name):
    """A network's names and shapes alone, built once."""
    linspace = torch.linspace  # the package reads numbers of it while it builds
    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        patch.setattr(torch, "linspace", lambda *given: linspace(*given, device="cpu"))
        return build_mambavision(name, scan="triton")


def test_a_network_for_a_gpu_is_built_before_it_is_moved_there():
    assert without_memory("mamba_vision_T").scan == "triton"


@pytest.mark.slow
def test_both_scans_give_the_same_features_also_with_a_bias(backbone):
    # Fresh models have zero biases in dt_proj, real weights do not; there the bias counts twice.
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        without = backbone(images)
        mixers = [module for name, module in backbone.named_modules() if name.endswith("dt_proj")]
        assert len(mixers) == 6
        for mixer in mixers:
            assert not mixer.bias.any()
            mixer.bias.fill_(0.5)
        with_bias = backbone(images)
        backbone.scan = "reference"
        reference = backbone(images)
        backbone.scan = "auto"
        for mixer in mixers:
            mixer.bias.zero_()
    assert with_bias.shape == (1, backbone.num_features) == (1, 640)
    assert not torch.allclose(without, with_bias)
    torch.testing.assert_close(with_bias, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_finetune_reaches_every_parameter_and_frozen_none(mamba_t):
    classifier = build_classifier(mamba_t, n_classes=3, seed=0, weights_dir=None)
    set_mode(classifier, parse_mode("finetune"))
    classifier.train()
    for module in classifier.modules():
        if type(module).__name__ == "DropPath":
            module.drop_prob = 0.0  # a dropped block has no gradient in this step
    for parameter in classifier.backbone.parameters():
        parameter.data += 0.01  # zero-initialised layers would hide that gradients pass them
    classifier(torch.randn(2, 3, 64, 64)).square().sum().backward()
    assert [name for name, p in classifier.named_parameters() if p.grad is None or not p.grad.any()] == []
    before = {name: value.clone() for name, value in classifier.backbone.state_dict().items()}
    classifier.zero_grad(set_to_none=True)
    set_mode(classifier, parse_mode("frozen"))
    classifier.train()
    classifier(torch.randn(2, 3, 64, 64)).square().sum().backward()
    assert [name for name, p in classifier.backbone.named_parameters() if p.grad is not None] == []
    assert all(torch.equal(value, before[name]) for name, value in classifier.backbone.state_dict().items())


@pytest.fixture(scope="module")
def published(backbone):
    """The network's tensors with a 1000-class head and non-zero step biases, as NVIDIA publishes them."""
    state = {key: value.clone() for key, value in backbone.network.state_dict().items()}
    for key in state:
        if key.endswith("dt_proj.bias"):
            state[key] += 0.25
    return {**state, "head.weight": torch.zeros(1000, 640), "head.bias": torch.zeros(1000)}


def write(path, layout, state):
    if layout == "safetensors":
        from safetensors.torch import save_file

        save_file({f"model.{key}": value for key, value in state.items()}, path)
        return
    wrong = {key: value * 0 for key, value in state.items()}
    arguments = argparse.Namespace(model="mamba_vision_T", lr=0.005)
    content = {
        "pth.tar": {"epoch": 300, "arch": "mamba_vision_T", "state_dict": state, "args": arguments},
        "ema.pth.tar": {"state_dict": wrong, "state_dict_ema": state, "args": arguments},
        "pth": {f"module.{key}": value for key, value in state.items()},
    }[layout]
    torch.save(content, path)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["safetensors", "pth.tar", "ema.pth.tar", "pth"])
def test_published_layouts_load_strictly(layout, published, mamba_t, weights_params, tmp_path):
    suffix = layout.removeprefix("ema.")
    folder = tmp_path / "mine"
    folder.mkdir()
    write(folder / f"mamba_t.{suffix}", layout, published)
    out = tmp_path / "weights" / "mamba_t"
    record = fetch_weights(mamba_t, weights_params(folder=str(folder)), out)
    assert (record.source, record.url_or_id, record.commercial_use) == ("folder", f"mamba_t.{suffix}", False)
    classifier = build_classifier(mamba_t, n_classes=3, seed=0, weights_dir=out)
    loaded = classifier.backbone.network.state_dict()
    assert set(read_checkpoint(out / record.file)) == set(loaded) == set(published) - {"head.weight", "head.bias"}
    assert all(torch.equal(value, published[key]) for key, value in loaded.items())


@pytest.mark.slow
def test_another_architecture_is_refused_with_counts(published, mamba_t, settings, weights_params, tmp_path):
    torch.save({"state_dict": published}, tmp_path / "mamba_s.pth.tar")
    mamba_s = mamba_t.model_copy(update={"model": "mamba_s", "name": "mamba_vision_S", "architecture": "MambaVision-S"})
    out = tmp_path / "weights"
    with pytest.raises(
        WeightsError, match=r"another architecture than MambaVision-S: \d+ missing \(levels.*of another shape \("
    ):
        fetch_weights(mamba_s, weights_params(folder=str(tmp_path)), out)
    assert not (out / "record.json").exists()


def test_hub_files_are_those_nvidia_publishes(mamba_t):
    assert hub_files(mamba_t) == ("model.safetensors", "mambavision_tiny_1k.pth.tar")


@pytest.mark.parametrize(
    "name",
    [
        *("T", "S", "L3_512_21k"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("T2", "B", "B_21k", "L", "L_21k", "L2", "L2_512_21k", "L3_256_21k")
        ),
    ],
)
@pytest.mark.parametrize("layout", ["hub", "pth.tar"])
def test_the_layout_of_every_published_network_is_its_own(name, layout, tmp_path):
    """Names and shapes alone: tensors of one stored number each, networks without memory."""
    backbone = without_memory(f"mamba_vision_{name}")
    n_classes = 21841 if "21k" in name else 1000
    shapes = {key: value.shape for key, value in backbone.network.state_dict().items()}
    shapes |= {"head.weight": (n_classes, backbone.num_features), "head.bias": (n_classes,)}
    state = {key: (torch.zeros(1).expand(shape) if shape else torch.zeros(())) for key, shape in shapes.items()}
    path = tmp_path / "model.pth"
    if layout == "hub":
        torch.save({f"model.{key}": value for key, value in state.items()}, path)
    else:
        torch.save({"state_dict": state, "args": argparse.Namespace(lr=0.1), "epoch": 1}, path)
    report = compare(backbone, read_checkpoint(path), ("head",))
    assert report.fits
    assert report.dropped == ["head.bias", "head.weight"]
    other = "mamba_vision_S" if name != "S" else "mamba_vision_T"
    assert not compare(without_memory(other), read_checkpoint(path), ("head",)).fits
