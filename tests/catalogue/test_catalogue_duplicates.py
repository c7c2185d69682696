from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from bakeoff.catalogue import duplicates
from bakeoff.catalogue.duplicates import Duplicates, find_duplicates
from bakeoff.catalogue.measures import VIEW, Fingerprint, Thumbnail, fingerprint

FAR = 2**64 - 1
GREY = tuple(np.random.default_rng(0).integers(0, 256, (8, 8, 1)).repeat(3, axis=2).ravel().tolist())

SYMMETRIC = np.reshape(GREY, (8, 8, 3)) // 2 + np.reshape(GREY, (8, 8, 3))[:, ::-1] // 2


def view(
    phash: int, *, colours: Any = GREY, place: tuple[float, float, float] = (0, 0, 0), framed: bool = False
) -> np.ndarray:
    return np.array([(phash, np.reshape(colours, (8, 8, 3)), place, framed)], VIEW)


def find(views: list[np.ndarray], distance: int = 0, *, mirrored: list[int] | None = None, **further) -> Duplicates:
    """Find copies among pictures that have these views, of which the first is the whole; none = blank."""
    hashes = np.array([own["phash"][0] if len(own) else 0 for own in views], np.uint64)
    other = np.arange(len(views), dtype=np.uint64) * np.uint64(0x1234567) + np.uint64(0xF0F << 48)  # far from all
    digests = further.pop("digests", [str(n) for n in range(len(views))])
    mirror = np.array(mirrored, np.uint64) if mirrored else other
    return find_duplicates(digests, hashes, distance=distance, mirrored=mirror, views=views, **further)


def groups(hashes: list[int], distance: int, **further) -> list[int]:
    """The groups of pictures alike but for these hashes, framed so that the whole alone is compared."""
    views = [view(phash, colours=SYMMETRIC, framed=True) for phash in hashes]
    return find(views, distance, **further).groups.tolist()


def test_groups_by_hand():
    hashes = [0, 0b111, 0xFFFF, 0b11111, 0xF0F0F0F0, 0xF << 60]
    # 0 and 2 share their pixels; 1 and 3 differ by 2 bits; 0 and 1 by 3
    digests = ["a", "b", "a", "c", "d", "e"]
    assert groups(hashes, 2, digests=digests) == [0, 1, 0, 1, 4, 5]
    assert groups(hashes, 3, digests=digests)[:4] == [0, 0, 0, 0]  # chained through 1
    assert groups(hashes, 0, digests=digests) == [0, 1, 0, 3, 4, 5]
    assert groups(hashes, 0, groups=[None, "x", None, None, "x", None]) == [0, 1, 2, 3, 1, 5]


def test_mirrored_pictures_belong_together_but_are_no_copies():
    left, right = 0xFFFF, 0xFFFF << 40
    assert groups([left, right], 1) == [0, 1]
    assert groups([left, right], 1, mirrored=[right, left]) == [0, 0]
    assert groups([left, 0], 1, mirrored=[right, right]) == [0, 1], "two mirror images alike prove nothing"
    apart = [view(left), view(right, colours=np.reshape(GREY, (8, 8, 3))[:, ::-1])]
    assert find(apart, 1, mirrored=[right, left]).groups.tolist() == [0, 0]
    assert find(apart, 1, mirrored=[right, left]).copies.tolist() == [0, 1]
    assert find([apart[0], view(right)], 1, mirrored=[right, left]).groups.tolist() == [0, 1], "of other looks"


