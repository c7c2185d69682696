from __future__ import annotations

import json
import shutil

import pytest

from decision.fake_evidence import class_names, write_findings
from decision.fake_study import NO_LIMITS, make_study, speed_file, write_candidate, write_evidence
from explore.small_catalogue import many_classes

pytestmark = [pytest.mark.torch, pytest.mark.slow]  # playwright and jinja2 are in .venv-torch
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is missing: apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Open a page; a script error, a word on the console or a request that leaves the page fails the test."""
    faults: list[str] = []
    tabs = []

    def open_one(path, **options):
        tab = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("console", lambda message: faults.append(message.text))
        tab.on("request", lambda request: None if request.url[:5] in ("file:", "data:") else faults.append(request.url))
        tab.goto(path.as_uri())
        tabs.append(tab)
        return tab

    yield open_one
    for tab in tabs:
        tab.close()
    assert faults == []


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Reports of every kind that the tests look at: language and number of classes to a file."""
    from bakeoff.report.page.explanations import write_explanations
    from bakeoff.report.page.page import write_report

    root = tmp_path_factory.mktemp("reports")
    for name, n_labels, language in (("en", 7, "en"), ("fr", 27, "fr"), ("many", 101, "en")):
        findings = write_findings(root / name, n_labels=n_labels, language=language)
        if name == "en":
            for one in findings.done[:-1]:
                write_evidence(one.folder, correct=90)
            write_explanations(findings, root / "explanations")
        write_report(findings, root / f"{name}.html")
    write_explored(many_classes(root / "explored"), root / "explore.html")
    return root


def write_explored(root, path) -> None:
    """Write the page beside the report, of a prepared catalogue."""
    from bakeoff.explore.page import write_exploration
    from bakeoff.explore.run import explore

    data = root / "data"
    places = (
        data / "audit" / "audit.json",
        data / "splits" / "splits.parquet",
        data / "examination" / "products.parquet",
    )
    write_exploration(*explore(data / "catalogue", *places), path, language="en", failures_dir=root)


def names(page) -> list[str]:
    cells = page.locator("table.leaderboard tbody th")
    return [cells.nth(index).get_attribute("data-value") for index in range(cells.count())]


def test_a_heading_sorts_and_a_second_press_turns_round(open_page, tmp_path):
    from bakeoff.report.run import ReportInputs, compare

    runs = tmp_path / "runs"
    for name, correct, latency_ms in (("baseline_tf", 90, 30), ("a-frozen", 95, 100), ("b-frozen", 92, 8)):
        folder = write_candidate(runs, name, correct=correct, latency_ms=latency_ms)
        write_evidence(folder, correct=correct)
    inputs, study = ReportInputs(speed_file=speed_file(runs)), make_study(["a", "b", "gone", "lost"])
    compare(runs, tmp_path, study=study, params=NO_LIMITS, partial=True, inputs=inputs)
    page = open_page(tmp_path / "index.html")
    assert names(page)[:3] == ["a-frozen", "b-frozen", "baseline_tf"]
    heading = page.locator(".leaderboard").get_by_role("button", name="ms/product")
    heading.click()
    assert names(page)[:3] == ["b-frozen", "baseline_tf", "a-frozen"]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    heading.click()
    assert names(page)[:3] == ["a-frozen", "baseline_tf", "b-frozen"]
    assert names(page)[3:] == ["gone-frozen", "lost-frozen"]  # failed ones stay last either way


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["en", "fr", "many", "explore", "explanations/food"])
def test_no_page_scrolls_sideways(open_page, reports, name, width):
    page = open_page(reports / f"{name}.html", viewport={"width": width, "height": 800})
    for _ in range(2):  # folded and unfolded
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.locator("main > section h2").first.is_visible()


def test_the_leaderboard_fits_and_shows_more_on_request(open_page, reports):
    page = open_page(reports / "en.html")
    fits = "(() => { const box = document.querySelector('.board'); return box.scrollWidth <= box.clientWidth; })()"
    assert page.evaluate(fits)
    column = page.locator(".leaderboard th.group-speed").first
    assert not column.is_visible()
    button = page.get_by_role("button", name="Speed", exact=True)
    button.click()
    assert column.is_visible()
    assert button.get_attribute("aria-pressed") == "true"


def test_hover_and_focus_tell_the_numbers_and_the_run(open_page, reports):
    page = open_page(reports / "en.html")
    point = page.locator("figure[data-view=latency_ms] .point[data-candidate=swin_t-frozen]")
    tip = page.locator("#tip")
    assert not tip.is_visible()
    point.locator(".dot").hover()
    for text in ("swin_t-frozen", "96.0 ms per product", '"bakeoff.training_key" = "key-of-swin_t-frozen"'):
        assert text in tip.inner_text()
    page.mouse.move(2, 2)
    assert not tip.is_visible()
    point.focus()
    assert tip.is_visible()
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    assert "key-of-swin_t-frozen" in str(point.get_attribute("aria-label"))


def test_the_switch_changes_the_measure_and_the_front(open_page, reports):
    page = open_page(reports / "en.html")
    slow, fast = page.locator("figure[data-view=latency_ms]"), page.locator("figure[data-view=images_per_s]")
    assert slow.is_visible()
    assert not fast.is_visible()
    page.get_by_role("button", name="products/s", exact=True).click()
    assert fast.is_visible()
    assert not slow.is_visible()

    def first_x(figure):
        return float(str(figure.locator(".front").get_attribute("points")).split(",")[0])

    assert first_x(fast) > first_x(slow)  # the cheapest candidate of the front lies at the other end


