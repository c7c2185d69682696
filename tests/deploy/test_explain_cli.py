"""`bakeoff explain` on a tiny trained study: figures, raw maps that add up, and a sentence for every bad input."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from bakeoff.cli import app
from bakeoff.core.errors import BakeoffError
from bakeoff.core.machine import ComputeParams
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.opening import open_subject
from bakeoff.records.training import TrainingRecord
from deploy.small_study import write_params

pytestmark = [pytest.mark.torch, pytest.mark.slow]
FAST = {
    "methods": ["integrated_gradients", "occlusion"],
    "integrated_gradients": {"steps": 32, "baseline": "grey"},
    "occlusion": {"window_px": 32, "stride_px": 32, "baseline": "grey"},
    "kernel_shap": {"n_segments": 6, "compactness": 10.0, "baseline": "grey", "samples": 40},
}


def explain(*arguments: object, ok: bool = True):
    done = CliRunner().invoke(app, ["explain", *map(str, arguments)])
    if ok:
        assert done.exit_code == 0, (done.output, done.exception)
    return done


def said(*arguments: object) -> str:
    """The sentence of the error that a call must end in."""
    done = explain(*arguments, ok=False)
    assert isinstance(done.exception, BakeoffError), done.exception
    return str(done.exception)


@pytest.fixture
def desk(in_study, tmp_path, monkeypatch) -> Iterator[Path]:
    """The working folder, in the study: two of its test photos, and params that cost little."""
    write_params(in_study, interpret=FAST)
    folder = in_study / tmp_path.name
    folder.mkdir()
    for label in ("red", "blue"):
        source = min((in_study / "raw" / "test" / label).iterdir())
        Image.open(source).save(folder / f"{label}.png")
    monkeypatch.chdir(folder)
    yield folder
    write_params(in_study)


def read(file: Path) -> dict[str, np.ndarray]:
    with np.load(file) as held:
        return dict(held)


def test_the_chosen_candidate_explains_its_class_and_the_next(in_study, desk):
    done = explain("red.png")
    held = read(desk / "explanations" / "red" / "tiny-frozen.npz")
    labels, shares = held["labels"].tolist(), held["probabilities"]
    CliRunner().invoke(app, ["predict", "red.png", "-o", "p.parquet", "--top-k", "2"])
    (expected,) = pd.read_parquet(desk / "p.parquet")["top"]
    first, second = np.argsort(-shares)[:2]
    assert [labels[first], labels[second]] == [one["label"] for one in expected]
    assert shares[[first, second]] == pytest.approx([one["probability"] for one in expected], abs=1e-6)
    for one in (first, second):
        assert f"{labels[one]} {shares[one]:.2f}" in done.stdout
    maps = {f"{method}.{label_id}" for method in FAST["methods"] for label_id in (first, second)}
    assert set(held) == {"photo", "labels", "probabilities", "score", "classes", *maps}
    assert held["classes"].tolist() == [first, second]
    assert held["score"] == "logit"
    assert "2 of 2" in done.stdout
    with Image.open(desk / "explanations" / "red" / "tiny-frozen.png") as figure:
        assert figure.width > 1000
        assert np.unique(np.asarray(figure.convert("RGB")).reshape(-1, 3), axis=0).shape[0] > 1000


def test_the_maps_are_the_methods_own_of_the_photo_as_the_network_sees_it(in_study, desk):
    """Integrated Gradients adds up to the logit's difference to grey, and Occlusion's first window to what it costs."""
    explain("blue.png", "--candidate", "tiny-finetune", "--target", "green", "-o", "out")
    held = read(desk / "out" / "blue" / "tiny-finetune.npz")
    image, green = held["photo"], held["labels"].tolist().index("green")
    covered = image.copy()
    covered[:32, :32] = 0.5
    folder = in_study / "runs" / "tiny-finetune" / "seed_0" / "training"
    with open_subject(folder, ComputeParams(device="cpu", threads=1), batch_px=64**2 * 8) as subject:
        plain, grey, less = subject.scores(np.stack([image, np.full_like(image, 0.5), covered]))[:, green]
    assert held[f"integrated_gradients.{green}"].sum() == pytest.approx(float(plain - grey), rel=0.02)
    assert held[f"occlusion.{green}"][:32, :32] == pytest.approx(np.full((32, 32), plain - less), abs=1e-3)
    others = {int(name.split(".")[1]) for name in held if "." in name} - {green}
    assert others == {max((one for one in range(3) if one != green), key=lambda one: held["probabilities"][one])}


def test_several_candidates_and_all_methods_that_there_are(desk):
    done = explain("red.png", "--candidate", "tiny-frozen, tiny-finetune", "--method", "all")
    for candidate in ("tiny-frozen", "tiny-finetune"):
        held = read(desk / "explanations" / "red" / f"{candidate}.npz")
        found = {key.split(".")[0] for key in held if "." in key}
        told = {name for name, method in METHODS.items() if f"{candidate}: {method.TITLE}: " in done.stdout}
        assert found | told == set(METHODS)
        assert {"integrated_gradients", "occlusion"} <= found
    with Image.open(desk / "explanations" / "red" / "comparison.png") as figure:
        assert figure.height > figure.width > 600  # two candidates beside each other, every method below
    (desk / "explanations" / "red" / "tiny-frozen.png").unlink()
    (desk / "explanations" / "red" / "tiny-finetune.png").unlink()
    assert "comparison.png exists and stays as it is" in said("red.png", "--candidate", "tiny-frozen,tiny-finetune")


def test_a_method_that_does_not_fit_is_said_and_the_rest_is_made(in_study, desk):
    write_params(in_study, interpret=FAST | {"occlusion": {"window_px": 99, "stride_px": 9, "baseline": "grey"}})
    done = explain("red.png")
    assert "tiny-frozen: Occlusion: window_px = 99 and stride_px = 9 do not fit a photo of 64 x 64 px" in done.stdout
    assert "1 of 2" in done.stdout
    held = read(desk / "explanations" / "red" / "tiny-frozen.npz")
    assert {key.split(".")[0] for key in held if "." in key} == {"integrated_gradients"}


def test_a_photo_that_cannot_be_read_costs_only_itself(desk):
    (desk / "a_broken.jpg").write_bytes(b"<html>no photo</html>")
    done = explain(".", ok=False)
    assert done.exit_code == 1
    assert "1 of 3 photos could not be read (a_broken.jpg, " in str(done.exception)
    assert {path.parent.name for path in desk.glob("explanations/*/tiny-frozen.png")} == {"red", "blue"}
    assert "the photo could not be read (a_broken.jpg, " in said("a_broken.jpg")


def test_a_candidate_that_cannot_be_opened_costs_only_itself(in_study, desk):
    weights = in_study / "weights" / "tiny"
    weights.rename(in_study / "weights" / "away")
    try:
        told = said("red.png", "--candidate", "tiny-frozen,tiny-finetune")
    finally:
        (in_study / "weights" / "away").rename(weights)
    assert told.startswith("tiny-frozen: ")
    assert str(Path("weights") / "tiny") in told
    assert [path.name for path in desk.glob("explanations/red/*.png")] == ["tiny-finetune.png"]


def test_photos_of_one_name_get_files_of_their_own_and_one_given_twice_is_explained_once(desk):
    (desk / "deep").mkdir()
    shutil.copy("blue.png", desk / "deep" / "red.png")
    explain("red.png", "deep", "red.png")
    made = list(desk.glob("explanations/*/tiny-frozen.npz"))
    assert len(made) == 2
    first, second = (read(path)["photo"] for path in made)
    assert np.abs(first - second).max() > 0.1


def test_what_the_reader_must_know_is_said(in_study, desk):
    file = in_study / "runs" / "tiny-frozen" / "seed_0" / "training" / "training.json"
    kept = file.read_text()
    record = TrainingRecord.read(file)
    record.model_copy(update={"learned": False, "not_learned": "its loss is no number"}).write(file)
    assert "tiny-frozen: This candidate did not learn (its loss is no number)" in explain("red.png").stdout
    dataset = record.dataset.model_copy(update={"digest": "another"})
    record.model_copy(update={"dataset": dataset}).write(file)
    told = explain("red.png", "--force").stderr
    file.write_text(kept)
    assert "data/catalogue is no longer what tiny-frozen was trained on. Mid-grey stands for" in told


def test_bad_input_is_one_sentence_and_nothing_is_overwritten(desk):
    assert "unknown method 'oclusion'; did you mean occlusion? Legal names: all, " in said(
        "red.png", "--method", "integrated_gradients,oclusion"
    )
    assert "unknown class 'gren'; did you mean green? Legal names: blue, green, red." in said(
        "red.png", "--target", "gren"
    )
    assert "no training of candidate 'huge-frozen' in" in said("red.png", "--candidate", "tiny-frozen,huge-frozen")
    assert "tiny-finetune" in said("red.png", "--candidate", "huge-frozen")
    assert "nowhere.jpg is neither a file nor a folder" in said("nowhere.jpg")
    (desk / "empty").mkdir()
    assert "empty holds 0 files and no photo" in said("empty")
    (desk / "t.csv").write_text("image\nred.png\n")
    assert "t.csv is a table; give photos, or folders of photos." in said("t.csv")
    assert "--output t.csv is a file; name a folder." in said("red.png", "-o", "t.csv")
    assert not (desk / "explanations").exists()
    explain("red.png")
    figure = desk / "explanations" / "red" / "tiny-frozen.png"
    before = figure.stat().st_mtime_ns
    assert "tiny-frozen.png exists and stays as it is; name another folder" in said("red.png")
    assert figure.stat().st_mtime_ns == before
    explain("red.png", "--force")
    assert figure.stat().st_mtime_ns != before


def test_the_help_lists_every_method_in_its_own_words(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    told = explain("--help").stdout
    for name, method in METHODS.items():
        assert name in told
        assert str(method.__doc__).splitlines()[0].partition(": ")[2][:40] in told