def test_a_near_hash_alone_joins_nobody():
    other = np.random.default_rng(1).integers(0, 256, 192)
    assert find([view(0), view(1)], 1).groups.tolist() == [0, 0]
    assert find([view(0), view(1, colours=other)], 1).groups.tolist() == [0, 1]
    assert find([view(0), view(1, place=(0.11, 0, 0))], 1).groups.tolist() == [0, 0], "squashed"
    tinted = np.reshape(GREY, (8, 8, 3)) // 2
    tinted[:4] += (90, 30, 0)
    tinted[4:] += (0, 30, 90)  # as light
    assert find([view(0), view(1, colours=tinted)], 1).groups.tolist() == [0, 0], "recoloured"
    assert find([view(0), view(1, colours=tinted, place=(0.11, 0, 0))], 1).groups.tolist() == [0, 1], "and squashed"


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40), st.integers(0, 16))
@settings(max_examples=40, deadline=None)
def test_agrees_with_a_plain_double_loop(values, distance):
    found = groups(values, distance)
    assert all(found[first] == first <= place for place, first in enumerate(found))
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            if (a ^ b).bit_count() <= distance:
                assert found[i] == found[j]


@pytest.mark.parametrize("batch", [1, 2**15])
def test_many_pictures_with_one_hash(monkeypatch, batch):
    monkeypatch.setattr(duplicates, "_COMPARED", 2)
    monkeypatch.setattr(duplicates, "_BATCH", batch)
    red, blue = np.zeros((8, 8, 3)), np.zeros((8, 8, 3))
    red[2:5, 2:5], blue[2:5, 2:5] = (200, 10, 10), (10, 10, 200)  # equally light
    found = find([view(7, colours=colours) for colours in (red, blue, red, blue, red, red)])
    assert found.groups.tolist() == [0] * 6
    assert found.copies.tolist() == [0, 1, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("other", "together"),
    [
        (view(0xFF), True),  # 8 bits apart
        (view(0x1FF), False),  # 9
        (view(0, colours=np.random.default_rng(1).integers(0, 256, 192)), False),
        (view(0, place=(0.09, 0.0, -0.09)), True),
        (view(0, place=(0.11, 0.0, 0.0)), False),  # wider
        (view(0, place=(0.0, 0.11, 0.0)), False),  # elsewhere in its picture
        (view(0, framed=True), True),
    ],
)
def test_views_join_where_hash_colours_and_place_agree(other, together):
    whole = view(FAR, place=(5, 0, 0))
    found = find([np.concatenate([whole, view(0)]), other])
    assert (found.groups.tolist(), found.copies.tolist()) == (([0, 0],) * 2 if together else ([0, 1],) * 2)
    framed = find([np.concatenate([whole, view(0, framed=True)]), other])
    assert framed.groups.tolist() == ([0, 0] if together and not other["framed"][0] else [0, 1])


def test_colours_decide_what_is_a_copy():
    plain = np.full((8, 8, 3), 250.0)
    plain[2:6, 2:6] = (40, 60, 80)

    def copies(change: object, place: tuple[int, int] = (2, 2)) -> bool:
        changed = plain.copy()
        changed[place] = change
        found = find([view(3), view(3, colours=changed), view(3, colours=plain)])
        return found.copies[1] == found.copies[2]

    # root mean squares over 64 cells of which one has changed: an eighth of its change
    assert copies((40 + 34, 60, 80))
    assert not copies((40 + 38, 60, 80)), "R - G by more than 8 * 4.5"
    assert copies((40 + 62, 60 + 62, 80 + 62))
    assert not copies((40 + 67, 60 + 67, 80 + 67)), "R, G and B by more than 8 * 8"
    darker = find([view(3, colours=plain), view(3, colours=0.7 * plain)])
    assert darker.copies.tolist() == [0, 0], "the light alone is another"


def test_pictures_of_one_colour_are_not_joined_by_their_views():
    flat = [view(0, colours=[grey] * 192) for grey in (10, 200)]
    other = [np.concatenate([view(phash), own]) for phash, own in zip((FAR, FAR >> 32), flat, strict=True)]
    assert find(other).groups.tolist() == [0, 1]


