from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from bakeoff.evaluation.confusion import count_confusions, draw_confusion, write_confusion_csv, write_report

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


@pytest.mark.parametrize("n_labels", [1, 7, 27, 101])
def test_figure_grows_with_the_classes(tmp_path, n_labels):
    counts = np.random.default_rng(0).integers(0, 9, (n_labels, n_labels))
    path = tmp_path / "figures" / "confusion.png"
    draw_confusion(counts, [f"class number {i} with a long name" for i in range(n_labels)], path, title="t")
    with Image.open(path) as image:
        assert 500 < image.width < 3000
        assert np.asarray(image.convert("L")).std() > 5
