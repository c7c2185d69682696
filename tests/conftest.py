"""Shared by all tests: environments tell which tests they can run; a small catalogue in the real format."""

from __future__ import annotations

import functools
import importlib.util
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from PIL import Image

from bakeoff.core import failures

_NEEDS = {"torch": "torch", "tf": "tensorflow"}
_LONG = ("stages", "baseline_tf", "backbones", "scan", "tracking")
TESTS = Path(__file__).resolve().parent
hypothesis.settings.register_profile("house", deadline=None)  # machines are shared: a time is no result
hypothesis.settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "leave out files without tests marked `tf` (or `torch`), but for those of rooms that its stages import"
    parser.addoption("--rooms-of", choices=tuple(_NEEDS), help=told)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Keep a file of an environment's rooms and one that marks tests as its own; unmarked others run in both alike."""
    environment = config.getoption("--rooms-of")
    if not environment or collection_path.suffix != ".py":
        return None
    room, text = collection_path.relative_to(TESTS).parts[0], collection_path.read_text(encoding="utf-8")
    if found := re.search(r"^pytestmark = \[?pytest\.mark\.(torch|tf)\b", text, re.MULTILINE):
        return None if found[1] == environment else True  # which may import what the other alone has
    return None if room in _rooms(environment) or f"mark.{environment}" in text else True


@functools.cache
def _rooms(environment: str) -> set[str]:
    sys.path.insert(0, str(TESTS.parent / "tools"))
    from stage_deps import rooms_in

    return rooms_in(environment)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: a file runs in one process, and the last one to start should be a short one."""
    items.sort(key=lambda item: next((i for i, room in enumerate(_LONG) if item.path.is_relative_to(TESTS / room)), 9))
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
def no_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes most of a small training's or report's time: a drawn figure's layout and pixels.

    For tests that look at no picture; what fails while a figure is drawn fails them all the same.
    """
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    Image.new("RGB", (89, 30), (50, 90, 200)).save(buffer, "PNG")

    def save(self: Figure, path: Path, **_: object) -> None:
        Path(path).write_bytes(buffer.getvalue())

    monkeypatch.setattr(Figure, "savefig", save)


@pytest.fixture
def broken_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every matplotlib figure fail when it is saved, half a file written."""
    from matplotlib.figure import Figure

    def save(self: Figure, path: Path, **_: object) -> None:
        Path(path).write_bytes(b"half")
        raise ValueError("'yerr' must not contain negative values")

    monkeypatch.setattr(Figure, "savefig", save)
