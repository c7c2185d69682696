"""`bakeoff features CANDIDATE --export DIR`: four files whose rows are the study's own features."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bakeoff.cli import app
from bakeoff.core.errors import EvaluationError
from bakeoff.records.training import TrainingRecord
from deploy.small_study import read_catalogue

pytestmark = pytest.mark.torch


def export(candidate: str, folder: Path, *flags: str) -> str:
    done = CliRunner().invoke(app, ["features", candidate, "--export", str(folder), *flags])
    return str(done.exception) if done.exception else done.output


def test_the_test_split_is_the_test_part_where_every_product_has_its_label(in_study, tmp_path):
    catalogue, folder = read_catalogue(in_study), tmp_path / "features"
    answer = export("tiny-frozen", folder)
    train, test = (np.load(folder / f"{split}_features_tiny.npy") for split in ("train", "test"))
    assert train.shape == (24, test.shape[1])
    assert f"train_features_tiny.npy {train.shape}, test_features_tiny.npy {test.shape}" in answer
    assert sorted(path.name for path in folder.iterdir()) == [
        *("metadata.json", "test_features_tiny.npy", "train_features_tiny.npy", "train_labels.npy")
    ]
    told = json.loads((folder / "metadata.json").read_text())
    products = catalogue.products.set_index("product_id")
    assert set(told["train"]["split"]) == {"train", "validation"}
    assert told["test"]["product_id"] == products.index[products["split"] == "test"].tolist()
    labels = np.load(folder / "train_labels.npy")
    assert (
        labels.tolist() == told["train"]["label_id"] == products.loc[told["train"]["product_id"], "label_id"].tolist()
    )
    assert told["labels"] == ["blue", "green", "red"]
    assert told["class_weights"] == {"blue": 1, "green": 1, "red": 1}  # 24 products / (3 classes * 8)
    (kept,) = (in_study / ".bakeoff" / "features").glob("*/features.npy")  # the training's: none was computed
    rows = [products.index.get_loc(one) for one in told["test"]["product_id"]]
    assert np.array_equal(test, np.load(kept)[rows])
    assert "must be a new or an empty folder; choose another one, or add --force" in export("tiny-frozen", folder)
    (folder / "test_features_tiny.npy").unlink()
    export("tiny-frozen", folder, "--force")
    assert np.array_equal(np.load(folder / "test_features_tiny.npy"), test)


def test_products_without_a_label_are_the_test_part_and_what_cannot_be_read_has_no_row(in_study, tmp_path):
    catalogue = in_study / "data" / "catalogue"
    photos = sorted((in_study / "raw" / "test").rglob("p*.*"))
    images = [*(os.path.relpath(path, catalogue) for path in photos), "gone.png"]
    ids = [str(number) for number in range(len(images))]
    pd.DataFrame({"product_id": ids, "image": images}).to_parquet(catalogue / "unlabelled.parquet")
    try:
        export("tiny-frozen", tmp_path)
    finally:
        (catalogue / "unlabelled.parquet").unlink()
    train, test = (np.load(tmp_path / f"{split}_features_tiny.npy") for split in ("train", "test"))
    told = json.loads((tmp_path / "metadata.json").read_text())
    assert train.shape[0] == len(np.load(tmp_path / "train_labels.npy")) == 30
    assert told["test"]["product_id"] == ids[:-1]
    assert told["test"]["rejected"] == {ids[-1]: "missing_file"}
    assert told["test"]["shape"] == [len(photos), test.shape[1]]
    rows = [told["train"]["product_id"].index(f"{path.parent.name}/{path.name}") for path in photos]
    np.testing.assert_allclose(test, train[rows], atol=1e-5)  # the same photos, packed again


@pytest.mark.parametrize(
    ("candidate", "told"),
    [
        ("tiny-finetune", "pytorch training in mode finetune; features are exported of a PyTorch candidate"),
        ("other-frozen", "no training of candidate 'other-frozen'"),
    ],
)
def test_what_has_no_features_is_told_before_anything_is_written(candidate, told, in_study, tmp_path):
    assert told in export(candidate, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_class_weights_are_n_over_k_times_the_class_size(in_study, tmp_path):
    from bakeoff.deploy.features import export_features

    splits = in_study / "data" / "splits" / "splits.parquet"
    before = splits.read_bytes()
    table = pd.read_parquet(splits)
    kept = table["product_id"].str.startswith("blue/") & (table["split"] != "test")
    table.loc[kept[kept].index[2:], "split"] = "unused"  # 2 blue, 8 green, 8 red are left
    table.to_parquet(splits)
    try:
        export_features(in_study, "tiny-frozen", tmp_path)
    finally:
        splits.write_bytes(before)
    weights = json.loads((tmp_path / "metadata.json").read_text())["class_weights"]
    assert weights == pytest.approx({"blue": 18 / 6, "green": 18 / 24, "red": 18 / 24})


def test_the_baseline_has_no_features_to_export(in_study, tmp_path, monkeypatch):
    from bakeoff.deploy import features as module

    trained = module.find_candidate(in_study, "tiny-frozen", seed=0)
    record = trained.training.model_copy(update={"framework": "tensorflow"})
    assert isinstance(record, TrainingRecord)
    monkeypatch.setattr(
        module, "find_candidate", lambda *args, **options: type(trained)("b", 0, trained.folder, record)
    )
    with pytest.raises(EvaluationError, match=r"b?aseline_tf is a tensorflow training"):
        module.export_features(in_study, "baseline_tf", tmp_path)
