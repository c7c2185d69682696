"""Every file of conf/model/ names networks that are there, take photos of their size and say their licence."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from bakeoff.backbones.candidates import check_forward
from bakeoff.backbones.classifier import build_classifier, n_parameters
from bakeoff.backbones.params import BackboneDefaults, BackboneParams
from bakeoff.backbones.registry import describe
from bakeoff.core.section import validate_section
from bakeoff.study.composition import compose

pytestmark = pytest.mark.torch
ROOT = Path(__file__).resolve().parents[2]
GROUPS = ("all", "modern", "food101", "rakuten_images")
NAMES = sorted(path.stem for path in (ROOT / "conf" / "model").glob("*.yaml") if path.stem not in GROUPS)


def composed(choice: str):
    """Return defaults and entries of `model=<choice>`, and its models."""
    values = compose(ROOT, [f"model={choice}"])
    entries = {
        name: validate_section(BackboneParams, entry, where="conf") for name, entry in values["backbones"].items()
    }
    return validate_section(BackboneDefaults, values["backbone_defaults"], where="conf"), entries, values["models"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_names_one_network_that_takes_photos_of_its_size(name):
    defaults, entries, models = composed(name)
    assert models == [name] == list(entries)
    settings = describe(name, entries, defaults)
    check_forward(settings)
    told = (ROOT / "conf" / "model" / f"{name}.yaml").read_text()
    assert ("NON-COMMERCIAL" in told) == (settings.commercial_use is False)
    assert f"{settings.preprocessing.image_size} px" in told
    assert (settings.weights_id is None) == (name == "plain_cnn")


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_lists_single_files(group):
    _, entries, models = composed(group)
    assert models == list(entries)
    assert set(models) <= set(NAMES)


def test_modern_is_what_a_study_with_a_hub_compares():
    _, _, models = composed("modern")
    assert models == ["convnext_t", "convnextv2_t", "dinov2_s", "dinov2_b", "vit_b16", "efficientnetv2_s", "siglip_b"]


def test_the_plain_cnn_has_system_3s_parameters():
    defaults, entries, _ = composed("plain_cnn")
    settings = describe("plain_cnn", entries, defaults)
    network = build_classifier(settings, n_classes=27, seed=0, weights_dir=None)
    assert n_parameters(network) == 1_571_675
    assert network.n_features == 6 * 6 * 256
    larger = settings.model_copy(
        update={"preprocessing": settings.preprocessing.model_copy(update={"image_size": 224})}
    )
    assert build_classifier(larger, n_classes=27, seed=0, weights_dir=None).n_features == 12 * 12 * 256
