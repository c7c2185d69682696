"""What photos are normalised by: statistics by hand, photos of one colour, and the exports that follow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bakeoff.core.errors import TrainingError
from bakeoff.data.products import Photos
from bakeoff.data.table import Catalogue
from bakeoff.learning.normalisation import normalised, pixel_statistics
from bakeoff.records.settings import Preprocessing

WANTED = Preprocessing(
    image_size=32, crop_pct=1.0, crop_mode="center", interpolation="bicubic", mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)
)


def constant(*rgb: int) -> np.ndarray:
    return np.full((40, 50, 3), rgb, dtype=np.uint8)


def test_the_std_of_two_constant_photos_is_that_of_all_pixels_together() -> None:
    """0.2 and 0.8 in equal numbers: mean 0.5, standard deviation 0.3; that of each photo is 0."""
    mean, std = pixel_statistics(Photos([constant(51, 51, 0), constant(204, 204, 0)]), WANTED)
    assert mean == pytest.approx((0.5, 0.5, 0))
    assert std == pytest.approx((0.3, 0.3, 1 / 255))  # a channel of one value counts as a grey level
    three = pixel_statistics(Photos([constant(0, 0, 0), constant(0, 0, 0), constant(255, 255, 255)]), WANTED)
    assert three == (pytest.approx([1 / 3] * 3), pytest.approx([2**0.5 / 3] * 3))


def test_no_photos_have_no_statistics() -> None:
    assert normalised(WANTED, "min_max", Photos()).mean == (0, 0, 0)
    with pytest.raises(TrainingError, match="the train split holds none"):
        normalised(WANTED, "dataset", Photos())


def test_what_each_choice_records() -> None:
    photos = Photos([constant(51, 102, 0), constant(204, 102, 255)])
    assert normalised(WANTED, "weights", photos) is WANTED
    found = {name: normalised(WANTED, name, photos) for name in ("imagenet", "min_max", "dataset", "per_image")}
    assert (found["imagenet"].mean, found["imagenet"].std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (found["min_max"].mean, found["min_max"].std) == ((0, 0, 0), (1, 1, 1))
    assert found["dataset"].mean == pytest.approx((0.5, 0.4, 0.5))
    assert found["dataset"].std == pytest.approx((0.3, 1 / 255, 0.5))
    assert [name for name, one in found.items() if one.per_image] == ["per_image"]
    turned = normalised(WANTED.model_copy(update={"channel_order": "bgr"}), "imagenet", photos)
    assert turned.mean == (0.406, 0.456, 0.485)
    for one in (*found.values(), turned):
        assert Preprocessing.model_validate_json(one.model_dump_json()) == one


@pytest.mark.torch
def test_a_photo_s_own_mean_and_standard_deviation() -> None:
    """Half 0, half 1: mean and standard deviation are 0.5, so -1 and 1; a photo of one colour is zeros."""
    torch = pytest.importorskip("torch")
    from bakeoff.training.module import PhotoClassifier

    model = PhotoClassifier(torch.nn.Identity(), normalised(WANTED, "per_image", Photos()))  # type: ignore[arg-type]
    half = torch.zeros(3, 8, 8)
    half[:, 4:] = torch.tensor([1.0, 0.5, 0.1])[:, None, None]
    images = torch.stack([half, torch.full((3, 8, 8), 0.7), torch.zeros(3, 8, 8)]).requires_grad_(True)
    found = model.normalise(images)
    assert found[0, :, 0, 0].tolist() == pytest.approx([-1] * 3, abs=1e-5)
    assert found[0, :, 7, 7].tolist() == pytest.approx([1] * 3, abs=1e-5)
    assert found[1:].abs().max().item() < 1e-4
    (gradient,) = torch.autograd.grad(found.square().sum(), images)
    assert bool(gradient.isfinite().all())
    bytes_ = (half * 255).round().to(torch.uint8)[None]
    assert torch.allclose(model.normalise(bytes_), model.normalise(bytes_.float() / 255))


@pytest.mark.torch
def test_exports_normalise_by_each_photo_too(
    make_request: Callable[..., Any], weights_dir: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    from bakeoff.backbones.inference import for_cpu_inference
    from bakeoff.backbones.onnx_export import export_onnx
    from bakeoff.training.module import PhotoClassifier
    from bakeoff.training.plan import plan_training

    plan = plan_training(make_request(), catalogue, weights_dir=weights_dir)
    own = plan.request.settings.preprocessing
    model = PhotoClassifier(plan.model.classifier, normalised(own, "per_image", Photos())).eval()
    assert export_onnx(model, tmp_path / "model.onnx", image_size=own.image_size) < 1e-3
    images = torch.rand(2, 3, own.image_size, own.image_size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = model(images)
        assert torch.allclose(for_cpu_inference(model)(images), expected, atol=1e-4)
        assert torch.allclose(model(images * 0.5 + 0.2), expected, atol=1e-4)  # brighter and flatter is the same
        assert not torch.allclose(plan.model.eval()(images), expected, atol=1e-3)
