"""The overview of a candidate that looks at the object, of one that looks round it, of one that shows no features."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bakeoff.data.store import ImageStore, StoreWriter
from bakeoff.data.table import BOX_COLUMNS, Catalogue
from bakeoff.data.transforms import read_pixels, to_unit
from bakeoff.interpret.background import compare_greyed, cover, outside_shares, rely, show_alone
from bakeoff.interpret.overview import Known, find_examples, make_overview, mean_maps
from bakeoff.interpret.overview_figures import in_sheets
from bakeoff.interpret.params import OverviewParams
from bakeoff.interpret.subject import NotExplainable, Subject
from bakeoff.records.interpretation import OverviewRecord
from bakeoff.records.settings import Geometry
from records_made import dataset

SIDE, KEY = 32, "0123456789abcdef"
BOX = (8, 12, 24, 28)
PARAMS = OverviewParams(prototypes=2, criticisms=1, max_rows=None)
USED = Geometry(image_size=SIDE, crop_pct=1.0, crop_mode="center", interpolation="bilinear")
LABELS = ["blue", "red"]


class ColourSubject(Subject):
    """A linear network: how much redder than blue the object, or else the background, is."""

    score = "logit"

    def __init__(self, *, looks_at_object: bool, features: Callable[[np.ndarray], np.ndarray] | None = None) -> None:
        super().__init__("linear", LABELS, USED, batch_px=5 * SIDE**2)
        inside = cover(np.array([BOX], dtype=float), SIDE)[0]
        self.weights = inside if looks_at_object else 1 - inside
        self._features, self.n_seen = features, 0

    def images(self, products):
        self.n_seen += len(products)
        return to_unit(read_pixels(products, self.preprocessing))

    def map_of(self, images: np.ndarray, target: int) -> np.ndarray:
        return (images[..., 0] - images[..., 2]) * self.weights * (1 if target == 1 else -1)

    def scores(self, images):
        redder = self.map_of(images, 1).sum(axis=(1, 2))
        return np.stack([-redder, redder], axis=1)

    def probabilities(self, images):
        ends = np.exp(self.scores(images) / SIDE**2)
        return ends / ends.sum(axis=1, keepdims=True)

    def features(self, images):
        if self._features is None:
            raise NotExplainable("it shows no features.")
        return self._features(images)

    masked_scores = gradients = feature_map = attention = randomised = differentiable = Any


def pooled(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), 4, SIDE // 4, 4, SIDE // 4, 3).mean(axis=(2, 4)).reshape(len(images), -1)


def make_catalogue(folder, label_ids: list[int], *, boxes: bool = True) -> Catalogue:
    """Test photos of an object in its class's colour on a ground of the same hue, all with one box."""
    rng, rows = np.random.default_rng(0), []
    with StoreWriter(folder / "images.arrow") as writer:
        for number, label_id in enumerate(label_ids):
            pixels = rng.integers(90, 140, size=(SIDE, SIDE, 3))
            pixels[..., 2 - 2 * label_id] += rng.integers(20, 60)
            pixels[BOX[1] : BOX[3], BOX[0] : BOX[2], 2 - 2 * label_id] += 60
            buffer = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(buffer, "PNG")
            row = {"product_id": f"p{number}", "image": writer.append(buffer.getvalue()), "label_id": label_id}
            rows.append(
                row | {"split": "test", "width": SIDE, "height": SIDE} | dict(zip(BOX_COLUMNS, BOX, strict=True))
            )
    table = pd.DataFrame(rows) if boxes else pd.DataFrame(rows).drop(columns=list(BOX_COLUMNS))
    return Catalogue(table, LABELS, ImageStore(folder / "images.arrow"), dataset())


def known_of(subject: ColourSubject, catalogue: Catalogue, rows: list[int]) -> Known:
    images = subject.images(catalogue.at(np.arange(len(catalogue.products))))
    predicted = subject.scores(images).argmax(axis=1)
    maps = np.stack([subject.map_of(images[row], int(predicted[row])) for row in rows])
    subject.n_seen = 0
    return Known(catalogue, predicted, np.array(rows), {"exact": maps}, {"exact": "Exact"})


