"""A project's main checkout in a folder of the test's own."""

import pytest


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path))
    return tmp_path
