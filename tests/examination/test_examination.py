"""Planted errors, copies and strays are found in small feature spaces, and clean products mostly are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bakeoff.core.errors import ParamsError
from bakeoff.core.modes import parse_mode
from bakeoff.core.section import load_section
from bakeoff.examination.params import ExamineParams

pytestmark = pytest.mark.torch
PARAMS = ExamineParams(model=None, n_folds=4, max_positions=12)


def errors_of(features: np.ndarray, label_ids: np.ndarray, n_folds: int = 5) -> np.ndarray:
    from bakeoff.examination.space import cross_validate, find_label_errors

    folds, steps = np.random.default_rng(2).permutation(np.arange(len(label_ids)) % n_folds), []
    probabilities = cross_validate(features, label_ids, folds, label_ids.max() + 1, advance=lambda: steps.append(1))
    assert len(steps) == n_folds
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    return find_label_errors(label_ids, probabilities, folds)


def clouds(n_per_class: int, n_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng, labels = np.random.default_rng(seed), np.repeat(np.arange(n_classes), n_per_class)
    centres = 2 * rng.normal(size=(n_classes, 16))
    return (centres[labels] + rng.normal(size=(len(labels), 16))).astype(np.float32), labels


def test_a_fold_whose_other_folds_hold_one_class_gets_that_class():
    from bakeoff.examination.space import cross_validate

    labels, folds = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 0])
    probabilities = cross_validate(np.eye(4, dtype=np.float32), labels, folds, 2, advance=lambda: None)
    assert probabilities[folds == 0].tolist() == [[1, 0], [1, 0]]


def test_planted_label_errors_are_found_and_clean_labels_mostly_left_alone():
    features, labels = clouds(100, 3)
    assert errors_of(features, labels).mean() <= 0.01
    planted = np.random.default_rng(1).choice(300, 15, replace=False)
    given = labels.copy()
    given[planted] = (labels[planted] + 1) % 3
    found = errors_of(features, given)
    assert found[planted].mean() >= 0.8
    assert np.delete(found, planted).mean() <= 0.02


def test_a_class_that_lies_in_one_fold_has_no_errors():
    from bakeoff.examination.space import find_label_errors

    labels, folds = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 1, 0, 1, 1, 1])
    unsure = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [1.0, 0.0], [1.0, 0.0]])
    assert find_label_errors(labels, unsure, folds)[4:].tolist() == [False, False]


def test_the_nearest_by_angle_whatever_the_length():
    from bakeoff.examination.space import nearest

    train = np.array([[5, 0], [0, 1], [-1, 0]], dtype=np.float32)
    rows, similarity = nearest(np.array([[2, 0], [3, 4]], dtype=np.float32), train)
    assert rows.tolist() == [0, 1]
    assert similarity.tolist() == pytest.approx([1, 0.8], abs=1e-6)


def test_isolation_by_hand():
    from bakeoff.examination.space import isolation

    vectors = np.zeros((13, 2), dtype=np.float32)
    vectors[:12, 0], vectors[12, 1] = [1, *range(2, 13)], 5  # twelve in one direction, whatever their length
    np.testing.assert_allclose(isolation(vectors), [0] * 12 + [1], atol=1e-6)


def test_the_map_has_every_class_by_its_share_and_is_the_same_twice():
    from bakeoff.statistics.embedding import place

    features, labels = clouds(30, 3)
    labels[:28] = 1  # 2, 58, 30
    placed = place(features, labels, max_positions=20)
    assert placed.dtype == np.float32
    counts = np.bincount(labels[np.isfinite(placed[:, 0])], minlength=3)
    assert counts.sum() == 20
    assert counts.tolist() == pytest.approx([20 * n / 90 for n in (2, 58, 30)], abs=1)
    assert counts[0] >= 1
    np.testing.assert_array_equal(placed, place(features, labels, max_positions=20))


def test_drift_is_found_where_test_lies_elsewhere_and_not_where_it_does_not():
    from bakeoff.examination.space import drift

    features, labels = clouds(300, 2)
    order = np.random.default_rng(3).permutation(600)
    train, test = order[:500], order[500:]
    alike = drift(features, labels, train=train, test=test)
    assert (alike.n_train, alike.n_test) == (400, 100)  # at most 400 of a split
    assert alike.p_value > 0.05
    moved = features.copy()
    moved[test] += 0.5  # half a standard deviation of a class, in each of 16 features
    apart = drift(moved, labels, train=train, test=test)
    assert apart.p_value == 1 / 1000  # no permutation of 999 is as extreme
    assert apart.mmd > 2 * alike.mmd
    assert drift(features, labels, train=train, test=test[:1]) is None


def test_drift_by_hand():
    from bakeoff.examination.space import drift

    found = drift(np.array([[-1], [-1], [1], [1]]), np.zeros(4, int), train=np.array([0, 1]), test=np.array([2, 3]))
    assert found.mmd == pytest.approx(2 - 2 * np.exp(-1))  # squares are 0 and 4, their median 4: k = 1 or 1 / e
    assert found.p_value == pytest.approx(1 / 3, abs=0.05)  # 2 of 6 splits of four are as extreme


@pytest.fixture
def examined(tmp_path, monkeypatch):
    """A small catalogue whose first test photo is its first train photo, examined for real."""
    from bakeoff.backbones.params import BackboneDefaults, BackboneParams
    from bakeoff.backbones.registry import describe
    from bakeoff.core.machine import ComputeParams, ScanParams
    from bakeoff.examination.run import examine
    from bakeoff.records.recipe import HeadParams
    from bakeoff.training.plan import TrainingRequest, plan_training
    from records_made import weights_record
    from training.conftest import make_catalogue, recipe

    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path / "root"))
    catalogue = make_catalogue(tmp_path / "data", n_per_class=16)
    test = int(catalogue.rows("test")[0])
    catalogue.products["group_id"] = catalogue.products.index
    catalogue.products.loc[test, "image"] = catalogue.products.loc[0, "image"]
    head = HeadParams(hidden=[], batch_norm=False, dropout=0.2)
    settings = describe(
        "tiny",
        {"tiny": BackboneParams(name="test_resnet.r160_in1k", image_size=64)},
        BackboneDefaults(source="timm", image_size=None, head=head, training={}),
    )
    random = {"source": "random", "file": None, "sha256": None, "reason": "offline_by_params"}
    weights_record(model="tiny", **random).write(tmp_path / "weights")
    machine = ComputeParams(device="cpu", threads=1), ScanParams(implementation="auto")
    request = TrainingRequest(settings, parse_mode("frozen"), 0, recipe(), *machine)
    plan = plan_training(request, catalogue, weights_dir=tmp_path / "weights")
    return examine(plan, tmp_path / "examination", params=PARAMS), tmp_path / "examination", test


def test_a_test_photo_that_is_in_train_is_a_leak_and_every_product_has_its_row(examined):
    from bakeoff.records.examination import EXAMINED, FILE, ExaminationRecord

    record, folder, test = examined
    table = pd.read_parquet(folder / EXAMINED)
    assert len(table) == record.n_products == 48
    copy = table.iloc[test]
    assert (copy["nearest_train"], copy["similarity"]) == ("p0", pytest.approx(1, abs=1e-5))
    assert record.n_leaks == 1
    assert (record.drift.n_train, record.drift.n_test) == (42, 3)
    assert table["nearest_train"].isna().tolist() == (table["split"] == "train").tolist()
    assert int(table["x"].notna().sum()) == 12
    assert table["probability"].between(0, 1).all()
    assert sum(record.label_errors.values()) == table["is_label_error"].sum()
    assert not record.pretrained
    assert ExaminationRecord.read(folder / FILE) == record
    drawn = {path.stem for path in (folder / "figures").iterdir()}
    assert {"outliers", "leaks"} <= drawn <= {"label_errors", "outliers", "leaks"}  # which the report shows


def test_whose_features_are_taken(tmp_path):
    from bakeoff.examination.run import choose_backbone
    from records_made import weights_record

    random = {"source": "random", "file": None, "sha256": None, "reason": "unreachable"}
    for name in ("a", "b", "c"):
        weights_record(model=name, **(random if name == "a" else {})).write(tmp_path / name)
    assert choose_backbone(["a", "b", "c"], None, tmp_path) == "b"
    assert choose_backbone(["a"], None, tmp_path) == "a"
    assert choose_backbone(["a", "b", "c"], "c", tmp_path) == "c"
    with pytest.raises(ParamsError, match=r"examine\.model must be null or one of the study's \(a, b\), got 'd'"):
        choose_backbone(["a", "b"], "d", tmp_path)


def test_bad_params_are_one_sentence(tmp_path: Path):
    (tmp_path / "params.yaml").write_text("examine: {model: null, n_folds: 1, max_positions: 5000}", encoding="utf-8")
    with pytest.raises(ParamsError, match=r"n_folds = 1"):
        load_section(tmp_path / "params.yaml", ExamineParams)
