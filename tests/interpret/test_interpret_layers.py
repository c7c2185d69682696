"""The last map of every network in conf/model, and what vision transformers attend to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("torch")

import torch
from small_networks import N_CLASSES, photo_classifier, settings

from backbones.hf_models import MODELS, save_model
from bakeoff.backbones.classifier import Classifier, build_classifier
from bakeoff.backbones.compat import import_timm, import_transformers
from bakeoff.backbones.hf import build_hf
from bakeoff.interpret.layers import attention, feature_map
from bakeoff.interpret.subject import NotExplainable

pytestmark = pytest.mark.torch
CONF = Path(__file__).resolve().parents[2] / "conf" / "model"
GROUPS = ("all", "modern", "food101", "rakuten_images")
SIDES = {"dinov2": 112, "tf_efficientnet_lite": 224}  # px; the others 128
TABLE = {  # channels, side
    "convnext_t": (768, 4),
    "convnextv2_t": (768, 4),
    "densenet121": (1024, 4),
    "dinov2_b": (768, 8),
    "dinov2_s": (384, 8),
    "efficientnet_b0": (1280, 4),
    "efficientnet_b3": (1536, 4),
    "efficientnetv2_s": (1280, 4),
    "mamba_b": (1024, 4),
    "mamba_s": (768, 4),
    "mamba_t": (640, 4),
    "mamba_t2": (640, 4),
    "mobilenetv2": (1280, 4),
    "mobilenetv3_large": (960, 4),
    "mobilevitv2": (512, 4),
    "plain_cnn": (256, 6),
    "resnet101": (2048, 4),
    "resnet18": (512, 4),
    "resnet50": (2048, 4),
    "siglip_b": (768, 8),
    "swin_t": (768, 4),
    "tf_efficientnet_lite0": (1280, 7),
    "tf_efficientnet_lite1": (1280, 7),
    "tf_efficientnet_lite2": (1280, 7),
    "vgg16": (512, 4),
    "vit_b16": (768, 8),
}
QUICK = {
    "dinov2_s",
    "mamba_t",
    "mobilenetv3_large",
    "mobilevitv2",
    "plain_cnn",
    "resnet18",
    "swin_t",
    "tf_efficientnet_lite0",
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


def network(name, side, source="timm"):
    classifier = build_classifier(
        settings(side, name=name, source=source), n_classes=N_CLASSES, seed=0, weights_dir=None
    )
    return photo_classifier(classifier, side)


def of_conf(name):
    entry = yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))["backbones"][name]
    side = next((side for start, side in SIDES.items() if name.startswith(start)), 128)
    return network(entry["name"], side, entry.get("source", "timm")), photos(side)


def photos(side):
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))


def check_map(module, batch, shape):
    """Its shape, the logits, a gradient at every place, and that the map lies as the photo does."""
    logits, found = feature_map(module, batch)
    assert found.shape == (len(batch), *shape)
    with torch.no_grad():
        torch.testing.assert_close(logits.detach(), module(batch), atol=1e-5, rtol=1e-4)
    (slopes,) = torch.autograd.grad(logits[:, 1].sum(), found)
    assert (slopes.abs().sum(dim=1) > 0).all()
    assert not slopes.isnan().any()
    changed, size = batch.clone(), batch.shape[3] // 4
    changed[:, :, :size, -size:] = 1 - changed[:, :, :size, -size:].round()
    moved = (feature_map(module, changed)[1] - found).detach().norm(dim=1).mean(dim=0)
    half = shape[1] // 2
    top_right = moved[:half, -half:].mean()
    assert top_right > max(part.mean() for part in (moved[:half, :half], moved[-half:, :half], moved[-half:, -half:]))


def test_the_table_has_every_network_of_conf():
    assert set(TABLE) == {path.stem for path in CONF.glob("*.yaml")} - set(GROUPS)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in TABLE]
)
def test_the_last_map_of(name):
    module, batch = of_conf(name)
    channels, side = TABLE[name]
    check_map(module, batch, (channels, side, side))


@pytest.fixture(scope="module")
def hf(tmp_path_factory):
    def build(name):
        folder = tmp_path_factory.mktemp(name)
        save_model(import_transformers(), folder, name)
        backbone, width = build_hf(folder, image_size=32)
        torch.manual_seed(0)
        return photo_classifier(Classifier(backbone, torch.nn.Linear(width, N_CLASSES), width), 32)

    return build


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"swiftformer", "pp_lcnet", "swin_backbone"}))
def test_the_last_map_of_transformers_networks(hf, name):
    module, side = hf(name), 8 if name == "segformer" else 4
    check_map(module, photos(32), (16 if module.classifier.n_features > 12 else 12, side, side))


@pytest.mark.parametrize("name", ["vit", "dinov2"])
def test_the_hidden_state_is_the_last_whose_every_place_counts(hf, name):
    """In the ViT the class token alone is read behind the last block; DINOv2's classifier reads the patches too."""
    module = hf(name)
    with torch.no_grad():
        states = module.classifier.backbone.network(photos(32), output_hidden_states=True).hidden_states
    found = feature_map(module, photos(32))[1].detach().flatten(2).mT
    expected = states[-2 if name == "vit" else -1][:, 1:]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "name", ["vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224", "vit_small_patch16_dinov3"]
)
def test_the_prefix_is_no_part_of_the_map(name):
    check_map(network(name, 128), photos(128), (384 if "small" in name else 192, 8, 8))


