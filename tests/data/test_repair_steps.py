"""Each step of a repair against pixels computed by hand; arrays and Pillow's pictures alike."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from bakeoff.data.photo import STEPS, repair_photo


def halves(left: tuple[int, int, int], right: tuple[int, int, int]) -> np.ndarray:
    """20 × 52 px of two colours."""
    pixels = np.empty((20, 52, 3), np.uint8)
    pixels[:, :26], pixels[:, 26:] = left, right
    return pixels


def test_no_steps_leave_the_photo_itself():
    photo = halves((1, 2, 3), (4, 5, 6))
    assert repair_photo(photo, None) is photo
    assert repair_photo(photo, "") is photo


def test_a_crop_keeps_its_box():
    photo = np.arange(20 * 52 * 3, dtype=np.uint16).astype(np.uint8).reshape(20, 52, 3)
    assert np.array_equal(repair_photo(photo, "crop=3,2,50,18"), photo[2:18, 3:50])


def test_saturation_moves_colours_towards_grey_of_their_luma():
    # luma of (200, 100, 100) is 0.299 * 200 + 0.701 * 100 = 129.9; 0.85 * 200 + 0.15 * 130 = 189.5
    found = repair_photo(halves((200, 100, 100), (77, 77, 77)), "saturation=-0.15")
    assert np.abs(np.asarray(found[0, 0], float) - (189.5, 104.5, 104.5)).max() <= 0.5
    assert found[0, 51].tolist() == [77, 77, 77], "grey stays grey"


def test_equalise_spreads_lightness_and_keeps_hues():
    assert np.unique(repair_photo(halves((100, 100, 100), (150, 150, 150)), "equalise")).tolist() == [0, 255]
    red = repair_photo(np.concatenate([halves((120, 60, 60), (100, 40, 40))] * 2), "equalise").astype(int)
    assert (red[..., 0] >= red[..., 1]).all()
    assert np.abs(red[..., 1] - red[..., 2]).max() <= 2


def test_sharpen_steepens_edges_and_leaves_flat_areas():
    found = np.asarray(repair_photo(halves((100, 100, 100), (150, 150, 150)), "sharpen"))
    assert found[10, 0, 0] == 100
    assert found[10, 51, 0] == 150
    assert found[10, 25, 0] < 100
    assert found[10, 26, 0] > 150


@pytest.mark.parametrize("steps", [*STEPS, "crop saturation equalise sharpen"])
def test_arrays_and_pictures_give_the_same_pixels_and_stay_as_they_are(steps):
    values = {"crop": "crop=4,4,40,16", "saturation": "saturation=-0.15"}
    text = " ".join(values.get(step, step) for step in steps.split())
    pixels = np.random.default_rng(0).integers(0, 256, (20, 52, 3)).astype(np.uint8)
    before, picture = pixels.copy(), Image.fromarray(pixels)
    of_array, of_picture = repair_photo(pixels, text), repair_photo(picture, text)
    assert isinstance(of_array, np.ndarray)
    assert isinstance(of_picture, Image.Image)
    assert np.array_equal(of_array, np.asarray(of_picture))
    assert not np.array_equal(of_array, before)
    assert np.array_equal(pixels, before)
    assert np.array_equal(np.asarray(picture), before)
