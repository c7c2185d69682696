from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff.core.errors import EvaluationError
from bakeoff.data.predictions import (
    OUT_OF_FOLD,
    Predictions,
    make_predictions,
    read_out_of_fold,
    read_predictions,
    write_predictions,
)
from numpy_predictor import NumpyPredictor, make_catalogue, predict_catalogue


@pytest.fixture
def catalogue(tmp_path):
    return make_catalogue(tmp_path)


@pytest.fixture
def written(catalogue, tmp_path):
    path = tmp_path / "training" / "predictions.parquet"
    predictions = predict_catalogue(NumpyPredictor(catalogue.labels), catalogue)
    write_predictions(predictions, path)
    return predictions, path


def _with(predictions: Predictions, **changes) -> Predictions:
    return dataclasses.replace(predictions, **changes)


def test_format_is_the_contracts(written):
    _, path = written
    schema = pq.read_schema(path)
    assert schema.names == ["product_id", "split", "label_id", "probabilities", "loss", "origin"]
    assert schema.field("probabilities").type == pa.list_(pa.float32(), 3)
    assert schema.field("product_id").type == pa.string()
    assert schema.field("label_id").type == pa.int64()
    assert schema.field("loss").type == pa.float32()
    assert schema.field("origin").type == pa.string()


def test_round_trip_is_bit_identical(written, catalogue):
    predictions, path = written
    again = read_predictions(path, catalogue=catalogue)
    np.testing.assert_array_equal(again.probabilities, predictions.probabilities)
    assert again.probabilities.dtype == np.float32
    assert again.labels == catalogue.labels
    assert again.products["product_id"].tolist() == catalogue.products["product_id"].tolist()
    pd.testing.assert_frame_equal(again.products, predictions.products)
    assert [other.name for other in path.parent.iterdir()] == ["predictions.parquet"]


def test_order_and_values_are_the_predictors(written, catalogue):
    predictions, _ = written
    predictor = NumpyPredictor(catalogue.labels)
    np.testing.assert_array_equal(predictions.probabilities[[7]], predictor.predict(catalogue.at([7])))


def test_split_gives_its_rows_alone(written, catalogue):
    predictions, _ = written
    label_ids, probabilities = predictions.split("test")
    rows = catalogue.rows("test")
    np.testing.assert_array_equal(label_ids, catalogue.label_ids(rows))
    np.testing.assert_array_equal(probabilities, predictions.probabilities[rows])


def test_missing_file(tmp_path):
    with pytest.raises(EvaluationError, match=r"predictions.parquet is missing; train the candidate first"):
        read_predictions(tmp_path / "predictions.parquet")


def test_no_parquet(tmp_path):
    path = tmp_path / "predictions.parquet"
    path.write_text("hello, this is text and no table at all")
    with pytest.raises(EvaluationError, match="is not a Parquet file"):
        read_predictions(path)


def test_foreign_parquet(tmp_path):
    path = tmp_path / "predictions.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(EvaluationError, match="not in bakeoff's predictions format"):
        read_predictions(path)


def test_nan_is_refused_with_the_product(written):
    predictions, path = written
    values = predictions.probabilities.copy()
    values[4, 1] = np.nan
    write_predictions(_with(predictions, probabilities=values), path)
    with pytest.raises(EvaluationError, match=r"1 of 30 rows hold NaN or infinity, first product 'p004'"):
        read_predictions(path)


@pytest.mark.parametrize("row", [[0.5, 0.5, 0.5], [1.2, -0.2, 0.0]])
def test_no_probabilities_are_refused(written, row):
    predictions, path = written
    values = predictions.probabilities.copy()
    values[2] = row
    write_predictions(_with(predictions, probabilities=values), path)
    with pytest.raises(EvaluationError, match=r"1 of 30 rows are not probabilities.*'p002'"):
        read_predictions(path)


def test_missing_products_are_told(written, catalogue):
    predictions, path = written
    kept = np.arange(30) != 3
    table = predictions.products[kept].reset_index(drop=True)
    write_predictions(_with(predictions, products=table, probabilities=predictions.probabilities[kept]), path)
    with pytest.raises(EvaluationError, match="holds 29 products, the catalogue 30; missing p003"):
        read_predictions(path, catalogue=catalogue)


def test_other_split_is_refused(written, catalogue):
    predictions, path = written
    table = predictions.products.assign(split="train")
    write_predictions(_with(predictions, products=table), path)
    with pytest.raises(EvaluationError, match="its column split differs"):
        read_predictions(path, catalogue=catalogue)


def test_other_labels_are_refused(written, catalogue):
    predictions, path = written
    write_predictions(_with(predictions, labels=["blue", "grey", "red"]), path)
    with pytest.raises(EvaluationError, match=r"label sets differ.*label 1 is 'grey' there and 'green' here"):
        read_predictions(path, catalogue=catalogue)


def test_cut_file(written):
    _, path = written
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(EvaluationError, match="is not a Parquet file"):
        read_predictions(path)


def test_missing_column_is_named(written):
    _, path = written
    pq.write_table(pq.read_table(path).drop_columns(["split"]), path)
    with pytest.raises(EvaluationError, match=r"not in bakeoff's predictions format \(it lacks split\)"):
        read_predictions(path)


