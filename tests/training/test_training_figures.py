"""The trainers' two pictures, the same for both frameworks, and the size that both report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bakeoff.data.table import Catalogue
from bakeoff.data.transforms import transform_photo
from bakeoff.learning.outputs import choose_samples, preview_title, size_mib, write_history_figure, write_preview
from bakeoff.records.settings import Geometry

VERMILION = (213, 94, 0)


USED = Geometry(image_size=224, crop_pct=0.875, crop_mode="center", interpolation="bicubic")


def rows(n: int) -> list[dict]:
    return [
        {"epoch": e + 1, **{f"{s}_{w}": 1 / (e + 2) for s in ("train", "validation") for w in ("loss", "accuracy")}}
        for e in range(n)
    ]


def has_colour(path: Path, colour: tuple[int, int, int]) -> bool:
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    return bool((np.abs(pixels - colour).sum(axis=2) < 12).sum() > 20)


def test_samples_take_the_classes_in_turn() -> None:
    labels = np.array([0] * 50 + [1] * 2 + [2] * 2)
    assert sorted(labels[choose_samples(labels, seed=0, n_photos=6)].tolist()) == [0, 0, 1, 1, 2, 2]
    assert len(choose_samples(labels, seed=0, n_photos=99)) == 54


def test_the_preview_shows_training_photos_of_every_class_after_the_transform(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []

    def transform(photo: Image.Image) -> np.ndarray:
        seen.append(photo.size)
        return transform_photo(photo, USED.model_copy(update={"image_size": 32, "crop_pct": 1.0}))

    path = tmp_path / "figures" / "preview.png"
    write_preview(path, catalogue, transform, title=preview_title("swin_t", USED), seed=0)
    assert len(seen) == 18
    with Image.open(path) as picture:
        assert picture.size == (round(1.9 * 6 * 120), round((2.15 * 3 + 0.6) * 120))  # three rows of six
    for colour in ((200, 60, 60), (60, 200, 60), (60, 60, 200)):  # the classes of the catalogue
        assert has_colour(path, colour)
    assert preview_title("swin_t", USED) == "swin_t sees: bicubic resize, crop 0.875, 224 × 224 px"


def test_the_preview_of_an_augmentation_has_a_row_of_draws_for_each_product(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    drawn: list[tuple[int, int]] = []

    def augment(photo: Image.Image, *, label_id: int, seed: int) -> np.ndarray:
        drawn.append((label_id, seed))
        return np.full((32, 32, 3), (0, 0, 0), dtype=np.uint8)

    path = tmp_path / "augmented.png"
    write_preview(path, catalogue, lambda photo: np.full((32, 32, 3), 90, np.uint8), title="", seed=0, augment=augment)
    assert sorted(label for label, _ in drawn) == [0] * 10 + [1] * 10 + [2] * 10  # six products, five draws each
    assert len({seed for _, seed in drawn}) == 30
    with Image.open(path) as picture:
        cells = np.asarray(picture.convert("L"))[-258 * 6 + 140 :: 258, 114::228]
    assert np.array_equal(cells, [[90, 0, 0, 0, 0, 0]] * 6)


def test_the_history_without_an_epoch_says_that_nothing_was_trained(tmp_path: Path) -> None:
    write_history_figure(tmp_path / "a" / "full.png", rows(3), title="x", best_epoch=2)
    write_history_figure(tmp_path / "a" / "empty.png", [], title="x", best_epoch=0)
    assert has_colour(tmp_path / "a" / "full.png", VERMILION)
    assert not has_colour(tmp_path / "a" / "empty.png", VERMILION)


def test_size_by_hand() -> None:
    """Dense 3 to 2 with bias 2, batch norm of 2 (two parameters, two statistics each) and a scalar counter."""
    shapes = [(2, 3), (2,), (2,), (2,), (2,), (2,), ()]
    assert size_mib(shapes) == 4 * (6 + 2 + 4 * 2 + 1) / 2**20
    assert size_mib([(1024, 256)]) == 1.0


@pytest.mark.torch
def test_a_torch_classifier_counts_backbone_head_and_statistics(make_request, weights_dir, catalogue) -> None:
    pytest.importorskip("torch")
    from bakeoff.training.plan import plan_training

    plan = plan_training(make_request(), catalogue, weights_dir=weights_dir)
    state = plan.model.classifier.state_dict()
    assert any("running_var" in name for name in state)
    assert any(name.startswith("head.") for name in state)
    assert plan.sizes["size_mib"] == 4 * sum(tensor.numel() for tensor in state.values()) / 2**20