def test_confusions_zoom_and_can_be_walked_by_keys(open_page, reports):
    page = open_page(reports / "many.html")
    matrix = page.locator(".matrix").first
    inside = matrix.locator(".inside")
    whole = inside.get_attribute("transform")
    n_labels = matrix.locator(".rows text").count()
    matrix.get_by_role("button", name="Zoom in").click()
    assert inside.get_attribute("transform") != whole
    matrix.get_by_role("button", name="Whole matrix").click()
    assert inside.get_attribute("transform") == whole
    svg = matrix.locator("svg")
    svg.focus()
    for key in ("ArrowDown", "ArrowRight", "+", "+", "+", "+", "+", "+"):
        page.keyboard.press(key)
    readout = matrix.locator(".readout").inner_text()
    best = reports / "many" / "runs" / "mamba_b-finetune" / "seed_0" / "evaluation" / "confusions.json"
    second = json.loads(best.read_text(encoding="utf-8"))["order"][1]
    assert class_names(101)[second] in readout
    assert "of 15 products" in readout
    assert 0 < matrix.locator(".rows text").count() < n_labels
    assert matrix.locator(".numbers text").count() > 0
    share = matrix.locator(".inside rect").first.get_attribute("fill-opacity")
    matrix.get_by_role("button", name="Shade by count").click()
    assert matrix.locator("[data-act=share]").get_attribute("aria-pressed") == "false"
    assert float(share) > 0


def test_classes_are_found_by_name(open_page, reports):
    page = open_page(reports / "many.html")
    page.locator("input[data-filter]").fill("piscine")
    rows = page.locator("#class-table tbody tr:visible th")
    assert rows.count() == 10
    assert all("Piscine" in text for text in rows.all_inner_texts())


def test_the_balance_is_shown_by_the_chosen_column(open_page, reports):
    page = open_page(reports / "explore.html")
    by_class, by_year = (
        page.get_by_role("heading", name=f"Products by {name}", exact=True) for name in ("class", "year")
    )
    assert by_class.is_visible()
    assert not by_year.is_visible()
    page.get_by_label("Balance by").select_option(label="year (20)")
    assert by_year.is_visible()
    assert not by_class.is_visible()
    page.get_by_label("Balance by").select_option(label="class (196)")
    page.locator('input[data-filter="table-1"]').fill("model 19")
    assert page.locator("#table-1 tbody tr:visible").count() == 1 + 6  # 19, and 190 to 195


def test_a_class_is_picked_out_of_the_map(open_page, reports):
    page = open_page(reports / "explore.html")
    assert page.locator("#feature-map g.picked").count() == 0
    page.get_by_label("Pick out a class").select_option("Make3 Model 190")
    picked = page.locator("#feature-map g.picked")
    assert picked.get_attribute("data-class") == "Make3 Model 190"
    assert page.evaluate("getComputedStyle(document.querySelector('#feature-map g:not(.picked)')).fillOpacity") == "0.1"
    page.get_by_label("Pick out a class").select_option("")
    assert page.locator("#feature-map g.picked").count() == 0


def test_a_class_opens_from_the_report_and_its_maps_are_shown(open_page, reports):
    page = open_page(reports / "en.html")
    page.locator("#heat-maps").get_by_role("link", name="food", exact=True).click()
    assert page.locator("h1").inner_text() == "What the candidates look at: food"
    table = page.get_by_role("group", name="Maps of p0").first
    assert table.get_by_role("columnheader").count() == 6
    sees = table.get_by_role("img", name="Occlusion of mamba_b-finetune: what speaks for food")
    assert sees.evaluate("(image) => image.complete && image.naturalWidth") == 24
    folded = page.get_by_role("img", name="Occlusion of mobilenetv2-frozen: what speaks for food")
    assert not folded.is_visible()
    page.locator("details summary").last.click()
    assert folded.is_visible()
    assert page.get_by_role("link", name="Back to the report").get_attribute("href") == "../index.html#heat-maps"


def test_the_page_speaks_french(open_page, reports):
    page = open_page(reports / "fr.html")
    assert page.locator("html").get_attribute("lang") == "fr"
    assert page.locator("h1").inner_text() == "Quel classifieur faut-il déployer\u202f?"
    assert "," in page.locator(".leaderboard tbody td.n").nth(1).inner_text()
    page.locator(".matrix svg").first.focus()
    assert "bien reconnue" in page.locator(".readout").first.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["en", "fr", "explore", "explanations/food"])
def test_axe_finds_nothing_serious(open_page, reports, name, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(reports / f"{name}.html", color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    for group in page.locator("button[data-group]").all():
        group.click()
    found = Axe().run(page).response["violations"]
    told = [(item["id"], item["nodes"][0]["html"]) for item in found if item["impact"] in ("serious", "critical")]
    assert told == []


def test_the_page_follows_the_colour_scheme(open_page, reports):
    page = open_page(reports / "en.html", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
    page.emulate_media(color_scheme="light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(244, 246, 248)"


def test_paper_folds_nothing(open_page, reports):
    page = open_page(reports / "en.html", color_scheme="dark")
    data = page.pdf(format="A4", print_background=True)
    assert data.startswith(b"%PDF")
    assert len(data) > 50_000
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 0


def test_without_scripts_everything_is_there(browser, reports):
    tab = browser.new_page(java_script_enabled=False)
    tab.goto((reports / "en.html").as_uri())
    for place in ("figure[data-view=latency_ms]", "figure[data-view=images_per_s]", ".leaderboard th.group-speed"):
        assert tab.locator(place).first.is_visible()
    assert tab.locator(".matrix .numbers text").first.is_visible()
    tab.goto((reports / "explore.html").as_uri())
    assert tab.get_by_role("heading", name="Products by year", exact=True).is_visible()
    tab.close()
