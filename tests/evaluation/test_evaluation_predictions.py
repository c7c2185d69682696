from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bakeoff.core.errors import EvaluationError
from bakeoff.data.predictions import Predictions, predict_catalogue, read_predictions, write_predictions
from numpy_predictor import NumpyPredictor, make_catalogue


@pytest.fixture
def catalogue(tmp_path):
    return make_catalogue(tmp_path)


@pytest.fixture
def written(catalogue, tmp_path):
    path = tmp_path / "evaluation" / "predictions.parquet"
    predictions = predict_catalogue(NumpyPredictor(catalogue), catalogue)
    write_predictions(predictions, path)
    return predictions, path


def _with(predictions: Predictions, **changes) -> Predictions:
    return dataclasses.replace(predictions, **changes)


def test_format_is_the_contracts(written):
    _, path = written
    schema = pq.read_schema(path)
    assert schema.names == ["product_id", "split", "label_id", "probabilities"]
    assert schema.field("probabilities").type == pa.list_(pa.float32(), 3)
    assert schema.field("product_id").type == pa.string()
    assert schema.field("label_id").type == pa.int64()


def test_round_trip_is_bit_identical(written, catalogue):
    predictions, path = written
    again = read_predictions(path, catalogue=catalogue)
    np.testing.assert_array_equal(again.probabilities, predictions.probabilities)
    assert again.probabilities.dtype == np.float32
    assert again.labels == catalogue.labels
    assert again.products["product_id"].tolist() == catalogue.products["product_id"].tolist()
    assert not path.with_name("predictions.parquet.tmp").exists()


def test_order_and_values_are_the_predictors(written, catalogue):
    predictions, _ = written
    predictor = NumpyPredictor(catalogue)
    np.testing.assert_array_equal(predictions.probabilities[[7]], predictor.predict_images(predictor.images([7])))


def test_split_gives_its_rows_alone(written, catalogue):
    predictions, _ = written
    label_ids, probabilities = predictions.split("test")
    rows = catalogue.rows("test")
    np.testing.assert_array_equal(label_ids, catalogue.label_ids(rows))
    np.testing.assert_array_equal(probabilities, predictions.probabilities[rows])


def test_missing_file(tmp_path):
    with pytest.raises(EvaluationError, match="run the evaluate stage first"):
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


def test_predictor_with_fewer_labels_is_refused(catalogue):
    predictor = NumpyPredictor(catalogue)
    predictor.labels = ["blue", "green"]
    with pytest.raises(EvaluationError, match="has 2 labels, the catalogue has 3; label 2 is 'nothing' there"):
        predict_catalogue(predictor, catalogue)


def test_too_few_rows_are_refused(catalogue):
    class Short(NumpyPredictor):
        def predict(self, rows):
            yield from super().predict(rows[:-1])

    with pytest.raises(EvaluationError, match=r"expected 30 products x 3 labels of probabilities, got shape \(29, 3\)"):
        predict_catalogue(Short(catalogue), catalogue)
