from __future__ import annotations

import shutil

import pytest

from bakeoff.decision.study import Study
from decision.fake_study import NO_LIMITS, write_candidate, write_evidence

pytestmark = [pytest.mark.torch, pytest.mark.slow]  # playwright and jinja2 are in .venv-torch
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
]


@pytest.fixture
def page(tmp_path):
    """The report of a small study in Debian's chromium; a script error or a request fails the test."""
    from playwright.sync_api import sync_playwright

    from bakeoff.decision.run import compare

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is missing: apt-get install -y chromium")
    for name, correct, latency_ms in (("baseline_tf", 90, 30), ("a-frozen", 95, 100), ("a-finetune", 92, 8)):
        write_evidence(write_candidate(tmp_path, name, correct=correct, latency_ms=latency_ms), correct=correct)
    study = Study(("a", "gone"), ("frozen", "finetune"), (0,))
    compare(tmp_path, tmp_path, study=study, limits=NO_LIMITS, partial=True)
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        tab = browser.new_page()
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("request", lambda request: None if request.url[:5] in ("file:", "data:") else faults.append(request.url))
        tab.goto((tmp_path / "index.html").as_uri())
        yield tab
        browser.close()
    assert faults == []


def names(page) -> list[str]:
    cells = page.locator("table.leaderboard tbody th")
    return [cells.nth(index).get_attribute("data-value") for index in range(cells.count())]


def test_a_heading_sorts_and_a_second_press_turns_round(page):
    assert names(page)[:3] == ["a-frozen", "a-finetune", "baseline_tf"]
    heading = page.get_by_role("button", name="ms/photo")
    heading.click()
    assert names(page)[:3] == ["a-finetune", "baseline_tf", "a-frozen"]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    heading.click()
    assert names(page)[:3] == ["a-frozen", "baseline_tf", "a-finetune"]
    assert names(page)[3:] == ["gone-frozen", "gone-finetune"]  # failed ones stay last either way


def test_a_phone_sees_the_whole_page_without_scrolling_sideways(page):
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#answer .name").first.is_visible()


def test_the_figure_follows_the_colour_scheme(page):
    image = page.locator("#trade-off img")
    light = image.evaluate("image => image.currentSrc")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(100)
    assert image.evaluate("image => image.currentSrc") != light
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
