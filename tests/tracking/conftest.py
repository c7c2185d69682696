from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bakeoff.tracking.params import TrackingParams

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def bare_project(tmp_path, monkeypatch) -> Path:
    """A project's folder whose store, locks and event files are its own; the store is not made yet."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bakeoff.core.failures._told", set())
    return tmp_path


@pytest.fixture(scope="session")
def made_database(tmp_path_factory) -> Path:
    """A fresh store's database: making one takes seconds, copying it none."""
    from bakeoff.tracking.store import ensure_store

    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        ensure_store()
    return folder / "mlruns" / "mlflow.db"


@pytest.fixture
def project(bare_project, made_database) -> Path:
    """A project with an empty store."""
    (bare_project / "mlruns").mkdir()
    shutil.copyfile(made_database, bare_project / "mlruns" / "mlflow.db")
    return bare_project


class Server:
    """A real `mlflow server` over a store of its own, on one port also after it was stopped."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._folder = folder

    def start(self) -> None:
        """Start it, and wait until it answers."""
        from bakeoff.tracking.local_server import answers
        from bakeoff.tracking.store import Store
        from bakeoff.tracking.ui import NO_JOB_RUNNER, server_command

        store = Store(f"sqlite:///{self._folder}/mlflow.db", f"file://{self._folder}/artifacts")
        with (self._folder / "server.log").open("w") as log:
            self._process = subprocess.Popen(
                server_command(store, self.port),
                env=os.environ | NO_JOB_RUNNER,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
            )
        deadline_s = time.monotonic() + 90
        while not answers(self.port):
            assert time.monotonic() < deadline_s, (self._folder / "server.log").read_text()
            time.sleep(0.3)

    def stop(self) -> None:
        """Kill it with its worker."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def tracking_params() -> TrackingParams:
    return TrackingParams(experiment="bakeoff", tensorboard=False, system_metrics=False, log_models=False)


@pytest.fixture
def torch_training(project, no_rendering):
    """Train a tiny backbone with published weights; returns a function of the mode."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from bakeoff.backbones.compat import import_timm
    from bakeoff.backbones.params import BackboneDefaults, BackboneParams
    from bakeoff.backbones.registry import describe
    from bakeoff.core.machine import ComputeParams, ScanParams
    from bakeoff.core.modes import parse_mode
    from bakeoff.records.recipe import HeadParams
    from bakeoff.records.weights import WeightsRecord
    from bakeoff.training.plan import TrainingRequest, plan_training
    from bakeoff.training.run import train_candidate
    from training.conftest import make_catalogue, recipe

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
            parse_mode(mode),
            0,
            recipe(mode),
            ComputeParams(device="cpu", threads=1),
            ScanParams(implementation="auto"),
        )
        out = project / "runs" / f"tiny-{mode}" / "seed_0" / "training"
        train_candidate(plan_training(request, catalogue, weights_dir=folder), out)
        return out

    return catalogue, train


@pytest.fixture
def keras_training(project, monkeypatch, no_rendering):
    """Train the baseline, with a small network, for one step; returns the catalogue and its training folder."""
    pytest.importorskip("tensorflow")

    from bakeoff.baseline_tf.train import prepare_run, train_baseline
    from bakeoff.core.machine import ComputeParams
    from bakeoff.records.weights import WeightsRecord
    from baseline_tf.conftest import baseline_params, build_three_layers, make_catalogue

    monkeypatch.setattr("bakeoff.baseline_tf.initial.build_backbone", build_three_layers)
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
    return catalogue, training_dir


def pytest_collection_modifyitems(items):
    """MLflow 3.17.2 uses what SQLAlchemy 2.1 deprecates; nothing here can change that."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"))
