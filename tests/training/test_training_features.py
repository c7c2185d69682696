"""The feature cache: goes on from its last complete chunk, refuses what are no numbers, keeps each augmented view."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.core.errors import TrainingError
from bakeoff.core.seeding import derive_seed
from bakeoff.data.batching import split_batches
from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import transform_photo

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


class _KilledError(Exception):
    pass


@pytest.fixture
def plan(make_request: Callable[..., Any], catalogue: Catalogue, weights_dir: Path, monkeypatch) -> Any:
    """24 products in batches of 4, a state on the disk after every 8."""
    from bakeoff.training import features
    from bakeoff.training.plan import plan_training

    monkeypatch.setattr(features, "PREDICT_BATCH", 4)
    monkeypatch.setattr(features, "CHUNK", 8)
    monkeypatch.setattr(features, "fastest", lambda model, photos: model)
    return plan_training(make_request(), catalogue, weights_dir=weights_dir)


def _features(plan: Any, root: Path) -> Any:
    from bakeoff.training import features

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "state_dir", lambda name: root)
        return features.cached_features(plan.model, plan.catalogue, plan.header)


def _shown(plan: Any, monkeypatch: pytest.MonkeyPatch, *, last: int | None = None) -> list[int]:
    """Return the batches' sizes as they come; the process dies at batch number `last`."""
    sizes: list[int] = []
    forward = plan.model.features

    def watched(images: Any) -> Any:
        if len(sizes) == last:
            raise _KilledError
        sizes.append(len(images))
        return forward(images)

    monkeypatch.setattr(plan.model, "features", watched)
    return sizes


def test_features_are_the_networks_batch_by_batch_in_the_file_that_numpy_writes(plan: Any, tmp_path: Path) -> None:
    found = _features(plan, tmp_path)
    batches = split_batches(np.arange(24), 4)
    pixels = [transform_photo(plan.catalogue.at([n]).photo(0), plan.header.backbone.preprocessing) for n in range(24)]
    photos = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = np.concatenate([plan.model.features(photos[batch]).numpy() for batch in batches])
    assert np.array_equal(found.array, expected)
    np.save(tmp_path / "expected.npy", expected)
    (file,) = tmp_path.glob("*/features.npy")
    assert file.read_bytes() == (tmp_path / "expected.npy").read_bytes()


