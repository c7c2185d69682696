"""One tiny study with a frozen and a fine-tuned candidate for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.small_study import train_tiny, write_catalogue, write_params
from records_made import choice_record


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    project = tmp_path_factory.mktemp("study")
    (project / "dvc.yaml").write_text("stages: {}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKEOFF_ROOT", str(project))
        write_params(project)
        catalogue = write_catalogue(project)
        for mode in ("frozen", "finetune"):
            train_tiny(project, catalogue, mode)
    (project / "reports").mkdir()
    choice_record(best={"candidate": "tiny-frozen"}).write(project / "reports" / "choice.json")
    return project


@pytest.fixture
def in_study(study: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BAKEOFF_ROOT", str(study))
    monkeypatch.chdir(study)
    return study


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """MLflow 3.17.2 uses what SQLAlchemy 2.1 deprecates; nothing here can change that."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"))
