"""Candidates from transformers, on folders that save_pretrained made here."""

import pytest

torch = pytest.importorskip("torch")
from bakeoff.backbones.classifier import build_classifier, n_trainable, set_mode  # noqa: E402
from bakeoff.backbones.compat import import_transformers  # noqa: E402
from bakeoff.backbones.registry import describe  # noqa: E402
from bakeoff.backbones.weights.fetch import fetch_weights  # noqa: E402
from bakeoff.errors import ParamsError, WeightsError  # noqa: E402
from bakeoff.params import BackboneParams  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def transformers():
    return import_transformers()


@pytest.fixture
def vit_folder(transformers, tmp_path):
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8
    )
    folder = tmp_path / "tiny_vit"
    transformers.ViTForImageClassification(config).save_pretrained(folder)
    transformers.ViTImageProcessor(
        size={"height": 32, "width": 32}, image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.2, 0.1], resample=3
    ).save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n# tiny\n")
    return folder


@pytest.fixture
def resnet_folder(transformers, tmp_path):
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic")
    folder = tmp_path / "tiny_resnet"
    transformers.ResNetForImageClassification(config).save_pretrained(folder)
    transformers.ConvNextImageProcessor(size={"shortest_edge": 64}, crop_pct=0.875).save_pretrained(folder)
    return folder


def described(folder, defaults):
    return describe("mine", {"mine": BackboneParams(source="hf", name=str(folder))}, defaults)


def test_settings_come_from_the_folder(vit_folder, defaults):
    found = described(vit_folder, defaults)
    assert (found.source, found.name, found.weights_id) == ("hf", str(vit_folder), None)
    assert (found.licence_weights, found.commercial_use) == ("CC-BY-NC-4.0", False)
    wanted = found.preprocessing
    assert (wanted.image_size, wanted.crop_pct, wanted.crop_mode, wanted.interpolation) == (
        32,
        1.0,
        "squash",
        "bicubic",
    )
    assert (wanted.mean, wanted.std) == ((0.5, 0.4, 0.3), (0.2, 0.2, 0.1))


def test_vit_features_are_what_its_own_classifier_sees(transformers, vit_folder, defaults, weights_params, tmp_path):
    settings = described(vit_folder, defaults)
    record = fetch_weights(settings, weights_params(), tmp_path / "weights")
    assert (record.source, record.licence, record.commercial_use) == ("folder", "CC-BY-NC-4.0", False)
    classifier, report = build_classifier(settings, n_classes=3, seed=0, weights_dir=tmp_path / "weights")
    assert report.fits
    classifier.eval()
    original = transformers.ViTForImageClassification.from_pretrained(vit_folder).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        tokens = original.vit(images).last_hidden_state
        torch.testing.assert_close(classifier.features(images), tokens[:, 0])
    assert classifier.n_features == 16
    set_mode(classifier, "frozen")
    assert n_trainable(classifier) == 16 * 3 + 3


def test_resnet_is_pooled_to_a_vector(resnet_folder, defaults, weights_params, tmp_path):
    settings = described(resnet_folder, defaults)
    assert (settings.preprocessing.image_size, settings.preprocessing.crop_mode) == (64, "center")
    assert (settings.licence_weights, settings.commercial_use) == ("unknown", None)
    fetch_weights(settings, weights_params(), tmp_path / "weights")
    classifier, _ = build_classifier(settings, n_classes=3, seed=0, weights_dir=tmp_path / "weights")
    assert classifier(torch.randn(2, 3, 64, 64)).shape == (2, 3)
    assert classifier.n_features == 12


def test_missing_weights_are_named(vit_folder, defaults, weights_params, tmp_path):
    from safetensors.torch import load_file, save_file

    settings = described(vit_folder, defaults)
    path = vit_folder / "model.safetensors"
    state = load_file(path)
    dropped = sorted(key for key in state if "layernorm" in key)
    save_file({key: value for key, value in state.items() if key not in dropped}, path, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"do not fill the architecture: \d+ keys are missing, first vit\."):
        fetch_weights(settings, weights_params(), tmp_path / "weights")
    path.unlink()
    with pytest.raises(WeightsError, match=r"no weights for"):
        fetch_weights(settings, weights_params(), tmp_path / "weights")


def test_a_folder_without_a_processor_or_a_model(vit_folder, defaults, tmp_path):
    (vit_folder / "preprocessor_config.json").unlink()
    with pytest.raises(ParamsError, match=r"cannot read the preprocessor of the transformers model .*save_pretrained"):
        described(vit_folder, defaults)
    from bakeoff.backbones.hf import build_hf

    with pytest.raises(ParamsError, match=r"cannot read the configuration of the transformers model"):
        build_hf(str(tmp_path), image_size=32)


def test_remote_code_is_never_run(vit_folder, defaults, tmp_path):
    import json

    config = json.loads((vit_folder / "config.json").read_text())
    config.update(model_type="evil", auto_map={"AutoConfig": "evil.EvilConfig"})
    (vit_folder / "config.json").write_text(json.dumps(config))
    (vit_folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    from bakeoff.backbones.hf import build_hf

    with pytest.raises(ParamsError, match=r"remote code is never run"):
        build_hf(str(vit_folder), image_size=32)
    assert not (tmp_path / "ran").exists()


def test_a_text_model_is_no_image_backbone(transformers, tmp_path):
    from bakeoff.backbones.hf import build_hf

    transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1).save_pretrained(tmp_path)
    with pytest.raises(ParamsError, match=r"cannot build an image backbone from BertConfig"):
        build_hf(str(tmp_path), image_size=32)
