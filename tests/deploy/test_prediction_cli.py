"""`bakeoff predict` on a tiny trained study: the study's own numbers, every format, every refusal."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bakeoff.cli import app
from bakeoff.core.errors import BakeoffError
from bakeoff.data.predictions import read_predictions
from bakeoff.evaluation.calibration import apply_temperature
from bakeoff.records.catalogue import LabelsRecord
from records_made import calibration_record, choice_record

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def predict(*arguments: object, ok: bool = True):
    done = CliRunner().invoke(app, ["predict", *map(str, arguments)])
    if ok:
        assert done.exit_code == 0, (done.output, done.exception)
    return done


def said(*arguments: object) -> str:
    """The sentence of the error that a call must end in."""
    done = predict(*arguments, ok=False)
    assert done.exit_code != 0
    assert isinstance(done.exception, BakeoffError), done.exception
    return str(done.exception)


def evaluated(study: Path, candidate: str) -> dict[str, np.ndarray]:
    """The study's own probabilities of the test products, after temperature."""
    folder = study / "runs" / candidate / "seed_0"
    predictions = read_predictions(folder / "training" / "predictions.parquet")
    test = predictions.products["split"] == "test"
    temperature = json.loads((folder / "evaluation" / "calibration.json").read_text())["temperature"]
    values = apply_temperature(predictions.probabilities[test.to_numpy()], temperature)
    return dict(zip(predictions.products["product_id"][test], values, strict=True))


@pytest.mark.parametrize("candidate", ["tiny-frozen", "tiny-finetune"])
def test_the_test_photos_get_the_studys_own_probabilities(in_study, tmp_path, candidate):
    predict("raw/test", "--candidate", candidate, "--top-k", 3, "-o", tmp_path / "out.parquet")
    table = pd.read_parquet(tmp_path / "out.parquet")
    expected = evaluated(in_study, candidate)
    assert sorted(table["id"]) == sorted(expected)
    for identifier, top in zip(table["id"], table["top"], strict=True):
        given = {one["label"]: one["probability"] for one in top}
        wanted = dict(zip(("blue", "green", "red"), expected[identifier], strict=True))
        assert given == pytest.approx(wanted, abs=1e-5)
        assert sum(given.values()) == pytest.approx(1)