def test_a_candidate_that_looks_at_the_object_needs_no_background(tmp_path):
    catalogue, subject = make_catalogue(tmp_path, [0, 1] * 8), ColourSubject(looks_at_object=True, features=pooled)
    seen: list[int] = []
    found = make_overview(
        subject, known_of(subject, catalogue, [0, 1, 2]), tmp_path, params=PARAMS, key=KEY, advance=seen.append
    )
    assert (sum(seen), found.n_products, found.notes) == (16, 16, [])
    assert found.greyed is not None
    assert (found.greyed.n, found.greyed.accuracy, found.greyed.object_alone) == (16, 1, 1)
    assert found.greyed.background_alone == 0.5  # grey has no colour: ties are blue
    low, high = found.greyed.background_alone_drop
    assert 0.2 < low < 0.5 < high < 0.8
    relied = found.background["exact"]
    assert (relied.n, relied.outside, {name: share.n for name, share in relied.classes.items()}) == (
        3,
        pytest.approx(0, abs=1e-9),
        {"blue": 2, "red": 1},
    )
    assert relied.expected == pytest.approx(0.75)
    assert OverviewRecord.read(tmp_path / "overview.json") == found
    assert found.figures == [f"figures/{name}.png" for name in ("prototypes", "tsne", "mean_maps")]
    for name in found.figures:
        with Image.open(tmp_path / name) as figure:
            assert figure.width > 600
    classes = {one.label: one for one in found.classes}
    assert (classes["red"].n, len(classes["red"].prototypes), len(classes["red"].criticisms)) == (8, 2, 1)
    assert all(int(name[1:]) % 2 == 1 for name in classes["red"].prototypes + classes["red"].criticisms)


def test_a_candidate_that_looks_round_the_object_is_told(tmp_path, no_rendering):
    catalogue, subject = make_catalogue(tmp_path, [0, 1] * 8), ColourSubject(looks_at_object=False, features=pooled)
    found = make_overview(subject, known_of(subject, catalogue, [0, 1]), tmp_path, params=PARAMS, key=KEY)
    assert found.greyed is not None
    assert (found.greyed.accuracy, found.greyed.object_alone, found.greyed.background_alone) == (1, 0.5, 1)
    assert found.background["exact"].outside == pytest.approx(1, abs=1e-9)


def test_nothing_is_looked_at_that_is_not_wanted(tmp_path, no_rendering):
    off = OverviewParams(prototypes=0, criticisms=0, max_rows=6)
    catalogue, subject = make_catalogue(tmp_path, [0, 1] * 8, boxes=False), ColourSubject(looks_at_object=True)
    found = make_overview(subject, known_of(subject, catalogue, [0]), tmp_path, params=off, key=KEY)
    assert subject.n_seen == 0
    assert (found.classes, found.background, found.greyed, found.notes) == ([], {}, None, [])
    assert found.figures == [], "a single photo has no mean"
    boxed = make_catalogue(tmp_path, [0, 1] * 8)
    found = make_overview(subject, known_of(subject, boxed, [0]), tmp_path, params=off, key=KEY)
    assert (subject.n_seen, found.greyed and found.greyed.n) == (6, 6)


@pytest.mark.parametrize(
    ("features", "note"),
    [
        (None, "No examples of the classes and no map of the products: it shows no features."),
        (
            lambda images: np.full((len(images), 3), np.nan),
            "No examples of the classes and no map of the products: the features are not all numbers.",
        ),
    ],
)
def test_without_features_the_rest_is_made(tmp_path, no_rendering, features, note):
    catalogue = make_catalogue(tmp_path, [0, 1] * 8)
    subject = ColourSubject(looks_at_object=True, features=features)
    found = make_overview(subject, known_of(subject, catalogue, [0, 1, 2, 3]), tmp_path, params=PARAMS, key=KEY)
    assert found.notes == [note]
    assert (found.classes, found.figures) == ([], ["figures/mean_maps.png"])
    assert found.greyed is not None
    assert found.greyed.n == 16


@pytest.mark.parametrize("label_ids", [[1], [1, 1], [1] * 7])
def test_one_photo_and_one_class(tmp_path, label_ids):
    catalogue, subject = make_catalogue(tmp_path, label_ids), ColourSubject(looks_at_object=True, features=pooled)
    found = make_overview(subject, known_of(subject, catalogue, [0]), tmp_path, params=PARAMS, key=KEY)
    (one,) = found.classes
    n = len(label_ids)
    assert (one.label, one.n, len(one.prototypes), len(one.criticisms)) == ("red", n, min(n, 2), min(max(n - 2, 0), 1))
    few = "blue (0)" + (f", red ({n})" if n < 3 else "")
    told = [f"Some classes have fewer test products than the 3 examples wanted: {few}."]
    placed = n >= 5
    assert found.notes == told + (
        [] if placed else [f"No map of the products: {n} of them are too few, at least 5 are needed."]
    )
    assert ("figures/tsne.png" in found.figures) is placed


def test_features_that_are_all_alike_have_no_map(tmp_path):
    catalogue = make_catalogue(tmp_path, [0, 1] * 4)
    subject = ColourSubject(looks_at_object=True, features=lambda images: np.ones((len(images), 4), np.float32))
    found = make_overview(subject, known_of(subject, catalogue, [0]), tmp_path, params=PARAMS, key=KEY)
    assert found.notes == ["No map of the products: their features are all alike."]
    assert [len(one.prototypes) for one in found.classes] == [2, 2]


