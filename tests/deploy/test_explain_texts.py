"""`bakeoff explain --text`: the words that decide, in the terminal, and a sentence for who reads no text."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bakeoff.cli import app
from bakeoff.core.errors import BakeoffError
from bakeoff.core.section import load_section
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.evaluation.run import evaluate_candidate
from bakeoff.fusion.params import FuseParams
from bakeoff.fusion.run import fuse
from bakeoff.records.candidate import Candidate
from bakeoff.text.train import train_text
from records_made import training_record
from text_study import ONE_CORE, catalogue_of, plan_of, settings

pytestmark = pytest.mark.torch
ROOT = Path(__file__).resolve().parents[2]
ONE, OTHER, PHOTOS = "tfidf_svm-original", "fasttext-original", "swin_t-frozen"
PAIR = f"{ONE}+{OTHER}-mean"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, root / name)
    catalogue, runs = catalogue_of(root), root / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bakeoff.text.train.state_dir", lambda name: root / ".bakeoff" / name)
        for side in map(Candidate, (ONE, OTHER)):
            train_text(plan_of(root, catalogue, settings=settings(side.model)), side.folder(runs) / "training")
    fuse(Candidate(PAIR), catalogue, runs, params=load_section(ROOT / "params.yaml", FuseParams), compute=ONE_CORE)
    for name in (ONE, OTHER):
        folder = Candidate(name).folder(runs)
        params = load_section(ROOT / "params.yaml", EvaluateParams)
        evaluate_candidate(folder / "training", catalogue, folder / "evaluation", params=params)
    training_record(PHOTOS).write(Candidate(PHOTOS).folder(runs) / "training" / "training.json")
    return root


@pytest.fixture
def explain(project, monkeypatch):
    monkeypatch.setenv("BAKEOFF_ROOT", str(project))
    monkeypatch.chdir(project)
    return lambda *arguments: CliRunner().invoke(app, ["explain", *arguments])


@pytest.mark.parametrize("candidate", [ONE, OTHER])
def test_the_planted_words_speak_for_their_class(explain, candidate):
    done = explain("--text", "<b>Sapphire</b> rose, sapphire\u202e OCEAN", "--candidate", candidate)
    assert done.exit_code == 0, (done.output, done.exception)
    head, read_as, in_favour, against, unit = done.output.splitlines()
    assert head.startswith(f"{candidate}: blue, probability 0.")
    assert read_as.split() == ["read", "as", "sapphire", "rose", "sapphire", "ocean"]
    assert {word.split()[0] for word in in_favour.removeprefix("  for ").split(",")} == {"sapphire", "ocean"}
    assert against.split()[1] == "rose"
    assert "-" in against.split()[2]
    assert "score" in unit if candidate == ONE else "nats" in unit


def test_another_class_several_candidates_and_a_text_of_nothing(explain):
    done = explain("--text", "sapphire rose", "--candidate", f"{ONE},{OTHER}", "--target", "red")
    assert done.exit_code == 0, (done.output, done.exception)
    assert done.output.splitlines()[0].startswith(f"{ONE}: red, probability 0.")
    assert done.output.count("against") == 2
    assert "  for       rose +" in done.output
    done = explain("--text", "  ", "--candidate", ONE)
    assert done.exit_code == 0, (done.output, done.exception)
    assert "read as   nothing" in done.output
    assert done.output.count("no word") == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--text", "a", "--candidate", PHOTOS), f"{PHOTOS} reads photos, no texts; give photos, or name a candidate"),
        (("--text", "a", "--candidate", PAIR), f"{PAIR} is a pair, .*; explain --candidate {ONE}, {OTHER}"),
        (("--text", "a", "--candidate", ONE, "--method", "lime"), "--method is for photos"),
        (("--text", "a", "--candidate", ONE, "--target", "pink"), "unknown class 'pink'"),
        (("--text", "a", "--candidate", "nobody"), "no training of candidate 'nobody'"),
        (("--text", "a"), "no candidate has been chosen"),
        (("photo.jpg", "--text", "a", "--candidate", ONE), "give photos or folders of photos, or --text"),
        ((), "give photos or folders of photos, or --text"),
    ],
)
def test_who_reads_no_text_is_told_in_a_sentence(explain, arguments, sentence):
    done = explain(*arguments)
    assert done.exit_code != 0
    assert isinstance(done.exception, BakeoffError), done.exception
    assert re.search(sentence.replace("+", r"\+"), str(done.exception)), done.exception
