"""A pair from its sides' folders to its own: what it leaves, what determines it, what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from half_told import FUSE

from bakeoff.core.errors import EvaluationError
from bakeoff.data.predictions import make_predictions, read_predictions, write_predictions
from bakeoff.evaluation.params import AutomationParams, EvaluateParams
from bakeoff.evaluation.run import evaluate_candidate
from bakeoff.fusion.fit import Fusion
from bakeoff.fusion.run import FILE, fuse
from bakeoff.records.candidate import Candidate
from bakeoff.records.training import CostRecord, TrainingRecord
from bakeoff.text.train import train_text
from text_study import ONE_CORE, catalogue_of, plan_of, settings

pytestmark = pytest.mark.torch
EVALUATE = EvaluateParams(
    top_k=[], n_bootstrap=100, n_bootstrap_ece=100, calibration_bins=5, automation=AutomationParams(precision=0.9)
)
SIDES = "tfidf_svm-original", "tfidf_forest-original"
PAIR = Candidate(f"{SIDES[0]}+{SIDES[1]}-stacking_logistic")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    catalogue = catalogue_of(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bakeoff.text.train.state_dir", lambda name: folder / ".bakeoff" / name)
        for side in map(Candidate, SIDES):
            plan = plan_of(folder, catalogue, settings=settings(side.model))
            train_text(plan, side.folder(folder / "runs") / "training")
    return folder, catalogue


@pytest.fixture(scope="module")
def made(study):
    folder, catalogue = study
    return fuse(PAIR, catalogue, folder / "runs", params=FUSE, compute=ONE_CORE)


def test_a_pair_leaves_what_every_candidate_leaves(study, made):
    folder, catalogue = study
    training = PAIR.folder(folder / "runs") / "training"
    assert TrainingRecord.read(training / "training.json") == made
    assert (made.candidate, made.model, made.mode) == (PAIR.name, "+".join(SIDES), "stacking_logistic")
    assert (made.framework, made.modality, made.environment, made.learned) == ("fusion", "pair", "torch", True)
    assert made.weights.source == "none"
    predictions = read_predictions(training / "predictions.parquet", catalogue=catalogue)
    label_ids, probabilities = predictions.split("test")
    assert (probabilities.argmax(axis=1) == label_ids).mean() > 0.9


def test_sizes_and_time_are_those_of_both_sides(study, made):
    folder, _ = study
    sides = [Candidate(name).folder(folder / "runs") / "training" for name in SIDES]
    records = [TrainingRecord.read(side / "training.json") for side in sides]
    costs = [CostRecord.read(side / "cost.json") for side in sides]
    assert made.size_mib == pytest.approx(sum(one.size_mib for one in records))
    assert made.n_parameters == sum(one.n_parameters for one in records)
    own = CostRecord.read(PAIR.folder(folder / "runs") / "training" / "cost.json")
    assert own.train_time_s > sum(one.train_time_s for one in costs)
    assert own.train_memory_mib == max(one.train_memory_mib for one in costs)
    assert made.settings.keys == [one.key for one in records]


def test_the_fusion_that_is_kept_gives_the_same_answers(study, made):
    folder, _ = study
    training = PAIR.folder(folder / "runs") / "training"
    fusion = Fusion.read(training / FILE)
    assert fusion.n_learnt == made.settings.n_learnt == 48  # train's by the answers out of fold, and validation's
    sides = [
        read_predictions(Candidate(name).folder(folder / "runs") / "training" / "predictions.parquet") for name in SIDES
    ]
    own = read_predictions(training / "predictions.parquet")
    every = np.ones(len(own.products), dtype=bool)
    test = (own.products["split"] == "test").to_numpy()
    answers = fusion.apply(sides[0].probabilities, sides[1].probabilities, every, every)
    np.testing.assert_allclose(answers[test], own.probabilities[test], atol=1e-6)


def test_the_stricter_licence_counts(study):
    folder, catalogue = study
    strict = Path(folder / "strict")
    for name, use in zip(SIDES, (True, False), strict=True):
        source, target = (Candidate(name).folder(place) / "training" for place in (folder / "runs", strict))
        target.mkdir(parents=True)
        for file in ("predictions.parquet", "out_of_fold.parquet", "cost.json"):
            (target / file).write_bytes((source / file).read_bytes())
        record = TrainingRecord.read(source / "training.json")
        changed = {"commercial_use": use, "licence_code": "MIT" if use else "CC-BY-NC-4.0"}
        record.model_copy(update={"settings": record.settings.model_copy(update=changed)}).write(
            target / "training.json"
        )
    record = fuse(PAIR, catalogue, strict, params=FUSE, compute=ONE_CORE)
    assert (record.commercial_use, record.licence) == (False, "CC-BY-NC-4.0")


def test_a_side_that_is_not_trained_or_a_name_without_two_sides_is_told(study):
    folder, catalogue = study
    with pytest.raises(EvaluationError, match=r"gone-original/seed_0/training/training.json is missing"):
        fuse(Candidate(f"{SIDES[0]}+gone-original-mean"), catalogue, folder / "runs", params=FUSE, compute=ONE_CORE)
    for name in (SIDES[0], f"{SIDES[0]}+{SIDES[1]}+{SIDES[0]}-mean"):
        with pytest.raises(EvaluationError, match="is no pair; expected <candidate>"):
            fuse(Candidate(name), catalogue, folder / "runs", params=FUSE, compute=ONE_CORE)


def test_where_one_side_has_no_input_the_other_answers_and_those_without_either_are_counted(study, tmp_path):
    folder, catalogue = study
    pair = Candidate(f"{SIDES[0]}+net-frozen-mean")
    training = pair.sides[1].folder(tmp_path) / "training"
    shutil.copytree(pair.sides[0].folder(folder / "runs"), pair.sides[0].folder(tmp_path))
    shutil.copytree(Candidate(SIDES[1]).folder(folder / "runs"), training.parent)  # stands in for a model of photos
    rows = catalogue.rows("test")[:3]
    for side, lacking in zip(pair.sides, (rows[[0, 2]], rows[[1, 2]]), strict=True):
        file = side.folder(tmp_path) / "training" / "predictions.parquet"
        has = np.isin(np.arange(len(catalogue.products)), lacking, invert=True)
        plain = read_predictions(file)
        found = make_predictions(catalogue.reading(has), plain.probabilities, plain.products["loss"].to_numpy())
        write_predictions(found, file)
    fuse(pair, catalogue, tmp_path, params=FUSE, compute=ONE_CORE)
    own, text, photo = (
        read_predictions(one.folder(tmp_path) / "training" / "predictions.parquet").probabilities
        for one in (pair, *pair.sides)
    )
    np.testing.assert_allclose(own[rows[0]], photo[rows[0]], rtol=1e-6)
    np.testing.assert_allclose(own[rows[1]], text[rows[1]], rtol=1e-6)
    counted = {}
    for one in (pair, *pair.sides):
        done = one.folder(tmp_path)
        counted[one.modality] = evaluate_candidate(done / "training", catalogue, done / "evaluation", params=EVALUATE)
    assert {name: found.n_without_input for name, found in counted.items()} == {"pair": 1, "text": 2, "image": 2}