def test_no_graph_is_kept_before_the_map_and_none_is_left_behind():
    module = network("resnet18", 64)
    with torch.no_grad():
        logits, found = feature_map(module, photos(64))
        assert not torch.is_grad_enabled()
    assert found.is_leaf
    assert logits.requires_grad
    assert torch.is_grad_enabled()
    assert not module(photos(64)).requires_grad  # no hook stayed


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("crossvit_9_240", "CrossVit: its last layer gives neither one map nor one row of tokens"),
        ("twins_pcpvt_small", "Twins: it does not tell where its last map is"),
    ],
)
def test_a_network_without_a_last_map_is_told(name, words):
    side = import_timm().models.get_pretrained_cfg(name).input_size[-1]
    module = network(name, side)
    with pytest.raises(NotExplainable, match=words):
        feature_map(module, photos(side))
    assert module(photos(side)).shape == (2, N_CLASSES)


def test_a_transformers_network_without_a_last_map_is_told(hf):
    with pytest.raises(NotExplainable, match="SwinBackbone: it shows no hidden state that its features are computed"):
        feature_map(hf("swin_backbone"), photos(32))


@pytest.mark.parametrize(
    ("name", "blocks", "tokens"),
    [
        ("vit_tiny_patch16_224", 12, 1 + 16),
        ("deit_tiny_distilled_patch16_224", 12, 2 + 16),
        ("vit_small_patch16_dinov3", 12, 5 + 16),
        ("vit_small_patch14_reg4_dinov2", 12, 5 + 16),
        ("eva02_tiny_patch14_224", 12, 1 + 16),
    ],
)
def test_attention_of_vision_transformers(name, blocks, tokens):
    side = 56 if "patch14" in name else 64
    module = network(name, side)
    backbone: Any = module.classifier.backbone
    with torch.no_grad():
        fused = module(photos(side))
    assert all(block.attn.fused_attn for block in backbone.blocks)
    found, read = attention(module, photos(side))
    prefix = backbone.num_prefix_tokens
    torch.testing.assert_close(read.sum(dim=1), torch.ones(2))
    if backbone.global_pool == "token":
        assert read[:, 0].min() > 0.3  # a distilled network reads its second token too
        assert not read[:, prefix:].any()
    else:
        assert backbone.global_pool == "avg"
        assert not read[:, :prefix].any()
        assert read[:, prefix:].min() > 0
    assert found.shape == (2, blocks, tokens, tokens)
    torch.testing.assert_close(found.sum(dim=3), torch.ones(2, blocks, tokens))
    assert found.min() > 0
    assert all(block.attn.fused_attn for block in backbone.blocks)
    for block in backbone.blocks:
        block.attn.fused_attn = False
    with torch.no_grad():
        torch.testing.assert_close(module(photos(side)), fused, atol=1e-5, rtol=1e-4)


def test_attention_of_the_first_block_by_hand():
    module = network("vit_tiny_patch16_224", 64)
    backbone: Any = module.classifier.backbone
    with torch.no_grad():
        tokens = backbone.blocks[0].norm1(backbone._pos_embed(backbone.patch_embed(photos(64))))
        query, key, _ = backbone.blocks[0].attn.qkv(tokens).unflatten(2, (3, 3, 64)).permute(2, 0, 3, 1, 4)
        expected = (query @ key.mT / 8).softmax(dim=3).mean(dim=1)  # 3 heads of 64 channels
    torch.testing.assert_close(attention(module, photos(64))[0][:, 0], expected)


@pytest.mark.parametrize(
    ("name", "tokens", "n_read"),  # DeiT reads its distillation token too, DINOv2 also the mean patch
    [("vit", 17, 1), ("dinov2", 17, 17), ("deit", 18, 2), ("clip_vision", 17, 1)],
)
def test_attention_of_transformers_networks(hf, name, tokens, n_read):
    module = hf(name)
    config = module.classifier.backbone.network.config
    with torch.no_grad():
        fused = module(photos(32))
    assert config._attn_implementation == "sdpa"
    found, read = attention(module, photos(32))
    assert (read > 0).sum(dim=1).tolist() == [n_read, n_read]
    torch.testing.assert_close(read.sum(dim=1), torch.ones(2))
    assert (read.argmax(dim=1) == 0).all() or n_read == 2
    assert config._attn_implementation == "sdpa"
    assert found.shape == (2, 1, tokens, tokens)
    torch.testing.assert_close(found.sum(dim=3), torch.ones(2, 1, tokens))
    module.classifier.backbone.network.set_attn_implementation("eager")
    with torch.no_grad():
        torch.testing.assert_close(module(photos(32)), fused, atol=1e-5, rtol=1e-4)


SOMEWHERE = "attends within windows, to a summary or in some blocks only, not from every token to every token"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet18", "ResNet: it does not attend from every token to every token"),
        ("tf_efficientnet_lite0", "EfficientNet: it does not attend"),
        ("plain_cnn", "PlainCNN: it does not attend"),
        ("swin_t", f"SwinTransformer: it {SOMEWHERE}"),
        ("mobilevitv2", f"ByobNet: it {SOMEWHERE}"),
        ("mamba_t", f"MambaVision: it {SOMEWHERE}"),
    ],
)
def test_a_network_that_does_not_attend_globally_is_told(name, words):
    with pytest.raises(NotExplainable, match=words):
        attention(*of_conf(name))


def test_attention_over_channels_is_not_taken_for_one_over_tokens():
    with pytest.raises(NotExplainable, match=f"Xcit: it {SOMEWHERE}"):
        attention(network("xcit_nano_12_p16_224", 64), photos(64))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("swin", "SwinForImageClassification: its blocks attend within windows, or to fewer tokens than there are"),
        ("segformer", "SegformerModel: its blocks attend within windows, or to fewer tokens"),
        ("resnet", "ResNetForImageClassification: it does not attend"),
    ],
)
def test_a_transformers_network_that_does_not_attend_globally_is_told(hf, name, words):
    with pytest.raises(NotExplainable, match=words):
        attention(hf(name), photos(32))
