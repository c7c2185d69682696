"""Candidates from transformers, on folders that save_pretrained made here."""

import json
import re

import pytest

torch = pytest.importorskip("torch")
from hf_models import MODELS, WIDTHS, save_model  # noqa: E402

from bakeoff.backbones.candidates import check_forward  # noqa: E402
from bakeoff.backbones.classifier import build_classifier, n_parameters, set_mode  # noqa: E402
from bakeoff.backbones.compat import import_transformers  # noqa: E402
from bakeoff.backbones.hf import build_hf, load_hf  # noqa: E402
from bakeoff.backbones.params import BackboneParams  # noqa: E402
from bakeoff.backbones.registry import describe  # noqa: E402
from bakeoff.core.errors import ParamsError, WeightsError  # noqa: E402
from bakeoff.core.modes import parse_mode  # noqa: E402
from bakeoff.weights.fetch import fetch_weights  # noqa: E402

pytestmark = pytest.mark.torch
NORM = re.compile(r"norm1|norm_before")
HEADS = {  # what the published class has beyond the backbone
    "vit": ["classifier.bias", "classifier.weight"],
    "vit_in21k": ["pooler.dense.bias", "pooler.dense.weight"],
    "resnet": ["classifier.1.bias", "classifier.1.weight"],
    "deit": [f"{name}_classifier.{part}" for name in ("cls", "distillation") for part in ("bias", "weight")],
    "swiftformer": [f"{name}.{part}" for name in ("dist_head", "head") for part in ("bias", "weight")],
    "segformer": ["classifier.bias", "classifier.weight"],
    "pp_lcnet": ["head.bias", "head.weight"],
    "clip_vision": [],
    "dinov2_backbone": [],
}


@pytest.fixture(scope="module")
def transformers():
    torch.set_num_threads(1)
    return import_transformers()


@pytest.fixture
def model_folder(transformers, tmp_path):
    def make(name, **options):
        return tmp_path / name, save_model(transformers, tmp_path / name, name, **options)

    return make


@pytest.fixture
def images():
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def described(folder, defaults):
    return describe("mine", {"mine": BackboneParams(source="hf", name=str(folder))}, defaults)


def edit_state(folder, change):
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def test_settings_come_from_the_folder(model_folder, defaults):
    folder, _ = model_folder("vit", licence="cc-by-nc-4.0")
    found = described(folder, defaults)
    assert (found.source, found.name, found.weights_id) == ("hf", str(folder), None)
    assert (found.licence_weights, found.commercial_use) == ("CC-BY-NC-4.0", False)
    wanted = found.preprocessing
    assert (wanted.image_size, wanted.crop_pct, wanted.crop_mode, wanted.interpolation) == (32, 1, "squash", "bilinear")
    assert wanted.mean == pytest.approx((0.5, 0.4, 0.3), rel=1e-12)
    assert wanted.std == pytest.approx((0.2, 0.2, 0.1), rel=1e-12)


@pytest.mark.parametrize("head", [b"license: [mit", b"- mit", b"license: caf\xe9"])
def test_a_model_card_that_cannot_be_read_is_named(head, model_folder, defaults):
    folder, _ = model_folder("vit")
    (folder / "README.md").write_bytes(b"---\n" + head + b"\n---\n")
    with pytest.raises(ParamsError, match=r"README\.md: its head between two lines --- is not YAML of keys and values"):
        described(folder, defaults)


@pytest.mark.parametrize("name", MODELS)
def test_a_whole_candidate(name, model_folder, images, defaults, weights_params, tmp_path):
    folder, _ = model_folder(name)
    settings = described(folder, defaults)
    assert (settings.licence_weights, settings.commercial_use) == ("unknown", None)
    record = fetch_weights(settings, weights_params(policy="require"), tmp_path / "weights")
    assert (record.source, set(record.network_files)) == ("folder", {"config.json", "preprocessor_config.json"})
    classifier = build_classifier(settings, n_classes=3, seed=0, weights_dir=tmp_path / "weights")
    assert classifier.n_features == WIDTHS[name]
    assert {parameter.dtype for parameter in classifier.parameters()} == {torch.float32}
    for mode in ("frozen", "finetune"):
        set_mode(classifier, parse_mode(mode))
        classifier.train()
        classifier.zero_grad()
        assert classifier(images).shape == (3, 3)
        classifier(images).square().sum().backward()
        learns = [part.grad is not None and bool(part.grad.any()) for part in classifier.backbone.parameters()]
        assert any(learns) == (mode == "finetune")
        assert all(part.grad is not None and part.grad.any() for part in classifier.head.parameters())
    set_mode(classifier, parse_mode("frozen"))
    assert n_parameters(classifier, trainable_only=True) == 3 * WIDTHS[name] + 3
    state = {key: value.clone() for key, value in classifier.backbone.state_dict().items()}
    classifier.train()
    classifier(images)
    assert all(torch.equal(value, state[key]) for key, value in classifier.backbone.state_dict().items())


@pytest.mark.parametrize("name", HEADS)
def test_only_what_lies_beyond_the_backbone_is_left_out(name, model_folder):
    folder, _ = model_folder(name)
    for weights in (folder, folder / "model.safetensors"):
        backbone, report = load_hf(folder, weights, image_size=32)
        assert report.fits
        assert report.dropped == HEADS[name]
        assert isinstance(backbone, torch.nn.Module)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("vit", "classifier"),
        ("swin", "classifier"),
        ("convnext", "classifier"),
        ("resnet", "classifier.1"),
        ("dinov2", "classifier"),
        ("swiftformer", "head"),
        ("segformer", "classifier"),
        ("pp_lcnet", "head"),
    ],
)
def test_features_are_what_its_own_classifier_sees(name, layer, model_folder, images):
    folder, original = model_folder(name)
    seen = []
    original.get_submodule(layer).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    backbone, _ = load_hf(folder, folder, image_size=32)
    with torch.no_grad():
        original(images)
        torch.testing.assert_close(backbone.eval()(images), seen[0].reshape(3, -1))


