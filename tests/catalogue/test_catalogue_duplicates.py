from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from bakeoff.catalogue.duplicates import View, find_views, group_duplicates, perceptual_hashes


def test_groups_by_hand():
    digests = ["a", "b", "a", "c", "d", "e"]
    hashes = np.array([0, 0b111, 0xFFFF, 0b11111, 0xF0F0F0F0, 0xF << 60], dtype=np.uint64)
    # 0 and 2 share their pixels; 1 and 3 differ by 2 bits; 0 and 1 by 3
    assert group_duplicates(digests, hashes, distance=2).tolist() == [0, 1, 0, 1, 4, 5]
    assert group_duplicates(digests, hashes, distance=3)[:4].tolist() == [0, 0, 0, 0]  # chained through 1
    assert group_duplicates(digests, hashes, distance=0).tolist() == [0, 1, 0, 3, 4, 5]


def test_mirror_hashes_join_only_when_given():
    hashes = np.array([0, 0xFFFF_FFFF], dtype=np.uint64)
    mirrored = np.array([0xFFFF_FFFF, 0], dtype=np.uint64)
    assert group_duplicates(["a", "b"], hashes, distance=1).tolist() == [0, 1]
    assert group_duplicates(["a", "b"], hashes, distance=1, mirrored=mirrored).tolist() == [0, 0]


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40), st.integers(0, 32))
@settings(max_examples=40)
def test_agrees_with_a_plain_double_loop(values, distance):
    hashes = np.array(values, dtype=np.uint64)
    groups = group_duplicates([str(n) for n in range(len(values))], hashes, distance=distance)
    assert (groups <= np.arange(len(values))).all()
    assert (groups[groups] == groups).all()
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            if (a ^ b).bit_count() <= distance:
                assert groups[i] == groups[j]


def test_more_than_one_block():
    hashes = np.arange(9000, dtype=np.uint64) << np.uint64(20)
    hashes[8400] = hashes[3]
    hashes[8500] = hashes[8450]
    groups = group_duplicates([str(n) for n in range(9000)], hashes, distance=0)
    assert groups[[8400, 8500]].tolist() == [3, 8450]
    assert len(set(groups.tolist())) == 8998


@pytest.mark.torch
def test_perceptual_hash_survives_a_resize_and_knows_the_mirror():
    pytest.importorskip("imagehash")
    values = np.zeros((80, 80, 3), np.uint8) + 240
    values[10:40, 5:30] = (200, 30, 30)
    values[50:70, 30:75] = (20, 30, 130)
    image = Image.fromarray(values)
    (one, mirrored), small = perceptual_hashes(image), image.resize((64, 64))
    assert (one ^ perceptual_hashes(small)[0]).bit_count() <= 4
    assert perceptual_hashes(ImageOps.mirror(image)) == (mirrored, one)
    assert one != mirrored


def view(phash: int, *, colour: int = 0, shape: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> View:
    """A view of which two agree where hash, colours and shape do."""
    return View(phash, np.random.default_rng(colour).bytes(192), shape)


@pytest.mark.parametrize(
    ("other", "together"),
    [
        (view(0xFFFF), True),  # 16 bits apart
        (view(0x1FFFF), False),  # 17
        (view(0, colour=1), False),  # other colours
        (view(0, shape=(0.09, 0.0, -0.09)), True),
        (view(0, shape=(0.11, 0.0, 0.0)), False),  # wider
        (view(0, shape=(0.0, 0.11, 0.0)), False),  # elsewhere in its picture
    ],
)
def test_views_join_where_hash_colours_and_place_agree(other, together):
    far = view(2**64 - 1, colour=2)
    hashes = np.array([0, 2**64 - 1], dtype=np.uint64)  # the whole pictures have nothing in common
    groups = group_duplicates(["a", "b"], hashes, distance=0, views=[(far, view(0)), (other,)])
    assert groups.tolist() == ([0, 0] if together else [0, 1])


def test_pictures_of_one_colour_are_not_joined_by_their_views():
    flat = [(View(0, bytes([grey] * 192), (0.0, 0.0, 0.0)),) for grey in (10, 200)]
    hashes = np.array([0, 2**64 - 1], dtype=np.uint64)
    assert group_duplicates(["a", "b"], hashes, distance=0, views=flat).tolist() == [0, 1]


def scene(number: int, size: tuple[int, int] = (150, 110)) -> Image.Image:
    """A picture of twelve coloured shapes on a noisy ground, or (odd numbers) on pure white."""
    rng = np.random.default_rng(number)
    noise = 0 if number % 2 else rng.integers(-12, 13, (size[1], size[0], 3))
    image = Image.fromarray(
        np.clip(np.full((size[1], size[0], 3), 255 - 25 * (1 - number % 2)) + noise, 0, 255).astype(np.uint8)
    )
    pen = ImageDraw.Draw(image)
    for _ in range(12):
        left, top = int(rng.integers(15, size[0] - 50)), int(rng.integers(15, size[1] - 45))
        box = (left, top, left + int(rng.integers(10, 36)), top + int(rng.integers(10, 31)))
        pen.ellipse(box, fill=tuple(rng.integers(0, 230, 3).tolist()))
    return image


CHANGES = {
    "white margin": lambda image: ImageOps.expand(image, 8, "white"),
    "wide black margin": lambda image: ImageOps.expand(image, 22, "black"),
    "grey margin": lambda image: ImageOps.expand(image, 15, (128, 128, 128)),
    "square": lambda image: ImageOps.pad(image, (150, 150), color="white"),
    "crop": lambda image: image.crop((7, 5, 143, 105)),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
}


@pytest.mark.torch
@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found_and_other_pictures_are_not(change):
    pytest.importorskip("imagehash")
    originals = [scene(number) for number in range(8)]
    pictures = originals + [CHANGES[change](image) for image in originals]
    groups = group_duplicates(
        [str(n) for n in range(16)],
        np.array([perceptual_hashes(image)[0] for image in pictures], dtype=np.uint64),
        distance=4,
        views=[find_views(image) for image in pictures],
    )
    assert groups.tolist() == [*range(8), *range(8)]


@pytest.mark.torch
def test_views_by_hand():
    pytest.importorskip("imagehash")
    plain = Image.new("RGB", (40, 20), "red")
    assert len(find_views(plain)) == 2, "of one colour: nothing is inside a border"
    framed = Image.new("RGB", (100, 60), "white")
    framed.paste(scene(0).crop((20, 20, 60, 40)), (10, 30))  # its centre is 20 px left of and 10 px below the picture's
    inside, middle, whole = find_views(framed)
    assert inside.shape == pytest.approx((np.log(40 / 20), -20 / 40, 10 / 20))
    assert middle.shape == pytest.approx((np.log(36 / 18), -20 / 36, 10 / 18))
    assert whole.shape == pytest.approx((np.log(100 / 60), 0, 0))


@pytest.mark.torch
def test_different_photos_in_one_thick_frame_stay_apart():
    pytest.importorskip("imagehash")
    framed = [ImageOps.expand(scene(number), 80, "black") for number in range(8)]
    hashes = np.array([perceptual_hashes(image)[0] for image in framed], dtype=np.uint64)
    views = [find_views(image) for image in framed]
    assert group_duplicates([*"abcdefgh"], hashes, distance=0, views=views).tolist() == [*range(8)]