def test_empty_cells_are_refused(written):
    _, path = written
    table = pq.read_table(path)
    ids = pa.array([None, *table.column("product_id").to_pylist()[1:]], type=pa.string())
    pq.write_table(table.set_column(0, "product_id", ids), path)
    with pytest.raises(EvaluationError, match="empty cells in product_id"):
        read_predictions(path)


def test_repeated_product_is_refused(written):
    predictions, path = written
    table = predictions.products.copy()
    table.loc[5, "product_id"] = "p004"
    write_predictions(_with(predictions, products=table), path)
    with pytest.raises(EvaluationError, match="1 rows repeat a product, first product 'p004'"):
        read_predictions(path)


def test_unknown_split_is_refused(written):
    predictions, path = written
    write_predictions(_with(predictions, products=predictions.products.replace({"split": {"test": "dev"}})), path)
    with pytest.raises(EvaluationError, match="the splits are train, validation, test, got 'dev'"):
        read_predictions(path)


@pytest.mark.parametrize("label_id", [-1, 3])
def test_class_that_is_none_is_refused(written, label_id):
    predictions, path = written
    table = predictions.products.copy()
    table.loc[2, "label_id"] = label_id
    write_predictions(_with(predictions, products=table), path)
    with pytest.raises(EvaluationError, match=f"must lie between 0 and 2, got {label_id} for product 'p002'"):
        read_predictions(path)


def test_rows_without_probabilities_do_not_fit(written):
    predictions, path = written
    write_predictions(
        _with(predictions, labels=["blue", "green"], probabilities=predictions.probabilities[:, :2]), path
    )
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"labels": '["blue", "green", "red"]'}), path)
    with pytest.raises(EvaluationError, match=r"expected 30 products x 3 labels of probabilities, got shape \(30, 2\)"):
        read_predictions(path)


@pytest.mark.parametrize("shape", [(30, 2), (29, 3)])
def test_a_trainer_that_predicts_too_little_is_refused(catalogue, shape):
    expected = rf"expected 30 products x 3 labels of probabilities, got shape \({shape[0]}, {shape[1]}\)"
    with pytest.raises(EvaluationError, match=expected):
        make_predictions(catalogue, np.full(shape, 1 / shape[1], np.float32), np.zeros(30))


def test_a_trainer_that_diverged_is_refused(catalogue):
    values = np.full((30, 3), np.nan, np.float32)
    with pytest.raises(EvaluationError, match=r"30 of 30 rows hold NaN .* the training diverged: lower its learning"):
        make_predictions(catalogue, values, np.zeros(30))


@pytest.mark.parametrize(("learnt_from", "in_sample"), [("train", {"train"}), (None, set())])
def test_every_row_says_whether_it_was_learnt_from(catalogue, learnt_from, in_sample):
    """An earlier model taken as it is has seen none of these products."""
    found = make_predictions(catalogue, np.full((30, 3), 1 / 3, np.float32), np.zeros(30), learnt_from=learnt_from)
    rows = zip(found.products["split"], found.products["origin"], strict=True)
    assert all(origin == ("in_sample" if split in in_sample else "held_out") for split, origin in rows)


def test_unknown_origin_is_refused(written):
    predictions, path = written
    write_predictions(_with(predictions, products=predictions.products.assign(origin="heard")), path)
    with pytest.raises(
        EvaluationError, match="the origins are in_sample, held_out, out_of_fold, without_input, got 'heard'"
    ):
        read_predictions(path)


def test_mean_losses_by_hand(written):
    predictions, _ = written
    products = predictions.products.assign(loss=predictions.products["split"].map({"train": 1.0, "validation": 2.0}))
    products.loc[products["split"] == "test", "loss"] = [3, 3, 3, 5, 5, 5]
    found = _with(predictions, products=products).mean_losses()
    assert found == {"train": 1, "validation": 2, "test": 4}


def test_answers_out_of_fold_are_trains_or_none(catalogue, written):
    predictions, path = written
    train = catalogue.only("train")
    losses = np.arange(len(train.products), dtype=np.float32)
    unseen = make_predictions(train, predictions.split("train")[1], losses, out_of_fold=True)
    write_predictions(unseen, path.with_name(OUT_OF_FOLD))
    again = read_out_of_fold(path.parent, catalogue=catalogue)
    assert again
    pd.testing.assert_frame_equal(again.products, unseen.products)
    np.testing.assert_array_equal(again.probabilities, unseen.probabilities)
    assert again.products["origin"].unique().tolist() == ["out_of_fold"]
    moved = catalogue.products["split"].replace({"train": "test", "test": "train"})
    other = dataclasses.replace(catalogue, products=catalogue.products.assign(split=moved))
    with pytest.raises(EvaluationError, match=r"out_of_fold.parquet holds \d+ products, the catalogue \d+; missing"):
        read_out_of_fold(path.parent, catalogue=other)
    write_predictions(predictions.first(0), path.with_name(OUT_OF_FOLD))
    assert read_out_of_fold(path.parent, catalogue=catalogue) is None
    path.with_name(OUT_OF_FOLD).unlink()
    with pytest.raises(EvaluationError, match=r"out_of_fold.parquet is missing; train the candidate first"):
        read_out_of_fold(path.parent)
