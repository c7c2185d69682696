from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import confusion_matrix

from bakeoff.data.figures import Figure
from bakeoff.data.predictions import Predictions
from bakeoff.evaluation.confusions import (
    cluster,
    confused_pairs,
    confusion_rates,
    confusions_record,
    describe_groups,
    write_confusion_csv,
    write_report,
)
from bakeoff.evaluation.figures import SIDE_PX, draw_confusion, draw_strip, read_photos
from bakeoff.statistics.matrix import count_confusions
from numpy_predictor import make_catalogue

TRUE, PREDICTED = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])


def test_counts_by_hand():
    np.testing.assert_array_equal(count_confusions(TRUE, PREDICTED, 3), [[1, 1, 0], [0, 2, 0], [0, 0, 0]])


def test_csv_has_labels_on_both_sides(tmp_path):
    path = tmp_path / "confusion.csv"
    write_confusion_csv(count_confusions(TRUE, PREDICTED, 2), ["Café, thé", "b"], path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["true", "Café, thé", "b"], ["Café, thé", "1", "1"], ["b", "0", "2"]]


def test_report_names_every_class(tmp_path):
    path = tmp_path / "report.txt"
    write_report(TRUE, PREDICTED, ["first", "second", "absent"], path)
    lines = path.read_text().splitlines()
    assert any(line.split() == ["first", "1.000", "0.500", "0.667", "2"] for line in lines)
    assert any(line.split() == ["absent", "0.000", "0.000", "0.000", "0"] for line in lines)


@pytest.mark.parametrize("n_labels", [1, 2, 7, *(pytest.param(n, marks=pytest.mark.slow) for n in (27, 101, 196))])
def test_figure_grows_with_the_classes(tmp_path, n_labels):
    counts = np.random.default_rng(0).poisson(0.1, (n_labels, n_labels)) + 9 * np.eye(n_labels, dtype=np.int64)
    order, groups = cluster(counts)
    path = tmp_path / "figures" / "confusion.png"
    draw_confusion(
        counts,
        [f"class number {i} with a long name" for i in range(n_labels)],
        path,
        title="t",
        order=order,
        groups=groups,
    )
    with Image.open(path) as image:
        assert 500 < image.width < 4000
        assert np.asarray(image.convert("L")).std() > 5


def test_a_thousand_classes_are_those_with_most_mistakes(tmp_path):
    counts = 9 * np.eye(1000, dtype=np.int64)
    counts[997, 3] = counts[3, 998] = 2
    drawn = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda figure, path, **options: drawn.append(figure))
        draw_confusion(counts, [f"c{i}" for i in range(1000)], tmp_path / "x.png", title="t")
    axes = drawn[0].axes[0]
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert len(names) == 200
    assert {"c3", "c997", "c998"} <= set(names)
    assert "the 200 classes with most mistakes of 1,000; confusion.csv has all of them" in axes.get_title()
    assert axes.images[0].get_array()[names.index("c997"), names.index("c3")] == pytest.approx(2 / 11)


def test_a_strip_tells_any_name_on_one_line(tmp_path):
    draw_strip([Image.new("RGB", (50, 40))], ["90%"], tmp_path / "x.jpg", heading="a\nb $c$ → " + "鞋" * 300)
    with Image.open(tmp_path / "x.jpg") as image:
        assert image.height == 34 + SIDE_PX + 26


# 8 classes: 0 and 5 are mixed up in half of their products, 2 and 7 once, the rest is right
MIXED = np.diag(np.full(8, 10))
MIXED[0, 0], MIXED[0, 5], MIXED[5, 5], MIXED[5, 0] = 5, 5, 6, 4
MIXED[2, 2], MIXED[2, 7] = 9, 1


def _predictions(counts: np.ndarray) -> Predictions:
    """Return test predictions with these confusions, the first of each cell the surest."""
    rows, values = [], []
    for true, taken in np.argwhere(counts > 0):
        for number in range(counts[true, taken]):
            confidence = 0.9 - 0.01 * number
            values.append(np.full(len(counts), (1 - confidence) / (len(counts) - 1)))
            values[-1][taken] = confidence
            rows.append((f"{true}>{taken}#{number}", "test", int(true)))
    table = pd.DataFrame(rows, columns=["product_id", "split", "label_id"])
    return Predictions(table, np.array(values, dtype=np.float32), [f"class {i}" for i in range(len(counts))])


