from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bakeoff.errors import DataError
from bakeoff.tracking import replay
from bakeoff.tracking.models import input_example, link_files, requirements
from bakeoff.tracking.photos import PhotoTable, as_bytes
from bakeoff.tracking.store import open_client
from bakeoff.tracking.tags import MODEL

LOAD = """
import json, sys, warnings
import mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model("models:/" + sys.argv[1])
answer = model.predict(pd.read_json(sys.argv[2], orient="split", dtype=False))
import bakeoff
print(json.dumps({"answer": answer.to_dict("list"), "code": bakeoff.__file__, "inputs": str(model.metadata.signature)}))
"""


def png(size=(20, 10)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, "PNG")
    return buffer.getvalue()


def test_photos_come_as_bytes_or_base64():
    assert as_bytes(b"abc", 0) == b"abc"
    assert as_bytes(base64.b64encode(b"abc").decode(), 0) == b"abc"
    for wrong in ("no base64!", 3):
        with pytest.raises(DataError, match="row 7: the column `image` needs base64 text or bytes"):
            as_bytes(wrong, 7)


def test_the_photo_table_reads_like_a_catalogue():
    table = PhotoTable(["a"], {})
    table.fill([png(), png((4, 6))])
    assert table.image_rows(range(2)).tolist() == [0, 1]
    assert table.store.read(1).size == (4, 6)
    with pytest.raises(DataError, match=r"row 0: the image cannot be used: not_an_image"):
        table.fill([b"<html></html>"])


def test_links_share_the_file_and_replace_what_is_there(tmp_path):
    source = tmp_path / "a.bin"
    source.write_bytes(b"x")
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "b.bin").write_bytes(b"old")
    link_files({"b.bin": source, "deep/c.bin": source}, tmp_path / "to")
    assert (tmp_path / "to" / "b.bin").samefile(source)
    assert (tmp_path / "to" / "deep" / "c.bin").samefile(source)


@pytest.mark.torch
def test_requirements_are_the_exact_pins():
    lines = (Path(__file__).parents[2] / "requirements-torch.txt").read_text().splitlines()
    pins = {line.strip() for line in lines if "==" in line}
    assert set(requirements("pytorch")) <= pins | {"torch==2.13.0"}
    assert "torch==2.13.0" in requirements("pytorch")
    assert set(requirements("pytorch", source="hf")) - set(requirements("pytorch")) == {"transformers==5.23.0"}


def test_the_input_example_is_one_photo():
    (value,) = input_example()["image"]
    assert Image.open(io.BytesIO(as_bytes(value, 0))).size == (64, 64)


