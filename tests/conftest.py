"""Shared by all tests: environments tell which tests they can run; a small catalogue in the real format."""

from __future__ import annotations

import importlib.util

import pytest

_NEEDS = {"torch": "torch", "tf": "tensorflow"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for marker, package in _NEEDS.items():
        if importlib.util.find_spec(package) is None:
            skip = pytest.mark.skip(reason=f"{package} is not in this environment")
            for item in items:
                if marker in item.keywords:
                    item.add_marker(skip)
