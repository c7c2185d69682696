from __future__ import annotations

import json

import pytest

from bakeoff.core.code import digest
from bakeoff.core.errors import EvaluationError
from bakeoff.core.failures import read_failures
from bakeoff.core.files import write_json
from bakeoff.data.predictions import read_predictions
from bakeoff.evaluation.params import AutomationParams, EvaluateParams
from bakeoff.evaluation.run import evaluate_candidate
from numpy_predictor import make_catalogue, write_training
from records_made import training_record

PROMISE = AutomationParams(precision=0.9)
PARAMS = EvaluateParams(top_k=[2], n_bootstrap=200, n_bootstrap_ece=100, calibration_bins=10, automation=PROMISE)


@pytest.fixture
def catalogue(tmp_path):
    return make_catalogue(tmp_path)


@pytest.fixture
def training_dir(tmp_path, catalogue):
    write_training(tmp_path / "training", catalogue)
    return tmp_path / "training"


def test_whole_evaluation(tmp_path, catalogue, training_dir):
    out = tmp_path / "evaluation"
    record = evaluate_candidate(training_dir, catalogue, out, params=PARAMS).model_dump(mode="json")
    pairs = json.loads((out / "confusions.json").read_text())["pairs"]
    assert pairs
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()) == [
        "calibration.json",
        "classification_report.txt",
        "confusion.csv",
        "confusions.json",
        "figures/calibration.png",
        "figures/confusion.png",
        *(pair["picture"] for pair in pairs),
        "metrics.json",
    ]
    assert json.loads((out / "metrics.json").read_text()) == record
    known = {name: record[name] for name in ("candidate", "model", "mode", "seed", "training_key")}
    assert known == {
        "candidate": "linear-frozen",
        "model": "linear",
        "mode": "frozen",
        "seed": 0,
        "training_key": "0123456789abcdef",
    }
    assert record["probabilities"] == "softmax"
    assert record["training_loss_name"] == "cross_entropy"
    label_ids, probabilities = read_predictions(training_dir / "predictions.parquet", catalogue=catalogue).split("test")
    assert record["splits"]["test"]["accuracy"] == (probabilities.argmax(axis=1) == label_ids).mean()
    assert 0.5 < record["splits"]["test"]["accuracy"] <= 1
    assert record["splits"]["test"]["top_2_accuracy"] >= record["splits"]["test"]["accuracy"]
    _assert_the_records_agree(out, record)


def test_products_of_one_group_count_together(tmp_path, catalogue, training_dir):
    alone = evaluate_candidate(training_dir, catalogue, tmp_path / "evaluation", params=PARAMS)
    catalogue.products["group_id"] //= 30  # all test products in one group
    grouped = evaluate_candidate(training_dir, catalogue, tmp_path / "evaluation", params=PARAMS)
    assert (alone.n_effective, grouped.n_effective) == (6, 1)
    one, all_ = (each.intervals["test"]["accuracy"] for each in (alone, grouped))
    assert all_.high - all_.low > one.high - one.low


def test_the_cost_of_a_training_is_not_read(tmp_path, catalogue, training_dir):
    (training_dir / "cost.json").unlink()
    evaluate_candidate(training_dir, catalogue, tmp_path / "evaluation", params=PARAMS)


@pytest.mark.survives
def test_a_figure_that_fails_costs_no_record(tmp_path, catalogue, training_dir, broken_figures, monkeypatch, capfd):
    def no_strip(*_, **__):
        raise OSError("no font")

    monkeypatch.setattr("bakeoff.evaluation.run.draw_strip", no_strip)
    out = tmp_path / "evaluation"
    record = evaluate_candidate(training_dir, catalogue, out, params=PARAMS).model_dump(mode="json")
    pairs = json.loads((out / "confusions.json").read_text())["pairs"]
    failed = [failure.what for failure in read_failures(out)]
    assert failed == ["figures/confusion.png", "figures/calibration.png", *(pair["picture"] for pair in pairs)]
    assert not [path for path in (out / "figures").rglob("*") if path.is_file()]
    assert json.loads((out / "metrics.json").read_text()) == record
    _assert_the_records_agree(out, record)
    for name in ("confusion.csv", "classification_report.txt"):
        assert (out / name).is_file()
    assert "figures/calibration.png could not be made (ValueError: 'yerr' must not" in capfd.readouterr().err


def _assert_the_records_agree(out, record):
    calibration = json.loads((out / "calibration.json").read_text())
    confusions = json.loads((out / "confusions.json").read_text())
    assert calibration["key"] == confusions["key"] == record["key"]
    before, ece = calibration["test"]["before"], record["intervals"]["test"]["ece"]
    assert before["ece_equal_width"] == record["splits"]["test"]["ece"]
    assert (before["ece_low"], before["ece_high"]) == (ece["low"], ece["high"])
    assert calibration["warning"] == "validation_small"
    mistakes = round((1 - record["splits"]["test"]["accuracy"]) * confusions["n_test"])
    assert sum(pair["count"] for pair in confusions["pairs"]) == mistakes
    assert set(record["overfitting"]) >= {"accuracy_gap", "log_loss_gap", "overfits", "rule"}


def test_key_follows_training_and_params(tmp_path, catalogue, training_dir, monkeypatch):
    monkeypatch.setattr("bakeoff.evaluation.run._draw", lambda *_, **__: None)

    def key(params: EvaluateParams = PARAMS) -> str:
        return evaluate_candidate(training_dir, catalogue, tmp_path / "evaluation", params=params).key

    first = key()
    assert first == key() == digest(["0123456789abcdef", PARAMS.model_dump()])
    assert len(first) == 16
    others = {key(PARAMS.model_copy(update=change)) for change in ({"top_k": [1, 2]}, {"n_bootstrap": 201})}
    write_training(training_dir, catalogue).model_copy(update={"key": "b"}).write(training_dir / "training.json")
    assert len({first, key(), *others}) == 4


def test_digest_by_hand():
    import hashlib

    assert digest(["k", {"b": 1, "a": 2}]) == hashlib.sha256(b'["k", {"a": 2, "b": 1}]').hexdigest()[:16]


def test_training_record_is_needed(tmp_path, catalogue):
    path = tmp_path / "training.json"

    def judge() -> None:
        evaluate_candidate(tmp_path, catalogue, tmp_path / "evaluation", params=PARAMS)

    with pytest.raises(EvaluationError, match=r"training.json is missing; run `dvc repro train_torch baseline_tf`"):
        judge()
    path.write_text("{cut sho")
    with pytest.raises(EvaluationError, match=r"training.json is not valid JSON"):
        judge()
    path.write_text("[]")
    with pytest.raises(EvaluationError, match=r"training.json does not hold what it should"):
        judge()
    write_json(path, {"format": 3, "candidate": "c", "model": "m"})
    with pytest.raises(EvaluationError, match=r"training.json lacks mode"):
        judge()
    training_record("linear-frozen").write(path)
    with pytest.raises(EvaluationError, match=r"predictions.parquet is missing; train the candidate first"):
        judge()


def test_predictions_of_another_split_are_not_judged(tmp_path, catalogue, training_dir):
    catalogue.products["split"] = catalogue.products["split"].to_numpy()[::-1]
    with pytest.raises(EvaluationError, match="its column split differs from the catalogue's"):
        evaluate_candidate(training_dir, catalogue, tmp_path / "evaluation", params=PARAMS)


def test_nan_never_reaches_a_record(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not (tmp_path / "x.json").exists()
