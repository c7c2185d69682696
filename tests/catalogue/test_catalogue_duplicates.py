from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from bakeoff.catalogue.duplicates import group_duplicates, mirrored_hash, perceptual_hash


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


def test_more_than_one_chunk():
    hashes = np.arange(1500, dtype=np.uint64) << np.uint64(20)
    hashes[1400] = hashes[3]
    groups = group_duplicates([str(n) for n in range(1500)], hashes, distance=0)
    assert groups[1400] == 3
    assert len(set(groups.tolist())) == 1499


@pytest.mark.torch
def test_perceptual_hash_survives_a_resize_and_knows_the_mirror():
    pytest.importorskip("imagehash")
    values = np.zeros((80, 80, 3), np.uint8) + 240
    values[10:40, 5:30] = (200, 30, 30)
    values[50:70, 30:75] = (20, 30, 130)
    image = Image.fromarray(values)
    small = image.resize((64, 64))
    assert (perceptual_hash(image) ^ perceptual_hash(small)).bit_count() <= 4
    assert mirrored_hash(image) == perceptual_hash(ImageOps.mirror(image))
    assert perceptual_hash(image) != mirrored_hash(image)