@pytest.mark.parametrize(("last", "n_left"), [(1, 6), (3, 4), (5, 2)])
def test_a_killed_extraction_goes_on_from_its_last_complete_chunk(
    last: int, n_left: int, plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _features(plan, tmp_path / "whole").array.tobytes()
    with monkeypatch.context() as context:
        _shown(plan, context, last=last)
        with pytest.raises(_KilledError):
            _features(plan, tmp_path / "killed")
    (folder,) = (path for path in (tmp_path / "killed").iterdir() if path.is_dir())
    with (folder / "features.npy").open("ab") as handle:
        handle.write(b"half a row")
    before = json.loads((folder / "features.json").read_text()) if last > 1 else {"seconds": 0, "n_rows": 0}
    assert before["n_rows"] == 24 - 4 * n_left
    if last > 1:  # as if it had taken an hour
        (folder / "features.json").write_text(json.dumps(before | {"seconds": 3600.0}))
    sizes = _shown(plan, monkeypatch)
    resumed = _features(plan, tmp_path / "killed")
    assert sizes == [4] * n_left
    assert resumed.array.tobytes() == whole
    assert resumed.extraction_s > 3600 * (last > 1)
    assert _features(plan, tmp_path / "killed").extraction_s == resumed.extraction_s
    assert len(sizes) == n_left  # complete: nothing more is computed


def test_a_file_that_was_cut_short_is_begun_again(
    plan: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = _features(plan, tmp_path).array.tobytes()
    (file,) = tmp_path.glob("*/features.npy")
    rest = file.read_bytes()[:-1]
    file.unlink()
    file.write_bytes(rest)
    assert _features(plan, tmp_path).array.tobytes() == whole
    told = rf"features in {file.parent} cannot be used ({len(rest)} bytes; expected {len(rest) + 1} of shape (24, "
    assert told in capsys.readouterr().err


def test_features_that_are_no_numbers_are_refused_and_not_kept(
    plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, calls = plan.model.features, []

    def broken(images: Any) -> Any:
        features, wrong = forward(images).clone(), {4: [0, 1, 2, 3], 5: [1]}.get(len(calls), [])
        calls.append(0)
        features[wrong, 0] = float("inf") if len(wrong) == 1 else float("nan")
        return features

    monkeypatch.setattr(plan.model, "features", broken)
    with pytest.raises(
        TrainingError, match=r"^tiny features: NaN or infinity for 4 of 4 products \(p16, p17, p18, …\)"
    ):
        _features(plan, tmp_path)
    with pytest.raises(TrainingError, match=r"for 1 of 4 products \(p17\); the backbone's weights may be damaged"):
        _features(plan, tmp_path)  # goes on behind the 16 sound ones, and refuses again
    (record,) = tmp_path.glob("*/features.json")
    assert json.loads(record.read_text())["n_rows"] == 16


def test_a_packed_copy_computes_them_on_a_cpu_where_the_network_allows_it(
    make_request: Callable[..., Any], catalogue: Catalogue, weights_dir: Path, tmp_path: Path, monkeypatch
) -> None:
    from bakeoff.backbones.inference import PackedConv2d
    from bakeoff.training import features
    from bakeoff.training.data import PhotoDataset
    from bakeoff.training.plan import plan_training

    plan = plan_training(make_request("efficientnet_b0"), catalogue, weights_dir=weights_dir)
    photos = PhotoDataset(catalogue, np.arange(24), plan.header.backbone.preprocessing)
    packed = features.fastest(plan.model, photos)
    assert any(isinstance(module, PackedConv2d) for module in packed.modules())
    found = np.array(_features(plan, tmp_path / "packed").array)
    monkeypatch.setattr(features, "for_cpu_inference", lambda network: torch.nn.Linear(1, 1))  # has no `features`
    assert features.fastest(plan.model, photos) is plan.model
    plain = _features(plan, tmp_path / "plain").array
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-5 * np.abs(plain).max())


class _Tinted:
    """Adds to red what the seed says, and the class to green."""

    def __init__(self, plan: Any) -> None:
        self.used, self.seeds = plan.header.backbone.preprocessing, []

    def __call__(self, photo: Any, *, label_id: int, seed: int) -> np.ndarray:
        self.seeds.append(seed)
        pixels = transform_photo(photo, self.used).copy()
        pixels[..., 0] = seed % 251
        pixels[..., 1] = label_id
        return pixels


def test_each_view_has_its_own_stream_per_product_and_is_computed_once(
    plan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bakeoff.training import features
    from bakeoff.training.features import Views, cached_views

    tint = _Tinted(plan)
    monkeypatch.setattr(features, "state_dir", lambda name: tmp_path)

    def views(n: int, seed: int = 7, recipe: Any = "tint") -> list[np.ndarray]:
        made = Views(n, seed, tint, recipe)
        found = cached_views(plan.model, plan.catalogue, made, plan.header)
        return [np.array(one.array) for one in found]

    assert views(0) == []
    first, second = views(2)
    expected = [derive_seed(7, "augment", view, f"p{number}") for view in (1, 2) for number in range(24)]
    assert tint.seeds == expected
    assert not np.array_equal(first, second)
    tint.seeds.clear()
    again = views(3)
    assert np.array_equal(again[0], first)
    assert np.array_equal(again[1], second)
    assert tint.seeds == [derive_seed(7, "augment", 3, f"p{number}") for number in range(24)]
    assert not np.array_equal(views(1, seed=8)[0], first)
    n_files = len(list(tmp_path.glob("*/features.npy")))
    views(1, recipe="other")
    assert len(list(tmp_path.glob("*/features.npy"))) == n_files + 1
    assert not np.array_equal(_features(plan, tmp_path).array, first)
