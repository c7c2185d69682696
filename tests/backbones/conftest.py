"""Settings and sections for the backbone tests, without params.yaml."""

import pytest

from bakeoff.backbones.params import BackboneDefaults, WeightsParams
from bakeoff.records.recipe import HeadParams
from bakeoff.records.settings import CandidateSettings, Preprocessing

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@pytest.fixture
def defaults():
    head = HeadParams(hidden=[], batch_norm=False, dropout=0.2)
    return BackboneDefaults(source="timm", image_size=None, head=head, training={})


@pytest.fixture
def weights_params():
    def make(**changes):
        given = {"policy": "prefer", "sources": ["folder", "package"], "folder": None, "hub_timeout_s": 2.0, **changes}
        return WeightsParams(**given)

    return make


@pytest.fixture
def settings():
    def make(**changes):
        given = {
            "model": "resnet18",
            "source": "timm",
            "name": "resnet18.a1_in1k",
            "weights_id": "timm/resnet18.a1_in1k",
            "licence_code": "Apache-2.0",
            "licence_weights": "Apache-2.0",
            "commercial_use": True,
            "preprocessing": Preprocessing(
                image_size=64, crop_pct=0.95, crop_mode="center", interpolation="bicubic", **IMAGENET
            ),
            "head": HeadParams(hidden=[], batch_norm=False, dropout=0.2),
            "architecture": "resnet18",
            **changes,
        }
        return CandidateSettings(**given)

    return make


@pytest.fixture
def lite0(settings):
    return settings(
        model="tf_efficientnet_lite0",
        name="tf_efficientnet_lite0.in1k",
        weights_id="timm/tf_efficientnet_lite0.in1k",
        architecture="tf_efficientnet_lite0",
    )


@pytest.fixture
def no_hub(monkeypatch):
    """A port nobody listens on, so that the real client meets a real refusal at once."""
    pytest.importorskip("huggingface_hub")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