@pytest.mark.slow
def test_json_on_stdout_stays_clean_and_the_chosen_candidate_answers(in_study):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "bakeoff.cli", "predict"]
    done = subprocess.run(
        [*command, "raw/test/red", "--format", "json", "--top-k", "2", "--threshold", "1"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    answers = json.loads(done.stdout)
    assert [set(answer) for answer in answers] == [
        {"id", "image", "label", "probability", "review", "top", "study_split", "reason", "detail"}
    ] * 2
    assert [answer["study_split"] for answer in answers] == ["test", "test"]
    assert "2 photos of the study itself (2 test): no evidence about new ones." in done.stderr
    assert all(len(answer["top"]) == 2 and answer["review"] is True for answer in answers)
    assert "2 photos classified by tiny-frozen (seed 0); 2 of them below 1, marked `review`" in done.stderr


def test_unreadable_photos_are_rows_with_a_reason(in_study, tmp_path):
    table = pd.DataFrame({"sku": ["a", "b", "c"], "file": ["broken.jpg", "nowhere.jpg", ""]})
    (tmp_path / "broken.jpg").write_bytes(b"<html>no photo</html>")
    table.loc[3] = ["d", str((in_study / "raw/test/red").resolve() / next((in_study / "raw/test/red").iterdir()).name)]
    table.to_csv(tmp_path / "new.csv", index=False)
    done = predict(tmp_path / "new.csv", "--image-column", "file", "-o", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["id"] for row in rows] == ["a", "b", "c", "d"]
    assert [row["reason"] for row in rows] == ["not_an_image", "missing_file", "missing_file", ""]
    assert [row["study_split"] for row in rows] == ["", "", "", "test"]
    assert rows[3]["label"] in {"red", "green", "blue"}
    assert float(rows[3]["probability"]) >= float(rows[3]["probability_2"]) >= float(rows[3]["probability_3"])
    assert "3 photos could not be read (2 missing_file, 1 not_an_image; the first: broken.jpg" in done.stderr


def test_where_none_can_be_read_nothing_is_written(in_study, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    assert "the product could not be read (1 empty_file; the first: a.jpg: 0 bytes); nothing was written" in said(
        tmp_path / "a.jpg", "-o", tmp_path / "out.json"
    )
    assert not (tmp_path / "out.json").exists()


def test_a_table_on_the_screen_and_files_that_are_no_photos(in_study, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    source = next((in_study / "raw" / "test" / "blue").iterdir())
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / source.name).write_bytes(source.read_bytes())
    done = predict(tmp_path, "--threshold", "0.8")
    assert "deep/er" in done.stdout
    assert "left out, not photos by their extension: 1 of the folder's files (notes.txt)." in done.stderr
    assert "(on the test products 50% reached it, of which 90% were right)" in done.stderr
    promised = predict(tmp_path).stderr
    assert "of them below 0.7 (for 90% right), marked `review` for a human (on the test products 60% " in promised
    evaluation = in_study / "runs" / "tiny-frozen" / "seed_0" / "evaluation"
    none_kept = calibration_record().automation.model_copy(update={"threshold": None, "share": 0.0, "precision": None})
    calibration_record(automation=none_kept).write(evaluation / "calibration.json")
    told = predict(tmp_path).stderr
    calibration_record().write(evaluation / "calibration.json")
    assert "1 of them marked `review` for a human: no threshold kept 90% right on the validation products." in told


def test_nothing_is_overwritten_and_wrong_flags_are_told(in_study, tmp_path):
    photo = next((in_study / "raw" / "test" / "blue").iterdir())
    (tmp_path / "out.json").write_text("mine")
    assert "exists and stays as it is; name another file, or add --force" in said(photo, "-o", tmp_path / "out.json")
    assert (tmp_path / "out.json").read_text() == "mine"
    predict(photo, "-o", tmp_path / "out.json", "--force")
    assert len(json.loads((tmp_path / "out.json").read_text())) == 1
    assert "--format must be one of table, json, parquet, csv, got 'xml'" in said(photo, "--format", "xml")
    assert "got no format and the file" in said(photo, "-o", tmp_path / "out.txt")
    assert "a table is for the screen" in said(photo, "--format", "table", "-o", tmp_path / "x.csv")
    assert "Parquet needs a file" in said(photo, "--format", "parquet")
    assert "is a folder; name a file in it" in said(photo, "--format", "csv", "-o", tmp_path)
    assert "--threshold is a probability from 0 to 1, got 80" in said(photo, "--threshold", "80")
    assert "--top-k must be at least 1, got 0" in said(photo, "--top-k", "0")


def test_sources_that_cannot_be_used(in_study, tmp_path):
    assert "is neither a file nor a folder" in said(tmp_path / "nowhere")
    assert "holds 0 files and no photo; photos end in .avif, .bmp" in said(tmp_path)
    table = tmp_path / "t.csv"
    table.write_text("photo,x\na.jpg,1\n")
    assert "has no column 'image' (--image-column); its columns are photo, x." in said(table)
    assert "has no column 'sku'" in said(table, "--image-column", "photo", "--id-column", "sku")
    table.write_text("image\n")
    assert "has no rows; it needs one row per product" in said(table)
    table.write_text("")
    assert "must begin with a line of column names, then one row per product; got ''" in said(table)
    (tmp_path / "t.parquet").write_text("no parquet")
    assert "cannot be read as parquet: " in said(tmp_path / "t.parquet")


def test_candidates_that_cannot_answer(in_study, tmp_path, monkeypatch):
    photo = next((in_study / "raw" / "test" / "blue").iterdir()).resolve()
    assert "trained here: tiny-finetune (seed 0), tiny-frozen (seed 0)" in said(photo, "--candidate", "swin_t-frozen")
    assert "no training of candidate 'tiny-frozen' with seed 7" in said(photo, "--seed", "7")
    choice = in_study / "reports" / "choice.json"
    before = choice.read_text()
    choice_record().write(choice)
    assert "the study chose no candidate" in said(photo)
    choice.write_text("{")
    assert "choice.json is not valid JSON" in said(photo)
    choice.unlink()
    assert "so no candidate has been chosen yet; run `bakeoff run`, or name one with --candidate" in said(photo)
    choice.write_text(before)
    evaluation = in_study / "runs" / "tiny-frozen" / "seed_0" / "evaluation"
    for name, change, sentence in (
        ("calibration.json", None, "calibration.json is missing; run `dvc repro evaluate evaluate_baseline`"),
        ("calibration.json", {"key": "other"}, "holds records of two evaluations; run `bakeoff run`"),
        ("metrics.json", {"training_key": "other"}, "belongs to an earlier training of tiny-frozen (key other"),
    ):
        kept = (evaluation / name).read_text()
        (evaluation / name).unlink() if change is None else (evaluation / name).write_text(
            json.dumps(json.loads(kept) | change)
        )
        assert sentence in said(photo)
        (evaluation / name).write_text(kept)
    training = in_study / "runs" / "tiny-frozen" / "seed_0" / "training" / "training.json"
    kept = training.read_text()
    training.write_text(kept.replace('"pytorch"', '"jax"'))
    told = said(photo)
    assert "does not hold what it should: framework: Input should be 'pytorch', 'tensorflow', 'scikit-learn' or" in told
    training.write_text(kept.replace('"store_px"', '"store_size"'))
    assert "training.json lacks dataset.prepare.store_px; run `dvc repro train_torch baseline_tf`" in said(photo)
    training.write_text(kept.replace('"prepare"', '"prepared"'))
    assert "training.json lacks dataset.prepare; run `dvc repro train_torch baseline_tf`" in said(photo)
    training.write_text(kept.replace('"pytorch"', '"tensorflow"'))
    monkeypatch.setenv("BAKEOFF_PYTHON_TF", str(tmp_path / "no" / "bin" / "python"))
    assert "is missing, and tiny-frozen needs it; run `make setup`" in said(photo)
    training.write_text(kept)


def test_a_submission_has_a_class_for_each_product_without_a_label(in_study, tmp_path, monkeypatch):
    def submit(*arguments: object) -> str:
        done = CliRunner().invoke(
            app, ["submission", "tiny-frozen", "-o", str(tmp_path / "s.csv"), *map(str, arguments)]
        )
        return str(done.exception) if done.exception else done.output

    assert "unlabelled.parquet is missing: a submission is for a source that keeps its test labels" in submit()
    catalogue = in_study / "data" / "catalogue"
    photos = sorted((in_study / "raw" / "test").rglob("p*.*"))
    images = [os.path.relpath(path, catalogue) for path in photos]
    table = pd.DataFrame({"product_id": [str(9 - n) for n in range(len(photos))], "image": images})
    table.to_parquet(catalogue / "unlabelled.parquet")
    try:
        assert f"s.csv written: the classes of {len(photos)} products by tiny-frozen" in submit()
        predict("raw/test", "--candidate", "tiny-frozen", "-o", tmp_path / "p.parquet")
        expected = pd.read_parquet(tmp_path / "p.parquet").set_index("id")["label"]
        written = pd.read_csv(tmp_path / "s.csv", dtype=str)
        assert written.columns.tolist() == ["product_id", "label"]
        assert written["product_id"].tolist() == table["product_id"].tolist()
        names = [path.relative_to(in_study / "raw" / "test").as_posix() for path in photos]
        assert written["label"].tolist() == expected[names].tolist()
        assert "exists and stays as it is" in submit()

        header = LabelsRecord.read(catalogue / "labels.json")
        changed = header.model_copy(update={"dataset": header.dataset.model_copy(update={"kind": "rakuten"})})
        changed.write(catalogue / "labels.json")
        submit("--force")
        assert (tmp_path / "s.csv").read_text().startswith(f",prdtypecode\n9,{expected[names[0]]}\n")
        header.write(catalogue / "labels.json")

        table.assign(image=["gone.png", *images[1:]]).to_parquet(catalogue / "unlabelled.parquet")
        assert f"1 of {len(photos)} products could not be read (the first: 9, " in submit("--force")
    finally:
        (catalogue / "unlabelled.parquet").unlink()


def test_pictures_inside_a_table_get_the_answers_of_their_files(in_study, tmp_path):
    photos = sorted((in_study / "raw" / "test").rglob("p*.*"))
    cells = [{"bytes": path.read_bytes(), "path": path.name} for path in photos]
    pd.DataFrame({"sku": [f"0{n}" for n in range(len(photos))], "image": cells}).to_parquet(tmp_path / "t.parquet")
    predict("raw/test", "--candidate", "tiny-frozen", "-o", tmp_path / "files.parquet")
    predict(tmp_path / "t.parquet", "--candidate", "tiny-frozen", "-o", tmp_path / "cells.parquet")
    files, found = pd.read_parquet(tmp_path / "files.parquet"), pd.read_parquet(tmp_path / "cells.parquet")
    assert found["id"].tolist() == [f"0{n}" for n in range(len(photos))]
    names = [path.relative_to(in_study / "raw" / "test").as_posix() for path in photos]
    assert found["probability"].tolist() == files.set_index("id")["probability"][names].tolist()
    assert found["study_split"].tolist() == ["test"] * len(photos)