@pytest.fixture
def torch_training(project):
    """Train a tiny backbone with published weights; returns a function of the mode."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from bakeoff.backbones.compat import import_timm
    from bakeoff.backbones.registry import describe
    from bakeoff.backbones.weights.record import WeightsRecord
    from bakeoff.params import BackboneDefaults, BackboneParams, ComputeParams, HeadParams, ScanParams
    from bakeoff.training.run import TrainingRequest, plan_training, train_candidate
    from training.conftest import make_catalogue, training_params

    timm = import_timm()
    torch.manual_seed(1)
    catalogue = make_catalogue(project / "data")
    folder = project / "weights" / "tiny"
    folder.mkdir(parents=True)
    save_file(timm.create_model("test_resnet.r160_in1k", num_classes=0).state_dict(), folder / "model.safetensors")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    places = {"file": "model.safetensors", "url_or_id": "timm/test", "revision": "r", "sha256": digest}
    facts = {"licence": "apache-2.0", "commercial_use": True, "reason": None}
    WeightsRecord(model="tiny", source="folder", **places, **facts).write(folder)
    head = HeadParams(hidden=[], batch_norm=False, dropout=0.2)
    defaults = BackboneDefaults(source="timm", image_size=None, head=head, training={})
    settings = describe("tiny", {"tiny": BackboneParams(name="test_resnet.r160_in1k", image_size=64)}, defaults)

    def train(mode: str) -> Path:
        request = TrainingRequest(
            settings,
            mode,
            0,
            training_params(),
            ComputeParams(device="cpu", threads=1),
            ScanParams(implementation="auto"),
        )
        out = project / "runs" / f"tiny-{mode}" / "seed_0" / "training"
        train_candidate(plan_training(request, catalogue, weights_dir=folder), out)
        return out

    return catalogue, train


def load_elsewhere(model_id: str, catalogue, folder: Path) -> dict:
    """Load the logged model in a plain process that knows nothing of this repository, and classify the catalogue."""
    photos = [base64.b64encode(catalogue.store.encoded(row)).decode() for row in range(len(catalogue.store))]
    folder.mkdir()
    pd.DataFrame({"image": photos}).to_json(folder / "in.json", orient="split")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {
        "MLFLOW_TRACKING_URI": open_client()[1].uri,
        "BAKEOFF_ROOT": str(folder),
        "CUDA_VISIBLE_DEVICES": "",
    }
    answer = subprocess.run(
        [sys.executable, "-c", LOAD, model_id, "in.json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def check_round_trip(found: dict, predictor, catalogue) -> None:
    rows = np.arange(len(catalogue.products))
    expected = predictor.predict_images(predictor.images(rows))
    assert np.abs(np.array(found["answer"]["probabilities"]) - expected).max() < 1e-5
    assert found["answer"]["label"] == [catalogue.labels[index] for index in expected.argmax(axis=1)]
    assert found["answer"]["probability"] == pytest.approx(expected.max(axis=1).tolist(), abs=1e-5)
    assert "/code/bakeoff/" in found["code"]
    assert "image" in found["inputs"]


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_the_logged_torch_model_predicts_as_the_predictor(mode, torch_training, tracking_params, project, monkeypatch):
    from bakeoff.training.predictor import load_torch_predictor

    catalogue, train = torch_training
    training_dir = train(mode)
    logging = tracking_params.model_copy(update={"log_models": True})
    run_id = replay(training_dir.parent, params=logging)
    assert replay(training_dir.parent, params=logging) == run_id
    client, _ = open_client()
    run = client.get_run(run_id)
    models = client.search_logged_models([run.info.experiment_id])
    assert [model.model_id for model in models] == [run.data.tags[MODEL]]
    assert [output.model_id for output in run.outputs.model_outputs] == [models[0].model_id]
    artifacts = Path(models[0].artifact_location.removeprefix("file://")) / "artifacts"
    assert (artifacts / "training" / "model.safetensors").samefile(training_dir / "model.safetensors")
    backbone = artifacts / "weights" / "tiny" / "model.safetensors"
    assert backbone.is_file() == (mode == "frozen")
    if mode == "frozen":
        assert backbone.samefile(project / "weights" / "tiny" / "model.safetensors")
    assert not list(artifacts.parent.rglob("*.pkl"))
    copy = (training_dir / "model.safetensors").read_bytes()
    (training_dir / "model.safetensors").unlink()
    (training_dir / "model.safetensors").write_bytes(copy)  # as when DVC puts its cache's copy there
    assert replay(training_dir.parent, params=logging) == run_id
    assert (artifacts / "training" / "model.safetensors").samefile(training_dir / "model.safetensors")
    found = load_elsewhere(models[0].model_id, catalogue, project / "elsewhere")
    check_round_trip(found, load_torch_predictor(training_dir, catalogue, batch_size=5, device="cpu"), catalogue)


@pytest.mark.slow
@pytest.mark.tf
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_the_logged_keras_model_predicts_as_the_predictor(project, tracking_params):
    pytest.importorskip("tensorflow")
    from bakeoff.backbones.weights.record import WeightsRecord
    from bakeoff.baseline_tf.predictor import load_keras_predictor
    from bakeoff.baseline_tf.train import prepare_run, train_baseline
    from bakeoff.params import ComputeParams
    from baseline_tf.conftest import baseline_params, make_catalogue

    (project / "data").mkdir()
    catalogue = make_catalogue(project / "data", n_per_class=4)
    nothing = dict.fromkeys(("file", "url_or_id", "revision", "sha256"))
    facts = {"licence": "Apache-2.0", "commercial_use": True, "reason": "offline_by_params"}
    WeightsRecord(model="baseline_tf", source="random", **nothing, **facts).write(project / "weights" / "baseline_tf")
    schedule = {"epochs": 1, "learning_rate": 0.003, "max_steps": 1}
    run = prepare_run(
        baseline_params(pretrained="random", frozen=schedule),
        catalogue=catalogue,
        weights_dir=project / "weights" / "baseline_tf",
        seed=0,
        compute=ComputeParams(device="cpu", threads=1),
    )
    training_dir = project / "runs" / "baseline_tf" / "seed_0" / "training"
    train_baseline(run, training_dir)
    run_id = replay(training_dir.parent, params=tracking_params.model_copy(update={"log_models": True}))
    model_id = open_client()[0].get_run(run_id).data.tags[MODEL]
    found = load_elsewhere(model_id, catalogue, project / "elsewhere")
    check_round_trip(
        found, load_keras_predictor(training_dir, catalogue, batch_size=5, device="cpu", threads=1), catalogue
    )