@pytest.mark.torch
def test_blank_pictures_are_joined_by_their_pixels_alone():
    pytest.importorskip("imagehash")
    rng = np.random.default_rng(0)
    noisy = [np.clip(rng.normal(250, 10, (90, 90, 3)), 0, 255).astype(np.uint8) for _ in range(2)]
    speck = np.full((300, 300, 3), 255, np.uint8)
    speck[100:104, 50:54] = 0
    for values in (*noisy, speck, np.zeros((20, 400, 3), np.uint8)):
        blank = fingerprint(Thumbnail(Image.fromarray(values)))
        assert len(blank.views) == 0
        assert find([blank.views] * 2).groups.tolist() == [0, 1]
        assert find([blank.views] * 3, digests=["a", "b", "a"]).copies.tolist() == [0, 1, 0]
    speck[100:130, 50:80] = 0
    assert len(fingerprint(Thumbnail(Image.fromarray(speck))).views) > 0


@pytest.mark.torch
def test_perceptual_hash_survives_a_resize_and_knows_the_mirror():
    pytest.importorskip("imagehash")
    values = np.zeros((80, 80, 3), np.uint8) + 240
    values[10:40, 5:30] = (200, 30, 30)
    values[50:70, 30:75] = (20, 30, 130)
    image = Image.fromarray(values)
    own, small, mirror = (
        fingerprint(Thumbnail(one)) for one in (image, image.resize((64, 64)), ImageOps.mirror(image))
    )
    assert (own.phash ^ small.phash).bit_count() <= 4
    assert (mirror.phash, mirror.mirrored) == (own.mirrored, own.phash)
    assert own.phash != own.mirrored


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
    "small crop": lambda image: image.crop((3, 3, 147, 107)),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
}


def find_in(pictures: list[Image.Image]) -> Duplicates:
    found = [fingerprint(Thumbnail(image)) for image in pictures]
    mirrored = [own.mirrored for own in found]
    return find([own.views for own in found], distance=4, mirrored=mirrored)


@pytest.mark.torch
@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found_and_other_pictures_are_not(change):
    pytest.importorskip("imagehash")
    originals = [scene(number) for number in range(8)]
    found = find_in(originals + [CHANGES[change](image) for image in originals])
    assert found.groups.tolist() == found.copies.tolist() == [*range(8), *range(8)]


@pytest.mark.torch
def test_recoloured_variants_are_no_copies():
    pytest.importorskip("imagehash")
    originals = [scene(number) for number in range(8)]
    found = find_in(originals + [Image.merge("RGB", image.split()[::-1]) for image in originals])
    assert (found.groups[8:] < 8).sum() >= 6, "most belong together"
    assert found.copies.tolist() == [*range(16)]


@pytest.mark.torch
def test_views_by_hand():
    pytest.importorskip("imagehash")
    framed = Image.new("RGB", (100, 60), "white")
    framed.paste(scene(0).crop((20, 20, 60, 40)), (10, 30))  # its centre is 20 px left of and 10 px below the picture's
    found: Fingerprint = fingerprint(Thumbnail(framed))
    whole, inside = found.views[:2]
    assert whole["place"] == pytest.approx((np.log(100 / 60), 0, 0))
    assert inside["place"] == pytest.approx((np.log(40 / 20), -20 / 40, 10 / 20))
    assert whole["phash"] == found.phash
    # the 5% and 10% crops have the same inside, and are mostly border
    assert found.views["framed"].tolist() == [True, False, True, True]
    assert found.views["place"][2:, 0] == pytest.approx([np.log(96 / 56), np.log(90 / 54)])
    photo = fingerprint(
        Thumbnail(Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)))
    )
    assert photo.views["framed"].tolist() == [False] * 3, "no border: whole and two crops"


@pytest.mark.torch
def test_different_photos_in_one_thick_frame_stay_apart():
    pytest.importorskip("imagehash")
    framed = [fingerprint(Thumbnail(ImageOps.expand(scene(number), 80, "black"))).views for number in range(8)]
    assert find(framed).groups.tolist() == [*range(8)]