@given(st.integers(1, 9), st.integers(1, 50), st.integers(0, 1000))
def test_counts_are_scikit_learns(n_labels, n, seed):
    true, predicted = np.random.default_rng(seed).integers(0, n_labels, (2, n))
    counts = count_confusions(true, predicted, n_labels)
    if n_labels > 1:
        np.testing.assert_array_equal(counts, confusion_matrix(true, predicted, labels=np.arange(n_labels)))
    assert counts.sum() == n


def test_rates_are_mutual_by_hand():
    rates = confusion_rates(np.array([[8, 2, 0], [1, 3, 0], [0, 0, 0]]))
    np.testing.assert_allclose(rates, [[0, (0.2 + 0.25) / 2, 0], [0.225, 0, 0], [0, 0, 0]])


def test_confused_classes_stand_side_by_side_and_form_a_group():
    order, groups = cluster(MIXED)
    assert sorted(order) == list(range(8))
    assert abs(order.index(0) - order.index(5)) == 1
    assert abs(order.index(2) - order.index(7)) == 1
    assert [sorted(group) for group in groups] == [[0, 5]]  # one stray product of 2 among 7 makes no group
    assert describe_groups(MIXED, groups) == [{"label_ids": groups[0], "n_confused": 9, "share": 0.9}]


@pytest.mark.parametrize("counts", [np.array([[4]]), np.diag([3, 3]), np.diag([3, 0, 5])])
def test_without_mistakes_there_is_no_group(counts):
    assert cluster(counts) == (list(range(len(counts))), [])


def test_two_classes_can_be_a_group():
    assert cluster(np.array([[5, 2], [1, 9]]))[1] == [[0, 1]]
    assert cluster(np.array([[5, 1], [0, 9]]))[1] == []
    assert cluster(np.array([[59, 1], [5, 55]]))[1] == [[0, 1]]  # 5 % on average, as exactly as float64 can


@given(st.integers(3, 12), st.integers(0, 1000))
def test_groups_are_disjoint_runs_of_the_order(n_labels, seed):
    order, groups = cluster(np.random.default_rng(seed).poisson(0.7, (n_labels, n_labels)))
    assert sorted(order) == list(range(n_labels))
    members = [label for group in groups for label in group]
    assert len(members) == len(set(members))
    places = [[order.index(label) for label in group] for group in groups]
    assert all(run == list(range(run[0], run[0] + len(run))) for run in places)


def test_pairs_most_products_first_and_surest_photos():
    pairs = confused_pairs(_predictions(MIXED), MIXED)
    assert [(pair["true"], pair["predicted"], pair["count"], pair["total"]) for pair in pairs] == [
        (0, 5, 5, 10),
        (5, 0, 4, 10),
        (2, 7, 1, 10),
    ]
    assert pairs[0]["product_ids"] == [f"0>5#{number}" for number in range(5)]
    assert pairs[0]["confidences"][0] == pytest.approx(0.9)


def test_record_is_cut_to_what_a_page_can_show():
    counts = np.full((5, 5), 8)
    counts[:, 4] = 0
    record = confusions_record(_predictions(counts))
    assert len(record["pairs"]) == 12
    assert all(len(pair["product_ids"]) == 6 for pair in record["pairs"])
    assert record["never_predicted"] == [4]
    assert record["n_test"] == 160


def test_strip_of_photos(tmp_path):
    catalogue = make_catalogue(tmp_path)
    path = tmp_path / "pairs" / "00.jpg"
    photos = read_photos(catalogue, ["p001", "p000", "p002"])
    np.testing.assert_array_equal(photos[0], catalogue.store.read(int(catalogue.products["image"][1])))
    draw_strip(photos, ["98%", "71%", "50%"], path, heading="crème brûlée → " + "a very long name " * 20)
    with Image.open(path) as image:
        assert image.width > 3 * SIDE_PX
        assert image.format == "JPEG"
        centre = image.getpixel((10 + SIDE_PX // 2, 34 + SIDE_PX // 2))
        wanted = np.asarray(photos[0]).mean(axis=(0, 1))
        assert np.abs(np.array(centre) - wanted).max() < 40
