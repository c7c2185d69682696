"""A worker without a process: its answers, the photos it takes, and the networks of both frameworks it opens."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from bakeoff.core.errors import DataError
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.records.catalogue import LabelsRecord
from bakeoff.speed import worker
from bakeoff.speed.pool import pool_turns
from bakeoff.speed.turns import TURN
from numpy_predictor import NumpyPredictor, make_catalogue
from records_made import candidate_settings, dataset

LABELS = ["blue", "green", "red"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path):
    """A project with 30 photos and the settings of a tiny network."""
    make_catalogue(tmp_path / "data" / "catalogue")
    LabelsRecord(labels=LABELS, dataset=dataset()).write(tmp_path / "data" / "catalogue" / "labels.json")
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["throughput"] |= {"batch_sizes": [1, 4], "threads": 1}
    params["compute"] = {"device": "cpu", "threads": 2}
    params["baseline"] |= {"image_size": 32, "pretrained": "random"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return tmp_path


def ask(project: Path, network: str, *questions: float) -> list[dict]:
    answers = io.StringIO()
    worker.serve(project, network, io.StringIO("".join(f"{seconds}\n" for seconds in questions)), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_a_worker_says_what_its_network_is_and_takes_turns(project, monkeypatch):
    monkeypatch.setattr(worker, "open_network", lambda root, network: NumpyPredictor(LABELS))
    ready, *turns = ask(project, "a", 0.3, 0.3)
    description = NumpyPredictor(LABELS).description
    assert ready == {"ready": description | {"gmacs": 16 * 16 * 3 * 3 / 1e9, "gmacs_method": "by hand"}}
    assert [sorted(TURN.validate_python(answer["turn"]).timings) for answer in turns] == [[1, 4]] * 2


class Broken(NumpyPredictor):
    def compiled_call(self, images):
        raise RuntimeError("")


def test_a_worker_answers_problems_in_words(project, monkeypatch):
    monkeypatch.setattr(worker, "open_network", lambda root, network: Broken(LABELS))
    ready, problem = ask(project, "a", 1.0, 1.0)
    assert list(ready) == ["ready"]
    assert problem == {"problem": "RuntimeError"}


def test_photos_are_spread_over_the_catalogue(project):
    assert worker.first_photos(project, 4).rows.tolist() == [0, 9, 19, 29]
    assert worker.first_photos(project, 128).rows.tolist() == list(range(30))


def test_without_photos_nothing_is_measured(tmp_path):
    with pytest.raises(DataError, match="is missing; run `dvc repro prepare`"):
        worker.first_photos(tmp_path, 4)


def measured(project: Path, network: str):
    """Return the record of a network of the project from one turn."""
    ready, turn = ask(project, network, 2.0)
    return pool_turns([TURN.validate_python(turn["turn"])], ready["ready"])


@pytest.mark.torch
def test_a_network_that_cannot_be_opened_is_told(project):
    [answer] = ask(project, "nobody")
    assert "nobody.json is missing; run `dvc repro candidates`" in answer["problem"]


@pytest.mark.torch
def test_a_backbone_is_built_from_its_settings_alone(project, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("BAKEOFF_ROOT", str(project))
    small = candidate_settings().preprocessing.model_copy(update={"image_size": 64})
    settings = candidate_settings("tiny", name="test_resnet.r160_in1k", preprocessing=small)
    settings.write(project / "data" / "candidates" / "tiny.json")
    speed = measured(project, "tiny")
    assert (speed.framework, speed.runtime, speed.device, speed.threads) == ("pytorch", "eager", "cpu", 1)
    assert (speed.memory_format, speed.dtype, speed.scan) == ("channels_last", "float32", None)
    assert {"torch", "timm"} <= set(speed.versions)
    assert 0 < (speed.gmacs or 0) < 0.1
    assert speed.gmacs_method == "torch.utils.flop_counter"
    assert 4 * speed.n_parameters / 2**20 < speed.file_mib < 4 * speed.n_parameters / 2**20 + 0.2
    assert [point.batch_size for point in speed.sweep] == [1, 4]
    assert speed.end_to_end.forward_ms > 0
    assert not (project / "weights").exists(), "speed has no weights"


@pytest.mark.torch
def test_the_head_and_the_scan_are_part_of_the_network(project, monkeypatch):
    pytest.importorskip("torch")
    from bakeoff.records.recipe import HeadParams
    from bakeoff.speed.backbone import open_backbone

    monkeypatch.setenv("BAKEOFF_ROOT", str(project))
    compute, scan = ComputeParams(device="cpu", threads=1), ScanParams(implementation="auto")
    small = candidate_settings().preprocessing.model_copy(update={"image_size": 64})

    def parameters(**changes) -> int:
        settings = candidate_settings("tiny", name="test_resnet.r160_in1k", preprocessing=small, **changes)
        network = open_backbone(settings, LABELS, compute=compute, scan=scan, weights_dir=project / "weights" / "tiny")
        photo = np.zeros((2, 64, 64, 3), np.uint8)
        assert network.forward(photo).sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
        return network.description["n_parameters"]

    head = HeadParams(hidden=[16], batch_norm=False, dropout=0.0)
    assert parameters() == parameters() < parameters(head=head)


@pytest.mark.tf
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_the_baseline_is_built_from_its_params_alone(project, monkeypatch):
    pytest.importorskip("tensorflow")
    monkeypatch.setenv("BAKEOFF_ROOT", str(project))
    speed = measured(project, "baseline_tf")
    assert (speed.framework, speed.device, speed.threads, speed.scan) == ("tensorflow", "cpu", 1, None)
    assert {"tensorflow", "keras"} <= set(speed.versions)
    assert speed.n_parameters == 4_007_548 + 1280 * 3 + 3  # EfficientNet-B0 without its top, and a head of 3 classes
    assert speed.file_mib == pytest.approx(4 * speed.n_parameters / 2**20)
    assert [point.batch_size for point in speed.sweep] == [1, 4]
    assert not (project / "weights").exists(), "speed has no weights"
