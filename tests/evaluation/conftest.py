"""Every test of this folder keeps its throughput records to itself."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("BAKEOFF_ROOT", str(tmp_path / "root"))
