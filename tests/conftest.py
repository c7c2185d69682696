"""Shared by all tests: environments tell which tests they can run; a small catalogue in the real format."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakeoff.core import failures

_NEEDS = {"torch": "torch", "tf": "tensorflow"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for marker, package in _NEEDS.items():
        if importlib.util.find_spec(package) is None:
            skip = pytest.mark.skip(reason=f"{package} is not in this environment")
            for item in items:
                if marker in item.keywords:
                    item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def caught_failures() -> Iterator[list[failures.Failure]]:
    """Everything that `bakeoff.core.failures` caught in this process, fixtures included."""
    caught: list[failures.Failure] = []
    keep = failures._replace

    def keep_and_count(folder: Path, what: str, *new: failures.Failure) -> None:
        caught.extend(new)
        keep(folder, what, *new)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failures, "_replace", keep_and_count)
        yield caught


@pytest.fixture(autouse=True)
def no_silent_failures(request: pytest.FixtureRequest, caught_failures: list[failures.Failure]) -> Iterator[None]:
    """Fail the test in which a picture or page fails, which the product survives; one that provokes it is marked so."""
    yield
    told = [failure.traceback for failure in caught_failures]
    caught_failures.clear()
    assert "survives" in request.keywords or not told, told[0]


@pytest.fixture
def broken_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every matplotlib figure fail when it is saved, half a file written."""
    from matplotlib.figure import Figure

    def save(self: Figure, path: Path, **_: object) -> None:
        Path(path).write_bytes(b"half")
        raise ValueError("'yerr' must not contain negative values")

    monkeypatch.setattr(Figure, "savefig", save)
