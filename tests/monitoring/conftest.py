"""The tiny study of the prediction tests, and MLflow's known warning."""

from pathlib import Path

import pytest

from prediction.conftest import in_study, study  # noqa: F401 - fixtures


def pytest_collection_modifyitems(items):
    """MLflow 3.17.2 uses what SQLAlchemy 2.1 deprecates; nothing here can change that."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"))