def test_no_photo_was_explained(tmp_path, no_rendering):
    catalogue, subject = make_catalogue(tmp_path, [0, 1] * 4), ColourSubject(looks_at_object=True, features=pooled)
    known = known_of(subject, catalogue, [0])
    none = Known(catalogue, known.predicted, np.empty(0, np.int64), {"exact": np.empty((0, SIDE, SIDE))}, known.titles)
    for given in (none, Known(catalogue, known.predicted, known.rows, {}, {})):
        found = make_overview(subject, given, tmp_path, params=PARAMS, key=KEY)
        assert (found.background, found.figures) == ({}, ["figures/prototypes.png", "figures/tsne.png"])


def test_how_much_of_each_pixel_a_box_covers():
    found = cover(np.array([[0.5, 1, 2, 1.25], [np.nan] * 4]), 3)
    assert found[0].tolist() == [[0, 0, 0], [0.125, 0.25, 0], [0, 0, 0]]
    assert np.isnan(found[1]).all()


def test_outside_shares_by_hand():
    one = np.array([[3, -5, 0], [1, 0, 0], [0, 0, 4.0]])
    maps = np.stack([one, one, -np.abs(one), np.full((3, 3), np.nan)])
    boxes = np.array([[0, 0, 1, 2], [np.nan] * 4, [0, 0, 1, 2], [0, 0, 1, 2]])
    outside, expected = outside_shares(maps, boxes)
    np.testing.assert_allclose(outside, [0.5, np.nan, np.nan, np.nan])  # 3 and 1 of 8 lie inside
    np.testing.assert_allclose(expected, [7 / 9, np.nan, 7 / 9, 7 / 9])
    found = rely(maps[[0, 0, 2]], boxes[[0, 3, 2]], np.array([1, 1, 0]), LABELS)
    assert found is not None
    assert (found.n, found.outside, [*found.classes]) == (2, 0.5, ["red"])
    assert rely(maps[2:], boxes[2:], np.array([0, 1]), LABELS) is None


def test_what_is_not_shown_is_grey():
    images = np.full((1, 2, 2, 3), 1, dtype=np.float32)
    found = show_alone(images, np.array([[[1, 0.5], [0, 1]]], dtype=np.float32))
    assert found.dtype == np.float32
    assert found[0, ..., 0].tolist() == [[1, 0.75], [0.5, 1]]


def test_accuracy_lost_by_hand():
    predicted = np.array([[0, 1, 1, 0], [0, 1, 0, 0], [1, 1, 1, 1]])
    found = compare_greyed(predicted, np.array([0, 1, 1, 1]))
    assert (found.n, found.accuracy, found.object_alone, found.background_alone) == (4, 0.75, 0.5, 0.75)
    assert found.object_alone_drop[0] <= 0.25 <= found.object_alone_drop[1]
    assert found.background_alone_drop[0] < 0 < found.background_alone_drop[1]  # one is lost, one is won


def test_each_photo_counts_alike_in_a_mean_map():
    one = np.array([[1.0, -1], [0, 0]])
    maps = np.stack([one, 100 * one.T, np.zeros((2, 2)), np.full((2, 2), np.nan), one])
    found = mean_maps(maps, np.array([4, 4, 4, 4, 0]))
    told = {name: (n, mean.tolist()) for name, (n, mean) in found.items()}
    assert told == {0: (1, [[2, -2], [0, 0]]), 4: (2, [[2, -1], [-1, 0]])}
    assert mean_maps(maps[2:4], np.array([0, 1])) == {}


def test_examples_are_of_the_class_s_own_rows():
    features = np.array([[0.0], [0.1], [10], [20], [10.1], [9.9]])
    label_ids = np.array([0, 0, 3, 3, 3, 3])
    first, second = find_examples(features, label_ids, params=PARAMS)
    assert (first.label_id, first.n, sorted(first.prototypes.tolist()), first.criticisms.tolist()) == (0, 2, [0, 1], [])
    assert (second.label_id, second.n, second.prototypes[0]) == (3, 4, 4)
    assert len({*second.prototypes.tolist(), *second.criticisms.tolist()} & {2, 3, 4, 5}) == 3


def test_many_classes_are_on_several_sheets():
    assert [(name, len(some)) for name, some in in_sheets("a", range(25)).items()] == [
        ("a", 12),
        ("a_2", 12),
        ("a_3", 1),
    ]
    assert in_sheets("a", []) == {}


def test_a_box_of_the_whole_photo_leaves_nothing_to_expect(tmp_path):
    catalogue = make_catalogue(tmp_path, [0, 1])
    catalogue.products[list(BOX_COLUMNS)] = [0, 0, SIDE, SIDE]
    boxes = catalogue.boxes_in_view([0, 1], USED)
    outside, expected = outside_shares(np.ones((2, SIDE, SIDE)), boxes)
    assert outside.tolist() == expected.tolist() == [0, 0]
