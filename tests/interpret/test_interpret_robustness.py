"""Corruptions: each by hand or by what it must keep, and what they cost."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from rich.progress import Progress

from bakeoff.core.errors import ParamsError
from bakeoff.core.section import validate_section
from bakeoff.interpret.loss_figures import draw_corruptions, draw_robustness
from bakeoff.interpret.losses import Tried
from bakeoff.interpret.robustness import CORRUPTIONS, RobustnessParams, corrupt, measure_robustness
from linear_subject import LinearSubject
from numpy_predictor import NumpyPredictor, make_catalogue

FIRST = np.array([0])
SIDE = 160
CARD = np.full((1, SIDE, SIDE, 3), 0.5, dtype=np.float32)  # grey, its upper half coarse, one corner red
CARD[:, : SIDE // 2] += (
    np.random.default_rng(0).uniform(-0.3, 0.3, (40, 80, 3)).astype(np.float32).repeat(2, 0).repeat(2, 1)
)
CARD[:, :8, :8] = (0.9, 0.1, 0.1)


@pytest.fixture
def tried(tmp_path):
    catalogue = make_catalogue(tmp_path, n_per_class=20)
    rows = catalogue.rows("test")
    subject = LinearSubject(NumpyPredictor(catalogue.labels).weights, catalogue.labels)
    predicted = subject.probabilities(subject.images(catalogue.at(rows))).argmax(axis=1)
    return subject, Tried(catalogue.at(rows), catalogue.label_ids(rows), predicted, rows, catalogue.labels)


def measure(subject, tried, strengths=(1, 3)):
    with Progress(disable=True) as progress:
        found = measure_robustness(subject, tried, RobustnessParams(strengths=[*strengths], max_rows=None), progress)
        assert progress.finished
    return found


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_grows_with_its_strength_and_is_the_same_again(name):
    found = [corrupt(CARD, name, strength, numbers=FIRST) for strength in range(1, 6)]
    for photo in found:
        assert (photo.dtype, photo.shape) == (np.float32, CARD.shape)
        assert 0 <= photo.min() <= photo.max() <= 1
    distances = [float(np.abs(photo - CARD).mean()) for photo in found]
    assert distances == sorted(distances)
    assert distances[0] > 0.002
    np.testing.assert_array_equal(found[2], corrupt(CARD, name, 3, numbers=FIRST))


def test_noise_brightness_and_contrast_by_hand():
    noise = corrupt(CARD, "noise", 1, numbers=FIRST) - CARD
    assert noise[:, SIDE // 2 :].std() == pytest.approx(0.08, rel=0.05)
    steps = {
        round(float(one), 4)
        for number in range(20)
        for one in (corrupt(CARD, "brightness", 3, numbers=np.array([number])) - CARD)[:, SIDE // 2 :].ravel()
    }
    assert steps == {-0.3, 0.3}
    flat = corrupt(CARD, "contrast", 5, numbers=FIRST)
    np.testing.assert_allclose(flat.mean(axis=(1, 2)), CARD.mean(axis=(1, 2)), atol=1e-3)
    np.testing.assert_allclose(flat.std(axis=(1, 2)), 0.05 * CARD.std(axis=(1, 2)), rtol=1e-2)


def test_a_blur_is_a_share_of_the_side():
    step = np.zeros((1, 200, 200, 3), dtype=np.float32)
    step[:, :, 100:] = 1
    blurred = corrupt(step, "blur", 5, numbers=FIRST)[0, 100, :, 0]  # sigma 2.7 % of 200 px
    slope = np.diff(blurred)
    spread = np.sqrt((slope * (np.arange(1, 200) - 100) ** 2).sum() / slope.sum())
    assert spread == pytest.approx(5.4, rel=0.02)


def test_a_rotation_turns_about_the_middle_and_leaves_white():
    bar = np.full((1, 101, 101, 3), 0.5, dtype=np.float32)
    bar[:, 48:53, 10:91] = 0
    turned = corrupt(bar, "rotation", 5, numbers=FIRST)[0, ..., 0]  # 30 degrees
    rows, columns = np.nonzero(turned < 0.25)
    slope = abs(np.polyfit(columns - 50, rows - 50, 1)[0])
    assert np.degrees(np.arctan(slope)) == pytest.approx(30, abs=1)
    assert turned[0, 0] == turned[-1, -1] == 1
    assert turned[50, 50] < 0.05


def test_a_crop_is_a_window_of_the_photo_at_full_size():
    ramp = np.broadcast_to(np.linspace(0, 1, 100, dtype=np.float32)[:, None, None], (1, 100, 100, 3))
    seen = corrupt(ramp, "crop", 5, numbers=FIRST)[0, :, 50, 0]  # half of the side
    assert seen[-1] - seen[0] == pytest.approx(0.5, abs=0.02)
    places = {float(corrupt(ramp, "crop", 5, numbers=np.array([number]))[0, 0, 0, 0]) for number in range(5)}
    assert len(places) >= 4


def test_jpeg_is_pillow_s():
    image = Image.fromarray(np.rint(CARD[0] * 255).astype(np.uint8))
    rough, fine = (corrupt(CARD, "jpeg", strength, numbers=FIRST)[0] for strength in (5, 1))
    assert np.abs(rough - CARD[0]).mean() > np.abs(fine - CARD[0]).mean() > 0
    assert rough.shape == (*image.size, 3)


def test_what_is_lost_follows_from_who_is_right(tried):
    subject, those = tried
    found = measure(subject, those)
    assert list(found.corruptions) == list(CORRUPTIONS)
    assert (found.n, found.accuracy) == (12, those.correct.mean())
    losses = []
    for name, known in found.corruptions.items():
        assert [one.strength for one in known] == [1, 3]
        for one in known:
            changed = corrupt(subject.images(those.products), name, one.strength, numbers=np.arange(12))
            right = subject.probabilities(changed).argmax(axis=1) == those.label_ids
            assert one.accuracy == right.mean()
            assert one.lost.mean == pytest.approx(found.accuracy - one.accuracy)
            assert one.lost.low <= one.lost.mean <= one.lost.high
            losses.append(one.lost.mean)
    assert found.mean_lost.mean == pytest.approx(np.mean(losses))
    assert found.mean_lost.low < found.mean_lost.mean < found.mean_lost.high


def test_photos_are_told_apart_by_their_number_not_by_their_batch(tried):
    subject, those = tried
    whole = measure(subject, those)
    subject.batch_images = 5
    assert measure(subject, those) == whole


@pytest.mark.filterwarnings("error")
def test_figures_also_of_one_photo(tried, tmp_path):
    subject, those = tried
    one = Tried(those.products.at([0]), those.label_ids[:1], those.predicted[:1], those.groups[:1], those.labels)
    found = measure(subject, one, strengths=(4, 4, 1))
    assert [known.strength for known in found.corruptions["noise"]] == [1, 4]
    draw_robustness(found, tmp_path / "robustness.png", title="linear")
    draw_corruptions(subject.images(one.products)[0], found, tmp_path / "corruptions.png", title="linear")
    with Image.open(tmp_path / "corruptions.png") as sheet:
        assert sheet.height > 7 * 100
    with Image.open(tmp_path / "robustness.png") as drawn:
        assert len(drawn.convert("RGB").quantize(64).getcolors()) > 7


def test_a_strength_of_six_is_refused():
    with pytest.raises(ParamsError, match=r"strengths\.1 = 6: Input should be less than or equal to 5"):
        validate_section(RobustnessParams, {"strengths": [1, 6], "max_rows": 4}, where="here")
