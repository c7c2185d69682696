"""Every test of this folder measures under a lock of its own, whatever else is measured on this machine."""

from __future__ import annotations

import tempfile

import pytest


@pytest.fixture(autouse=True)
def own_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