def test_a_backbones_features_are_the_mean_of_its_last_map(model_folder, images):
    folder, original = model_folder("convnext_backbone")
    backbone, _ = load_hf(folder, folder, image_size=32)
    assert type(backbone.network).__name__ == "ConvNextBackbone"
    with torch.no_grad():
        torch.testing.assert_close(backbone.eval()(images), original(images).feature_maps[-1].mean(dim=(2, 3)))


def test_a_plain_models_features_are_its_poolers(model_folder, images):
    folder, original = model_folder("clip_vision")
    backbone, _ = load_hf(folder, folder, image_size=32)
    with torch.no_grad():
        torch.testing.assert_close(backbone.eval()(images), original(images).pooler_output)


@pytest.mark.parametrize("name", ["vit", "dinov2_backbone", "clip_vision"])
def test_a_key_too_few_or_too_many_or_of_another_shape_is_named(name, model_folder):
    folder, _ = model_folder(name)
    edit_state(folder, lambda state: {key: value for key, value in state.items() if not NORM.search(key)})
    with pytest.raises(WeightsError, match=r"do not fit the architecture of .*config\.json: \d+ missing \(.*norm"):
        load_hf(folder, folder, image_size=32)
    folder, _ = model_folder(name)
    edit_state(folder, lambda state: state | {"adapter.weight": torch.zeros(2, 2)})
    with pytest.raises(WeightsError, match=r"1 unexpected \(adapter\.weight\)"):
        load_hf(folder, folder, image_size=32)
    folder, _ = model_folder(name)
    edit_state(
        folder,
        lambda state: {
            key: value[..., :1].clone() if "patch" in key and value.ndim == 4 else value for key, value in state.items()
        },
    )
    with pytest.raises(WeightsError, match=r"1 of another shape \(.*patch_embedding"):
        load_hf(folder, folder, image_size=32)


def test_a_folder_without_weights(model_folder):
    folder, _ = model_folder("vit")
    (folder / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"no weights for ViTConfig in .*vit"):
        load_hf(folder, folder, image_size=32)


def test_a_checkpoint_in_shards(model_folder, images):
    folder, original = model_folder("vit")
    (folder / "model.safetensors").unlink()
    original.save_pretrained(folder, max_shard_size="5KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    backbone, report = load_hf(folder, folder, image_size=32)
    assert report.fits
    with torch.no_grad():
        torch.testing.assert_close(backbone.eval()(images), original.vit(images).last_hidden_state[:, 0])


def test_half_precision_checkpoints_become_float32(model_folder, images):
    folder, _ = model_folder("vit")
    edit_state(folder, lambda state: {key: value.half() for key, value in state.items()})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"dtype": "float16"}))
    for backbone in (load_hf(folder, folder, image_size=32)[0], build_hf(folder, image_size=32)[0]):
        assert backbone(images).dtype == torch.float32


def test_another_size_than_the_networks_is_refused(model_folder):
    folder, _ = model_folder("vit")
    with pytest.raises(ParamsError, match=r"gives no features of photos of 64 px: .*leave image_size null.*\(32 px\)"):
        build_hf(folder, image_size=64)


def test_the_study_refuses_another_size_than_the_networks(model_folder, defaults):
    folder, _ = model_folder("vit")
    check_forward(described(folder, defaults))
    with pytest.raises(ParamsError, match=r"gives no features of photos of 64 px: .*leave image_size null"):
        check_forward(described(folder, defaults.model_copy(update={"image_size": 64})))


def test_a_folder_without_a_processor_or_a_config(model_folder, defaults, tmp_path):
    folder, _ = model_folder("vit")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(
        ParamsError, match=r"cannot read the image processor of the transformers model .*save_pretrained"
    ):
        described(folder, defaults)
    with pytest.raises(WeightsError, match=r"config\.json is missing and a transformers network is built from it"):
        build_hf(tmp_path, image_size=32)


def test_remote_code_is_never_run(model_folder, tmp_path):
    folder, _ = model_folder("vit")
    config = json.loads((folder / "config.json").read_text())
    config.update(model_type="evil", auto_map={"AutoConfig": "evil.EvilConfig"})
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ParamsError, match=r"(?i)remote code is never run"):
        build_hf(folder, image_size=32)
    assert not (tmp_path / "ran").exists()


def test_no_attention_kernel_is_fetched(model_folder):
    folder, _ = model_folder("vit")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"attn_implementation": "evil/kernel"}))
    assert build_hf(folder, image_size=32)[0].network.config._attn_implementation in ("sdpa", "eager")


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (
            "BertConfig",
            {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1},
            "image backbone from BertConfig",
        ),
        (
            "ViTMAEConfig",
            {"image_size": 32, "patch_size": 8, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
            "hides patches at random",
        ),
        (
            "TimmWrapperConfig",
            {"architecture": "resnet18"},
            r"timm's resnet18 wrapped by transformers; give it with source: timm",
        ),
    ],
)
def test_what_is_no_image_backbone(transformers, kind, values, message, tmp_path):
    getattr(transformers, kind)(**values).save_pretrained(tmp_path)
    with pytest.raises(ParamsError, match=message):
        build_hf(tmp_path, image_size=32)
