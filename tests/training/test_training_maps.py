"""Mode partial_<n> on photos that do not change: the frozen part runs once, and the rest learns from its maps."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bakeoff.data.table import Catalogue

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.fixture
def plan(catalogue: Catalogue, weights_dir: Path, make_request: Callable[..., Any]) -> Callable[..., Any]:
    from bakeoff.training.plan import plan_training

    return lambda **options: plan_training(make_request(**options), catalogue, weights_dir=weights_dir)


def watched(prepared: Any, name: str) -> list[int]:
    """Return how many rows go through a part of the backbone, pass by pass."""
    rows: list[int] = []
    part = prepared.model.classifier.backbone.get_submodule(f"{name}.0.conv1")
    part.register_forward_hook(lambda module, given, output: rows.append(len(output)))
    return rows


def learned(prepared: Any) -> dict[str, Any]:
    from bakeoff.training.learn import learn

    torch.manual_seed(0)
    learn(prepared)
    assert "forward" not in vars(prepared.model.classifier.backbone.get_submodule("layer1"))
    assert "normalise" not in vars(prepared.model)
    return prepared.model.state_dict()


@pytest.mark.usefixtures("no_rendering")
@pytest.mark.parametrize("batch_norm", ["train", "eval"])
def test_what_learns_from_maps_ends_where_it_does_from_photos(
    plan: Callable[..., Any],
    batch_norm: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from bakeoff.training import maps

    options = {"mode": "partial_2", "epochs": 3, "batch_norm": batch_norm}
    on_maps = plan(**options)
    frozen, trained = watched(on_maps, "layer2"), watched(on_maps, "layer3")
    found = learned(on_maps)
    assert frozen == [2, 21]  # the trial that divides the network, and each product that is not tested once
    assert sum(trained) > 3 * 18
    assert "photos" not in capsys.readouterr().err

    usage = namedtuple("usage", "free")
    monkeypatch.setattr(maps.shutil, "disk_usage", lambda path: usage(1000))
    again = learned(plan(**options))
    assert all(torch.equal(again[name], tensor) for name, tensor in found.items())  # they are there: no room is needed
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path / "elsewhere"))
    on_photos = plan(**options)
    frozen = watched(on_photos, "layer2")
    expected = learned(on_photos)
    assert sum(frozen) > 3 * 18
    assert "more than half of what is free; it learns from photos" in capsys.readouterr().err
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, atol=1e-5, rtol=1e-3, msg=name)


@pytest.mark.usefixtures("no_rendering")
def test_a_second_training_finds_the_maps(plan: Callable[..., Any]) -> None:
    first = learned(plan(mode="partial_1"))
    again = plan(mode="partial_1", learning_rate=0.002)
    frozen = watched(again, "layer3")
    assert not torch.equal(learned(again)["classifier.head.1.weight"], first["classifier.head.1.weight"])
    assert frozen == [2]
    deeper = plan(mode="partial_2")
    frozen = watched(deeper, "layer2")
    learned(deeper)
    assert frozen == [2, 21]


@pytest.mark.parametrize("options", [{"augment": "light"}, {"mix": {"mixup": 0.2}}, {"compile": True}])
def test_photos_that_change_have_no_maps(plan: Callable[..., Any], options: dict[str, Any]) -> None:
    from bakeoff.training.learn import _tail_of

    assert _tail_of(plan(mode="partial_1", **options)) == (None, None)


@pytest.mark.usefixtures("no_rendering")
def test_a_network_that_cannot_be_divided_learns_from_photos(
    plan: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """ViT adds positions to its patches between two modules: maps in place of photos would get them twice."""
    from bakeoff.training.learn import learn
    from bakeoff.training.maps import find_tail

    model = plan(mode="partial_1", name="test_vit.r160_in1k").model
    assert find_tail(model, torch.rand(2, 3, 64, 64)) is None
    learn(plan(mode="partial_1", name="test_vit.r160_in1k", epochs=1))
    told = "tiny-partial_1 seed 0 cannot be divided where it begins to learn; photos go through all of it."
    assert told in capsys.readouterr().err
    assert find_tail(plan(mode="partial_1").model, torch.rand(2, 3, 64, 64)) is not None


def test_frozen_stages_drop_nothing(plan: Callable[..., Any]) -> None:
    classifier = plan(mode="partial_1").model.classifier
    classifier.backbone.layer1[0].drop_path = torch.nn.Dropout()
    classifier.backbone.layer4[0].drop_path = torch.nn.Dropout()
    classifier.train()
    assert not classifier.backbone.layer1[0].drop_path.training
    assert classifier.backbone.layer4[0].drop_path.training
