"""Every file of conf/model/ names networks that are there, take photos of their size and say their licence."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from bakeoff.backbones.candidates import check_forward
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
    assert (f"{settings.preprocessing.image_size} px" in told, settings.weights_id is not None) == (True, True)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_lists_single_files(group):
    _, entries, models = composed(group)
    assert models == list(entries)
    assert set(models) <= set(NAMES)


def test_modern_is_what_a_study_with_a_hub_compares():
    _, _, models = composed("modern")
    assert models == ["convnext_t", "convnextv2_t", "dinov2_s", "dinov2_b", "vit_b16", "efficientnetv2_s", "siglip_b"]
