from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from bakeoff.params import TrackingParams

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def bare_project(tmp_path, monkeypatch) -> Path:
    """A project's folder whose store, locks and event files are its own; the store is not made yet."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    monkeypatch.chdir(tmp_path)
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


@pytest.fixture
def tracking_params() -> TrackingParams:
    return TrackingParams(experiment="bakeoff", tensorboard=False, system_metrics=False, log_models=False)


def pytest_collection_modifyitems(items):
    """MLflow 3.17.2 uses what SQLAlchemy 2.1 deprecates; nothing here can change that."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"))
