"""Augmentation, mixup and CutMix: numbers by hand, and streams that nothing else can move."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from bakeoff.data.transforms import transform_photo
from bakeoff.learning.augmentation import RECIPES, AugmentParams, MixParams, steps_of
from bakeoff.records.settings import Geometry

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

USED = Geometry(image_size=112, crop_pct=1.0, crop_mode="center", interpolation="bilinear")
NAMES = ["flip", "light", "medium", "heavy", "auto_augment", "rand_augment", "trivial_augment", "standard"]
ADAPTER: TypeAdapter[Any] = TypeAdapter(AugmentParams)


def augment(choice: Any, sizes: tuple[int, ...] = (10,)) -> Any:
    from bakeoff.training.augment import Augment

    return Augment(ADAPTER.validate_python(choice), USED, sizes)


def only(monkeypatch: pytest.MonkeyPatch, name: str, **arguments: Any) -> Any:
    """Return an augmentation that always makes this one change."""
    monkeypatch.setitem(RECIPES, "flip", [(1, [(name, arguments)])])
    return augment("flip")


def grey(value: int) -> np.ndarray:
    return np.full((112, 112, 3), value, dtype=np.uint8)


def smooth_photo(seed: int = 0, size: tuple[int, int] = (160, 130)) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


class Augmented(torch.utils.data.Dataset):
    """Photos augmented in loader processes."""

    def __init__(self, augmentation: Any, photos: list[np.ndarray]) -> None:
        self.augmentation, self.photos = augmentation, photos

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> Any:
        return torch.from_numpy(self.augmentation(self.photos[index], label_id=0, seed=index))


def test_choices_and_their_defaults() -> None:
    assert ADAPTER.validate_python("none").model_dump() == {"name": "none"}
    best = ADAPTER.validate_python("standard")
    assert (best.min_crop, best.flip, best.colour, best.random_erasing) == (0.6, 0.5, 0.1, 0)
    assert steps_of(ADAPTER.validate_python({"name": "rand_augment", "magnitude": 4}), 1)[1] == (
        1,
        [("RandAugment", {"num_ops": 2, "magnitude": 4, "fill": 255})],
    )
    turned = {"name": "standard", "flip": 0, "vertical_flip": 1, "rotation_degrees": 15, "colour": 0}
    assert [probability for probability, _ in steps_of(ADAPTER.validate_python(turned), 1)] == [0, 1, 1, 0]
    for wrong, words in (
        ("rotate", "'none', 'flip', 'light', 'medium', 'heavy', 'auto_augment', 'trivial_augment', 'standard'"),
        ({"name": "none", "min_crop": 0.6}, "Extra inputs are not permitted"),
        ({"name": "flip", "min_crop": 1.0}, "less than 1"),
        ({"name": "rand_augment", "magnitude": 31}, "less than or equal to 30"),
        ({"name": "by_class_size", "heavy_below": 4000}, r"heavy_below \(4000\) must be at most light_above \(3000\)"),
    ):
        with pytest.raises(ValidationError, match=words):
            ADAPTER.validate_python(wrong)


def test_smaller_classes_get_the_heavier_recipe() -> None:
    by_size = ADAPTER.validate_python("by_class_size")
    for n_photos, name in ((3001, "light"), (3000, "medium"), (1500, "medium"), (1499, "heavy")):
        assert steps_of(by_size, n_photos) is RECIPES[name]
    same = [augment("by_class_size", (5000, 10))(smooth_photo(), label_id=label, seed=1) for label in (0, 1)]
    expected = [augment(name)(smooth_photo(), label_id=0, seed=1) for name in ("light", "heavy")]
    assert np.array_equal(same, expected)
    assert not np.array_equal(*same)


def test_a_flip_mirrors_half_of_the_photos() -> None:
    photo = smooth_photo()
    plain = transform_photo(photo, USED)
    found = [augment("flip")(photo, label_id=0, seed=seed) for seed in range(64)]
    mirrored = [np.array_equal(one, plain[:, ::-1]) for one in found]
    assert [np.array_equal(one, plain) for one in found] == [not one for one in mirrored]
    assert 20 < sum(mirrored) < 44


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_the_seed_moves_a_product_s_draw_and_no_global_state_moves(name: str) -> None:
    photos = [smooth_photo(seed) for seed in range(6)]
    augmentation = augment({"name": name, "random_erasing": 0.5})
    torch.manual_seed(0)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    before = torch.get_rng_state(), repr(np.random.get_state()), random.getstate(), 2
    alone = [augmentation(photo, label_id=0, seed=seed) for seed, photo in enumerate(photos)]
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (repr(np.random.get_state()), random.getstate(), torch.get_num_threads()) == before[1:]
    torch.set_num_threads(n_threads)
    torch.manual_seed(1)
    random.seed(1)
    backwards = [augmentation(photos[seed], label_id=0, seed=seed) for seed in range(5, -1, -1)][::-1]
    assert np.array_equal(alone, backwards)
    assert {(one.shape, one.dtype.name) for one in alone} == {((112, 112, 3), "uint8")}
    other = [augmentation(photos[0], label_id=0, seed=seed) for seed in range(6)]
    assert len({one.tobytes() for one in other}) > 1


def test_loader_processes_draw_the_same() -> None:
    photos = [smooth_photo(seed) for seed in range(6)]
    augmentation = augment({"name": "heavy", "min_crop": 0.5})
    loaded = list(torch.utils.data.DataLoader(Augmented(augmentation, photos), batch_size=None, num_workers=2))
    alone = [augmentation(photo, label_id=0, seed=seed) for seed, photo in enumerate(photos)]
    assert np.array_equal([one.numpy() for one in loaded], alone)


def test_heavier_recipes_change_more() -> None:
    photos = [smooth_photo(seed) for seed in range(40)]
    change = {
        name: np.mean(
            [
                np.abs(augment(name)(photo, label_id=0, seed=seed).astype(int) - transform_photo(photo, USED)).mean()
                for seed, photo in enumerate(photos)
            ]
        )
        for name in ("light", "medium", "heavy")
    }
    assert change["light"] + 5 < change["medium"] < change["heavy"] - 5


def test_a_crop_is_of_the_stored_photo_and_keeps_the_share_that_is_asked() -> None:
    """Red counts the columns and green the rows, so that the result tells which part was kept."""
    photo = np.zeros((300, 400, 3), dtype=np.uint8)
    photo[..., 0] = np.linspace(0, 255, 400)[None]
    photo[..., 1] = np.linspace(0, 255, 300)[:, None]
    choice = {"name": "standard", "min_crop": 0.3, "flip": 0, "colour": 0}
    shares, lefts = [], []
    for seed in range(60):
        found = augment(choice)(photo, label_id=0, seed=seed).astype(float) / 255
        across, down = found[..., 0], found[..., 1]
        shares.append((across.max() - across.min()) * (down.max() - down.min()))
        lefts.append(across.min())
    assert 0.27 < min(shares) < 0.4  # a share of 0.3, less the rounding of 256 steps
    assert 0.8 < max(shares) <= 1
    assert max(lefts) > 0.3
    assert min(lefts) < 0.02  # the stored photo's left edge, which the centre crop would leave out


def test_noise_gamma_and_jpeg_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = only(monkeypatch, "noise", bounds=(30, 30))(grey(128), label_id=0, seed=0).astype(float)
    assert noisy.mean() == pytest.approx(128, abs=0.1)
    assert noisy.var() == pytest.approx(30 + 1 / 12, rel=0.03)  # rounding to whole grey levels adds a twelfth
    darker = only(monkeypatch, "gamma", bounds=(2, 2))(grey(128), label_id=0, seed=0)
    assert set(darker.ravel()) <= {64, 65}  # 255 · (128 / 255)² = 64.3
    buffer = io.BytesIO()
    plain = transform_photo(smooth_photo(), USED)
    Image.fromarray(plain).save(buffer, "JPEG", quality=60)
    packed = only(monkeypatch, "jpeg", bounds=(60, 60))(smooth_photo(), label_id=0, seed=0)
    assert np.array_equal(packed, np.asarray(Image.open(buffer)))
    assert not np.array_equal(packed, plain)


def test_a_turned_white_photo_has_no_dark_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    turned = {"degrees": 20, "translate": (0.15, 0.15), "scale": (0.85, 1.15)}
    for seed in range(5):
        assert only(monkeypatch, "affine", **turned)(grey(255), label_id=0, seed=seed).min() == 255
    assert only(monkeypatch, "affine", **turned)(grey(0), label_id=0, seed=0).max() == 255


def test_what_is_cut_out_is_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(5):
        found = only(monkeypatch, "cutout", n_squares=4, side=40 / 224)(grey(255), label_id=0, seed=seed)
        n_grey = int((found[..., 0] == 128).sum())
        assert set(found.ravel()) == {128, 255}
        assert 20**2 < n_grey <= 4 * 20**2  # 40 of 224 px are 20 of 112
        monkeypatch.setitem(RECIPES, "flip", [])
        erased = augment({"name": "flip", "random_erasing": 1.0})(grey(255), label_id=0, seed=seed)
        assert 0.015 < float((erased == 128).mean()) < 0.34


def test_mixup_by_hand() -> None:
    """One photo is 0, the other 1 everywhere: a mixed one's value is the other's share."""
    from bakeoff.training.augment import mix_batch, own_stream

    with own_stream(7):
        torch.randint(1, ())  # by which
        share = float(torch.distributions.Beta(torch.tensor([0.4]), torch.tensor([0.4])).sample())
    inputs = torch.stack([torch.full((3, 4, 4), value, dtype=torch.uint8) for value in (0, 255)])
    labels, weights = torch.tensor([2, 0]), torch.tensor([1.0, 3.0])
    state = torch.get_rng_state()
    photos, targets, mixed = mix_batch(MixParams(mixup=0.4), inputs, labels, weights, n_classes=3, seed=7)
    assert torch.equal(torch.get_rng_state(), state)
    assert photos[0].unique().tolist() == pytest.approx([1 - share])
    assert photos[1].unique().tolist() == pytest.approx([share])
    first, second = share + 3 * (1 - share), 3 * share + (1 - share)
    assert mixed.tolist() == pytest.approx([first, second])
    assert targets[0].tolist() == pytest.approx([3 * (1 - share) / first, 0, share / first])
    assert targets[1].tolist() == pytest.approx([3 * share / second, 0, (1 - share) / second])
    again = mix_batch(MixParams(mixup=0.4), photos, targets, mixed, n_classes=3, seed=8)
    assert [one.dtype for one in again] == [torch.float32] * 3
    assert again[1].sum(dim=1).tolist() == pytest.approx([1, 1])


def test_cutmix_pastes_the_share_that_the_target_says() -> None:
    from bakeoff.training.augment import mix_batch

    inputs = torch.tensor([0.0, 1.0])[:, None, None, None].expand(2, 3, 16, 16)
    seen = set()
    for seed in range(20):
        photos, targets, weights = mix_batch(
            MixParams(cutmix=1.0), inputs, torch.tensor([0, 1]), torch.ones(2), n_classes=2, seed=seed
        )
        assert photos.unique().tolist() == [0, 1]
        assert photos[0].mean().item() == pytest.approx(targets[0, 1].item(), abs=1e-6)
        assert photos[1].mean().item() == pytest.approx(targets[1, 1].item(), abs=1e-6)
        assert weights.tolist() == pytest.approx([1, 1])
        seen.add(round(targets[0, 1].item(), 3))
    assert len(seen) > 10


def test_each_batch_is_mixed_by_one_or_the_other() -> None:
    from bakeoff.training.augment import mix_batch

    inputs, labels = torch.tensor([0.0, 1.0])[:, None, None, None].expand(2, 3, 32, 32), torch.tensor([0, 1])
    kinds = []
    for seed in range(100):
        photos, *_ = mix_batch(MixParams(mixup=1.0, cutmix=1.0), inputs, labels, torch.ones(2), n_classes=2, seed=seed)
        kinds.append(set(photos.unique().tolist()) <= {0, 1})
    assert 30 < sum(kinds) < 70
    with pytest.raises(ValidationError, match="needs mixup, cutmix or both, each with its alpha"):
        MixParams()
