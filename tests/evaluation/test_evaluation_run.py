from __future__ import annotations

import json

import pytest

from bakeoff.core.errors import EvaluationError
from bakeoff.core.failures import read_failures
from bakeoff.core.machine import ComputeParams
from bakeoff.data.predictions import read_predictions
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.evaluation.run import EvaluationSettings, evaluate_candidate
from bakeoff.predictors.loading import load_predictor
from bakeoff.records.files import derived_key, read_training, write_record
from bakeoff.speed.params import ThroughputParams
from numpy_predictor import NumpyPredictor, make_catalogue

TRAINING = {"candidate": "linear-frozen", "model": "linear", "mode": "frozen", "seed": 0, "key": "0123456789abcdef"}


def _settings(budget_s: float = 0.2, threads: int | None = None, top_k: tuple[int, ...] = (2,)) -> EvaluationSettings:
    return EvaluationSettings(
        evaluate=EvaluateParams(
            batch_size=8, top_k=list(top_k), n_bootstrap=200, n_bootstrap_ece=100, calibration_bins=10
        ),
        throughput=ThroughputParams(batch_sizes=[1, 4], budget_s=budget_s, max_attempts=1, threads=threads),
        compute=ComputeParams(device="cpu", threads=1),
    )


def test_whole_evaluation(tmp_path):
    catalogue = make_catalogue(tmp_path)
    predictor = NumpyPredictor(catalogue)
    out = tmp_path / "evaluation"
    record = evaluate_candidate(predictor, catalogue, out, training=TRAINING, settings=_settings(threads=2))
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
        "predictions.parquet",
        "throughput.json",
    ]
    assert json.loads((out / "metrics.json").read_text()) == record
    assert record["candidate"] == "linear-frozen"
    assert record["probabilities"] == "softmax"
    assert record["training_loss_name"] == "cross_entropy"
    assert predictor.n_predicted == 30  # one pass over the catalogue, no more
    assert json.loads((out / "throughput.json").read_text())["threads"] == 2
    label_ids, probabilities = read_predictions(out / "predictions.parquet", catalogue=catalogue).split("test")
    assert record["splits"]["test"]["accuracy"] == (probabilities.argmax(axis=1) == label_ids).mean()
    assert 0.5 < record["splits"]["test"]["accuracy"] <= 1
    assert record["splits"]["test"]["top_2_accuracy"] >= record["splits"]["test"]["accuracy"]
    _assert_the_records_agree(out, record)


@pytest.mark.survives
def test_a_figure_that_fails_costs_no_record(tmp_path, broken_figures, monkeypatch, capfd):
    def no_strip(*_, **__):
        raise OSError("no font")

    monkeypatch.setattr("bakeoff.evaluation.findings.draw_strip", no_strip)
    catalogue = make_catalogue(tmp_path)
    out = tmp_path / "evaluation"
    record = evaluate_candidate(NumpyPredictor(catalogue), catalogue, out, training=TRAINING, settings=_settings())
    pairs = json.loads((out / "confusions.json").read_text())["pairs"]
    failed = [failure.what for failure in read_failures(out)]
    assert failed == ["figures/confusion.png", "figures/calibration.png", *(pair["picture"] for pair in pairs)]
    assert not [path for path in (out / "figures").rglob("*") if path.is_file()]
    assert json.loads((out / "metrics.json").read_text()) == record
    _assert_the_records_agree(out, record)
    for name in ("predictions.parquet", "throughput.json", "confusion.csv", "classification_report.txt"):
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


def test_key_follows_training_and_params():
    settings = _settings()
    assert settings.key("a") == _settings().key("a")
    assert len({settings.key("a"), settings.key("b"), _settings(0.3).key("a"), _settings(threads=1).key("a")}) == 4
    assert settings.key("a") != _settings(top_k=(2, 3)).key("a")
    assert len(settings.key("a")) == 16


def test_derived_key_by_hand():
    import hashlib

    assert derived_key("k", {"b": 1, "a": 2}) == hashlib.sha256(b'["k", {"a": 2, "b": 1}]').hexdigest()[:16]


def test_training_record_is_needed(tmp_path):
    with pytest.raises(EvaluationError, match="nothing to judge"):
        read_training(tmp_path)
    (tmp_path / "training.json").write_text("{cut sho")
    with pytest.raises(EvaluationError, match="is not JSON"):
        read_training(tmp_path)
    (tmp_path / "training.json").write_text("[]")
    with pytest.raises(EvaluationError, match="must hold a JSON object, got list"):
        read_training(tmp_path)
    write_record(tmp_path / "training.json", {"candidate": "c", "model": "m"})
    with pytest.raises(EvaluationError, match="lacks mode, seed, key"):
        read_training(tmp_path)
    write_record(tmp_path / "training.json", TRAINING)
    assert read_training(tmp_path) == TRAINING


def test_nan_never_reaches_a_record(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_record(tmp_path / "x.json", {"a": float("nan")})
    assert not (tmp_path / "x.json").exists()


def test_unknown_framework(tmp_path):
    with pytest.raises(EvaluationError, match="framework must be one of torch, tf, got 'jax'"):
        load_predictor("jax", tmp_path, make_catalogue(tmp_path), batch_size=1, device="cpu")
