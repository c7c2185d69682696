"""A candidate's name, its folder, and the trainings that a study has left."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bakeoff.records.candidate import BASELINE, Candidate, all_trained
from bakeoff.records.study import StudyLists


@pytest.mark.parametrize(
    ("name", "model", "mode", "environment"),
    [
        ("swin_t-frozen", "swin_t", "frozen", "torch"),
        ("convnext_tiny.fb-in22k-finetune", "convnext_tiny.fb-in22k", "finetune", "torch"),
        (BASELINE, BASELINE, None, "tf"),
    ],
)
def test_a_name_says_model_and_mode(tmp_path, name, model, mode, environment):
    candidate = Candidate(name, 3)
    assert (candidate.model, candidate.mode, candidate.environment) == (model, mode, environment)
    assert candidate.is_baseline == (name == BASELINE)
    assert candidate.title == f"{name} (seed 3)"
    assert candidate.folder(tmp_path) == tmp_path / name / "seed_3"
    assert Candidate.at(candidate.folder(tmp_path)) == candidate
    assert mode is None or Candidate.of(model, mode, 3) == candidate


def test_a_pair_names_its_sides(tmp_path):
    pair = Candidate("tf_lite0.in1k-frozen+tfidf_svm-original-stacking_svm", 2)
    assert (pair.model, pair.mode, pair.modality) == ("tf_lite0.in1k-frozen+tfidf_svm-original", "stacking_svm", "pair")
    assert pair.sides == (Candidate("tf_lite0.in1k-frozen", 2), Candidate("tfidf_svm-original", 2))
    assert Candidate(f"{BASELINE}+tfidf_svm-original-mean").sides[0].is_baseline
    assert Candidate.at(pair.folder(tmp_path)) == pair
    assert [one.modality for one in pair.sides] == ["image", "text"]
    assert pair.sides[0].sides == ()


def lists(**fuse):
    given = {"first": [], "second": [], "methods": []} | fuse
    texts = {"text_models": ["tfidf_svm"], "text_variants": ["original"]}
    return StudyLists.model_validate(
        {"models": ["swin_t"], "modes": ["frozen"], "seeds": [0, 1], **texts, "fuse": given}
    )


def test_pairs_of_a_study_come_last_with_every_seed():
    found = lists(first=[BASELINE, "swin_t-frozen"], second=["tfidf_svm-original"], methods=["mean", "max"], mean={})
    pairs = [one for one in found.candidates() if one.sides]
    assert found.candidates()[-len(pairs) :] == pairs
    assert len(pairs) == 8
    assert {one.name for one in pairs} == {
        f"{side}+tfidf_svm-original-{method}" for side in (BASELINE, "swin_t-frozen") for method in ("mean", "max")
    }


@pytest.mark.parametrize(
    ("fuse", "told"),
    [
        ({"first": ["swin_t-finetune"]}, "'swin_t-finetune' is no candidate of the study; it has baseline_tf, swin_t"),
        ({"second": ["swin_t"]}, "'swin_t' is no candidate of the study"),
        ({"first": [BASELINE], "second": [BASELINE]}, "first and second both name baseline_tf"),
    ],
)
def test_sides_that_the_study_has_not_are_refused(fuse, told):
    with pytest.raises(ValidationError, match=told):
        lists(**fuse)


def test_trained_candidates_are_found_by_name_and_number(tmp_path):
    for name, seed in (("b-frozen", 10), ("b-frozen", 2), ("a-frozen", 0), (BASELINE, 0)):
        file = Candidate(name, seed).folder(tmp_path) / "training" / "training.json"
        file.parent.mkdir(parents=True)
        file.touch()
    Candidate("b-frozen", 7).folder(tmp_path).mkdir()
    assert [(one.name, one.seed) for one in all_trained(tmp_path)] == [
        ("a-frozen", 0),
        ("b-frozen", 2),
        ("b-frozen", 10),
        (BASELINE, 0),
    ]
    assert [one.seed for one in Candidate("b-frozen").seeds(tmp_path)] == [2, 10]
    assert Candidate("b-frozen").seeds(tmp_path, "evaluation/metrics.json") == []
    assert list(all_trained(tmp_path / "none")) == []


def test_a_study_is_every_combination_and_the_baseline():
    study = StudyLists(models=["m", "n"], modes=["frozen", "finetune"], seeds=[0, 4])
    assert [(one.name, one.seed) for one in study.candidates()] == [
        (BASELINE, 0),
        (BASELINE, 4),
        *((f"{model}-{mode}", seed) for model in "mn" for mode in ("frozen", "finetune") for seed in (0, 4)),
    ]
    with pytest.raises(ValidationError, match="needs at least one value and no repeats"):
        StudyLists(models=["m"], modes=["frozen"], seeds=[])
    with pytest.raises(ValidationError, match=r"must be letters, digits, '\.' and '_' \(it names folders\)"):
        StudyLists(models=["a-b"], modes=["frozen"], seeds=[0])
