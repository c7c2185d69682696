"""`bakeoff monitor` on a tiny trained study with a real sqlite store: labelled, unlabelled, every refusal."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps
from typer.testing import CliRunner

from bakeoff.cli import app
from bakeoff.core.errors import BakeoffError
from deploy.small_study import LABELS, photo_bytes

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def monitor(*arguments: object, ok: bool = True):
    done = CliRunner().invoke(app, ["monitor", *map(str, arguments)])
    if ok:
        assert done.exit_code == 0, (done.output, done.exception)
    return done


def said(*arguments: object) -> str:
    done = monitor(*arguments, ok=False)
    assert isinstance(done.exception, BakeoffError), (done.output, done.exception)
    return str(done.exception)


@pytest.fixture(scope="module")
def new_products(tmp_path_factory) -> Path:
    """Ten photos a class, as a folder and as a table beside it."""
    folder, rng, rows = tmp_path_factory.mktemp("new"), np.random.default_rng(9), []
    for number in range(30):
        label = LABELS[number % 3]
        path = folder / "photos" / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo_bytes(label, rng))
        rows.append((f"photos/{label}/{number}.png", label))
    pd.DataFrame(rows, columns=["image", "category"]).to_csv(folder / "new.csv", index=False)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("candidate", ["tiny-frozen", "tiny-finetune"])
def test_labelled_products_give_a_report_a_figure_and_an_mlflow_run(in_study, new_products, candidate):
    from bakeoff.tracking.store import open_client

    done = monitor(new_products / "photos", "--name", f"labelled-{candidate}", "--candidate", candidate)
    folder = in_study / "monitoring" / f"labelled-{candidate}"
    report = json.loads((folder / "monitoring.json").read_text())
    assert (report["n_new"], report["n_labelled"], report["n_test"], report["n_reference"]) == (30, 30, 6, 12)
    assert report["reference_splits"] == ["test", "validation"]
    assert sum(map(sum, report["performance"]["confusion"]["counts"])) == 30
    (features,) = [test for test in report["tests"] if test["name"] == "features"]
    assert features["vectors"] == "features"
    assert (folder / "monitor.png").stat().st_size > 10_000
    assert report["sentences"][0][:30] in " ".join(done.stdout.split())
    client, _ = open_client()
    experiment = client.get_experiment_by_name("bakeoff-monitoring")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], filter_string=f"tags.`bakeoff.candidate` = '{candidate}'")
    assert runs[0].data.metrics["accuracy"] == report["performance"]["accuracy"]["value"]
    assert runs[0].data.tags["bakeoff.verdict"] == report["verdict"]
    assert {file.path for file in client.list_artifacts(runs[0].info.run_id)} == {"monitoring.json", "monitor.png"}


@pytest.mark.slow
@pytest.mark.survives
def test_unlabelled_products_and_a_store_that_is_away(in_study, new_products, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/file/mlflow.db")
    done = monitor(new_products / "new.csv", "--name", "plain")
    report = json.loads((in_study / "monitoring" / "plain" / "monitoring.json").read_text())
    assert report["performance"] is None
    assert report["estimated_accuracy"]["is_estimate"] is True
    assert len(report["tests"]) == 9
    assert "has no classes in a column 'label' (--label-column names another): the products count as" in done.stderr
    assert "did not take the monitoring plain" in done.stderr
    assert "`bakeoff sync` repairs the store" in done.stderr
    assert "holds a report, which stays as it is; give another --name, or add --force" in said(
        new_products / "new.csv", "--name", "plain"
    )
    monitor(new_products / "new.csv", "--name", "plain", "--force", "--label-column", "category")
    report = json.loads((in_study / "monitoring" / "plain" / "monitoring.json").read_text())
    assert report["n_labelled"] == 30
    done = monitor(new_products / "photos", "--name", "plain", "--force", "--unlabelled")
    assert "count as unlabelled" not in done.stderr
    report = json.loads((in_study / "monitoring" / "plain" / "monitoring.json").read_text())
    assert report["n_labelled"] == 0


def test_photos_that_the_candidate_learned_from_are_no_evidence(in_study, new_products, tmp_path):
    """18 of train as other files under other names beside 30 new ones; then those of train and test alone."""
    shutil.copytree(new_products / "photos", tmp_path / "all")
    for number, path in enumerate(sorted((in_study / "raw" / "train").rglob("*.*"))):
        with Image.open(path) as photo:
            upright = ImageOps.exif_transpose(photo)
            upright.save(tmp_path / "all" / path.parent.name / f"own-{number}.png")
    done = monitor(tmp_path / "all", "--name", "own")
    report = json.loads((in_study / "monitoring" / "own" / "monitoring.json").read_text())
    assert report["own_photos"] == {"train": 18, "validation": 0, "test": 0}
    assert (report["n_new"], report["performance"]["accuracy"]["n"]) == (30, 30)
    assert {test["n_new"] for test in report["tests"]} == {30}
    assert "18 of 48 products are the study’s own (18 train). They were left out." in " ".join(done.stdout.split())
    done = monitor(in_study / "raw" / "train", "--name", "own", "--force")
    report = json.loads((in_study / "monitoring" / "own" / "monitoring.json").read_text())
    assert (report["verdict"], report["n_new"], report["performance"]["accuracy"]["n"]) == ("no_evidence", 18, 18)
    assert "NO EVIDENCE" in done.stdout
    assert "18 of 18 products are the study’s own (18 train). Without them too few are left" in report["sentences"][0]


def test_sources_and_labels_that_cannot_be_used(in_study, new_products, tmp_path):
    table = pd.read_csv(new_products / "new.csv")
    table["image"] = [str(new_products / image) for image in table["image"]]
    table.loc[0, "category"] = "Mauve"
    table.loc[1, "category"] = "blau"
    table.to_csv(tmp_path / "t.csv", index=False)
    told = said(tmp_path / "t.csv", "--label-column", "category", "--name", "x")
    assert "2 labels of the new products are not among the study's ('Mauve', 'blau')" in told
    assert "the study's are 'blue', 'green', 'red'" in told
    assert "has no column 'brand'" in said(tmp_path / "t.csv", "--label-column", "brand", "--name", "x")
    assert "--label-column belongs to a table" in said(
        new_products / "photos", "--label-column", "category", "--name", "x"
    )
    assert "is one file; monitoring needs a folder or a table" in said(
        new_products / "photos" / "red" / "2.png", "--name", "x"
    )
    assert "--name is a folder's name of letters, digits" in said(tmp_path / "t.csv", "--name", "../x")
    table[:5].to_csv(tmp_path / "few.csv", index=False)
    assert "monitoring needs at least 10 products that can be read, got 5" in said(tmp_path / "few.csv", "--name", "x")
    labels = in_study / "data" / "catalogue" / "labels.json"
    kept = labels.read_text()
    labels.write_text(kept.replace('"digest": "abc"', '"digest": "def"'))
    told = said(tmp_path / "t.csv", "--name", "x")
    labels.write_text(kept)
    assert "was trained on another state of data/catalogue (digest abc, it holds def); run `bakeoff run`" in told
    assert not (in_study / "monitoring" / "x").exists()


def test_a_reference_of_the_test_split_alone_where_it_is_large():
    from bakeoff.deploy.monitoring.products import reference_splits

    class Large:
        def rows(self, split: str) -> np.ndarray:
            return np.arange(200)

    assert reference_splits(Large()) == ["test"]  # type: ignore[arg-type]
