"""`bakeoff predict` of candidates that read texts, and of a pair of two: the study's own answers, every refusal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bakeoff.core.errors import DataError, EvaluationError, ParamsError
from bakeoff.core.section import load_section
from bakeoff.data.predictions import read_predictions
from bakeoff.deploy.prediction.run import PredictOptions, predict
from bakeoff.deploy.prediction.scores import Scores
from bakeoff.deploy.prediction.sides import fused
from bakeoff.deploy.prediction.sources import Columns
from bakeoff.evaluation.calibration import apply_temperature
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.evaluation.run import evaluate_candidate
from bakeoff.fusion.fit import Fusion
from bakeoff.fusion.params import FuseParams
from bakeoff.fusion.run import fuse
from bakeoff.records.candidate import Candidate
from bakeoff.records.training import TrainingRecord
from bakeoff.text.train import train_text
from text_study import ONE_CORE, catalogue_of, plan_of, settings

pytestmark = pytest.mark.torch
ROOT = Path(__file__).resolve().parents[2]
ONE, OTHER = "tfidf_svm-original", "tfidf_sgd-original"
PAIR = f"{ONE}+{OTHER}-stacking_logistic"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    shutil.copyfile(ROOT / "params.yaml", root / "params.yaml")
    catalogue, runs = catalogue_of(root), root / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bakeoff.text.train.state_dir", lambda name: root / ".bakeoff" / name)
        for side in map(Candidate, (ONE, OTHER)):
            train_text(plan_of(root, catalogue, settings=settings(side.model)), side.folder(runs) / "training")
    fuse(Candidate(PAIR), catalogue, runs, params=load_section(ROOT / "params.yaml", FuseParams), compute=ONE_CORE)
    for name in (ONE, OTHER, PAIR):
        folder = Candidate(name).folder(runs)
        params = load_section(ROOT / "params.yaml", EvaluateParams)
        evaluate_candidate(folder / "training", catalogue, folder / "evaluation", params=params)
    return root


@pytest.mark.parametrize("candidate", [ONE, PAIR])
def test_the_studys_products_get_the_studys_own_probabilities(project, tmp_path, candidate):
    texts = pd.read_parquet(project / "texts.parquet").rename(columns={"title": "name"})
    texts.to_csv(tmp_path / "new.csv", index=False)
    options = PredictOptions(candidate, columns=Columns(title="name"), output=tmp_path / "out.json", top_k=3)
    assert predict(project, tmp_path / "new.csv", options).n_refused == 0
    folder = Candidate(candidate).folder(project / "runs")
    predictions = read_predictions(folder / "training" / "predictions.parquet")
    temperature = json.loads((folder / "evaluation" / "calibration.json").read_text())["temperature"]
    expected = dict(
        zip(predictions.products["product_id"], apply_temperature(predictions.probabilities, temperature), strict=True)
    )
    tested = set(predictions.products["product_id"][predictions.products["split"] == "test"])
    answers = {one["id"]: one for one in json.loads((tmp_path / "out.json").read_text()) if one["id"] in tested}
    assert set(answers) == tested
    for identifier, answer in answers.items():
        given = {one["label"]: one["probability"] for one in answer["top"]}
        assert [given[label] for label in predictions.labels] == pytest.approx(expected[identifier].tolist(), abs=1e-5)


def test_one_text_and_rows_without_any(project, tmp_path):
    options = PredictOptions(ONE, text="a sapphire as blue as the ocean", output=tmp_path / "one.json")
    predict(project, None, options)
    assert json.loads((tmp_path / "one.json").read_text())[0]["label"] == "blue"
    pd.DataFrame({"title": ["a ruby", None, " "], "description": [None, "ruby rose", ""]}).to_parquet(
        tmp_path / "rows.parquet"
    )
    predict(project, tmp_path / "rows.parquet", PredictOptions(PAIR, output=tmp_path / "rows.json"))
    answers = json.loads((tmp_path / "rows.json").read_text())
    assert [one["label"] for one in answers] == ["red", "red", None]
    assert (answers[2]["reason"], answers[2]["id"]) == ("no_text", "row_2")


@pytest.mark.parametrize(
    ("given", "candidate", "columns", "error", "told"),
    [
        (None, ONE, Columns(), ParamsError, "give a photo, a folder or a table, or --text"),
        ("photo.png", ONE, Columns(), DataError, "tfidf_svm-original reads texts; give a table of them"),
        (
            "other.csv",
            ONE,
            Columns(),
            DataError,
            "no column title or description; name one by --title-column",
        ),
        ("other.csv", ONE, Columns(title="b"), DataError, r"has no column 'b' \(--title-column\)"),
    ],
)
def test_what_cannot_be_read_is_told(project, tmp_path, given, candidate, columns, error, told):
    (tmp_path / "photo.png").write_bytes(b"x")
    (tmp_path / "other.csv").write_text("a\nx\n", encoding="utf-8")
    with pytest.raises(error, match=told):
        predict(project, given and tmp_path / given, PredictOptions(candidate, columns=columns))


def test_a_pair_of_earlier_trainings_is_refused(project, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    file = Candidate(ONE).folder(copy / "runs") / "training" / "training.json"
    TrainingRecord.read(file).model_copy(update={"key": "0" * 16}).write(file)
    with pytest.raises(EvaluationError, match="was made of an earlier training of tfidf_svm-original"):
        predict(copy, None, PredictOptions(PAIR, text="a ruby"))


def test_the_other_side_answers_where_one_has_nothing():
    def side(reasons, rows):
        return Scores(reasons, reasons, ["" for _ in reasons], np.array(rows, dtype=np.float32))

    nothing = [np.nan, np.nan]
    first = side([None, None, "missing_file", "missing_file"], [[0.8, 0.2], [0.6, 0.4], nothing, nothing])
    second = side([None, "no_text", None, "no_text"], [[0.6, 0.4], nothing, [0.1, 0.9], nothing])
    found = fused(Fusion("mean", ["a", "b"], 0, [], {}), first, second)
    np.testing.assert_allclose(found.probabilities[:3], [[0.7, 0.3], [0.6, 0.4], [0.1, 0.9]], atol=1e-6)
    assert np.isnan(found.probabilities[3]).all()
    assert found.reasons == [None, None, None, "missing_file"]
