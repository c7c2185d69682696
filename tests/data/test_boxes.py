"""Where an object lies in a photo as a network sees it: found again by its colour."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from bakeoff.catalogue.pack import Packed, pack_bytes
from bakeoff.data.photo import crop_of
from bakeoff.data.store import ImageStore, StoreWriter
from bakeoff.data.table import BOX_COLUMNS, Catalogue
from bakeoff.data.transforms import box_in_view, transform_photo
from bakeoff.records.settings import Geometry
from prepared import PREPARE
from records_made import dataset

NEAR_PX = 1.5


def photo_with(box, size) -> Image.Image:
    photo = Image.new("RGB", size, "black")
    ImageDraw.Draw(photo).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill="white")
    return photo


def seen_box(pixels: np.ndarray) -> list[int] | None:
    rows, columns = np.where(pixels[..., 0] > 127)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else None


def agree(box: np.ndarray, pixels: np.ndarray) -> bool:
    seen = seen_box(pixels)
    if seen is None or np.isnan(box).any():  # what is thinner than two px may be lost between them
        thin = min(box[2:] - box[:2]) < 2 if seen is None else min(seen[2] - seen[0], seen[3] - seen[1]) < 2
        return bool(thin or (seen is None and np.isnan(box).all()))
    return bool(np.abs(box - seen).max() <= NEAR_PX)


@st.composite
def cases(draw):
    size = tuple(draw(st.integers(40, 300)) for _ in range(2))
    edges = [sorted(draw(st.lists(st.integers(0, side), min_size=2, max_size=2, unique=True))) for side in size]
    used = Geometry(
        image_size=draw(st.integers(32, 128)),
        crop_pct=draw(st.sampled_from([1.0, 0.95, 0.875, 0.8, 0.5])),
        crop_mode=draw(st.sampled_from(["center", "squash", "center_floor", "squash_floor"])),
        interpolation=draw(st.sampled_from(["bilinear", "bicubic", "nearest"])),
    )
    return (edges[0][0], edges[1][0], edges[0][1], edges[1][1]), size, used


@given(cases())
def test_the_box_is_where_the_object_is_seen(case):
    box, size, used = case
    found = box_in_view(np.array(box, dtype=float), size, used)
    assert np.isnan(found).all() or (found.min() >= 0 and found.max() <= used.image_size)
    assert agree(found, transform_photo(photo_with(box, size), used))


def test_the_box_by_hand():
    used = Geometry(image_size=100, crop_pct=0.5, crop_mode="center", interpolation="bilinear")
    # 400 x 200 becomes 400 x 200, of which 150 to 250 and 50 to 150 are kept
    assert box_in_view(np.array([160.0, 0, 390, 60]), (400, 200), used).tolist() == [10, 0, 100, 10]
    assert np.isnan(box_in_view(np.array([0.0, 0, 150, 200]), (400, 200), used)).all()
    assert np.isnan(box_in_view(np.full(4, np.nan), (400, 200), used)).all()


def packed_catalogue(tmp_path, photos, *, store_px, repairs) -> Catalogue:
    """Photos on disk as `prepare` packs them, with their boxes; None for a box that is not known."""
    params, rows = PREPARE.model_copy(update={"store_px": store_px}), []
    with StoreWriter(tmp_path / "images.arrow") as writer:
        for (photo, box), steps in zip(photos, repairs, strict=True):
            buffer = io.BytesIO()
            photo.save(buffer, "PNG")
            packed = pack_bytes(buffer.getvalue(), params, hashes=False)
            assert isinstance(packed, Packed)
            rows.append((writer.append(packed.encoded), packed.width, packed.height, *(box or [None] * 4), steps))
    sides = list(BOX_COLUMNS)
    table = pd.DataFrame(rows, columns=["image", "width", "height", *sides, "repair"])
    known = dataset(prepare=params)
    return Catalogue(table.astype(dict.fromkeys(sides, "Int32")), ["a"], ImageStore(tmp_path / "images.arrow"), known)


@pytest.mark.parametrize("store_px", [1000, 64, 37])
def test_a_box_follows_packing_and_a_repair_that_crops(tmp_path, store_px):
    size, box = (301, 140), (120, 40, 200, 110)
    photos = [(photo_with(box, size), box), (photo_with(box, size), None), (photo_with(box, size), box)]
    shrunk = min(1, store_px / 140)
    crop = [round(edge * shrunk) for edge in (80, 20, 180, 130)]  # cuts the object at the right
    steps = [None, None, f"crop={','.join(map(str, crop))} sharpen"]
    catalogue = packed_catalogue(tmp_path, photos, store_px=store_px, repairs=steps)
    positions = np.array([2, 1, 0, 2])
    used = Geometry(image_size=48, crop_pct=0.9, crop_mode="center", interpolation="bilinear")
    found = catalogue.boxes_in_view(positions, used)
    assert np.isnan(found[1]).all()
    assert all((first == second).all() for first, second in pairwise(found[[0, 3]]))
    for place in (0, 2):
        assert agree(found[place], transform_photo(catalogue.at(positions).photo(place), used))
    assert np.abs(found[0] - found[2]).max() > NEAR_PX


def test_a_catalogue_without_boxes_has_none(tmp_path):
    catalogue = packed_catalogue(tmp_path, [(Image.new("RGB", (50, 40)), None)], store_px=64, repairs=[None])
    plain = Catalogue(catalogue.products.drop(columns=[*BOX_COLUMNS]), ["a"], catalogue.store, catalogue.dataset)
    used = Geometry(image_size=48, crop_pct=0.9, crop_mode="center", interpolation="bilinear")
    for one in (catalogue, plain):
        found = one.boxes_in_view([0, 0], used)
        assert found.shape == (2, 4)
        assert np.isnan(found).all()


def test_what_steps_leave_of_a_photo():
    assert crop_of("crop=12,0,200,180 saturation=-0.15 sharpen") == (12, 0, 200, 180)
    assert crop_of("equalise") is crop_of("") is crop_of(None) is None
