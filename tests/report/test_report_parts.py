from __future__ import annotations

import dataclasses
import html
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from decision.fake_evidence import AUDIT, write_findings
from decision.fake_study import collected, make_study, speed_file, summary, write_candidate, write_history
from records_made import choice_record, repair_record, split_record

pytest.importorskip("jinja2")
pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    return write_findings(tmp_path_factory.mktemp("evidence"))


@pytest.fixture(scope="module")
def sections(findings, tmp_path_factory):
    """Return the HTML of each of the page's sections by its id."""
    from bakeoff.report.page.page import write_report

    path = tmp_path_factory.mktemp("page") / "index.html"
    write_report(findings, path)
    return dict(re.findall(r'<section id="([\w-]+)"(.*?)</section>', path.read_text(encoding="utf-8"), flags=re.S))


def test_scales_by_hand():
    from bakeoff.report.page.plot import Plot, Scale, scale_around

    linear = Scale(0, 10, 100, 200)
    assert [linear(value) for value in (0, 5, 10)] == [100, 150, 200]
    log = Scale(1, 100, 0, 200, log=True)
    assert log(10) == 100
    assert log.ticks() == [1, 2, 5, 10, 20, 50, 100]
    assert scale_around([1, 10], 0, 1).log
    assert not scale_around([0, 10], 0, 1).log
    assert scale_around([3, 3], 0, 1)(3) == 0.5
    assert Plot(linear, log).line([(0, 1.0), (2.5, 10)]) == "100,0 125,100"


def test_each_measure_has_its_own_front_of_those_not_excluded():
    from bakeoff.report.page.tradeoff import tradeoff_views

    items = [
        summary("slow", accuracy=0.95, latency_ms=100, images_per_s=50, size_mib=9),
        summary("quick", accuracy=0.9, latency_ms=10, images_per_s=20, size_mib=9),
        summary("beaten", accuracy=0.85, latency_ms=20, images_per_s=30, size_mib=30),
        summary("random", accuracy=0.99, latency_ms=1, images_per_s=900, size_mib=1, pretrained=False),
    ]

    def fronts(*, random=False):
        apart = [] if random else [{"candidate": "random", "reason_code": "random_weights", "reason": "random"}]
        choice = choice_record(apart=apart)
        views = tradeoff_views(items, choice)
        return {view["name"]: view["front_names"] for view in views}

    assert fronts() == {"latency_ms": ["quick", "slow"], "images_per_s": ["slow"], "size_mib": ["slow"]}
    assert fronts(random=True)["latency_ms"] == ["random"]


def test_a_view_has_a_point_a_label_and_a_tip_for_each_candidate(findings, sections):
    from bakeoff.report.page.tradeoff import tradeoff_views

    views = re.findall(r'<figure class="scatter[^>]*data-view="(\w+)">(.*?)</figure>', sections["tradeoff"], flags=re.S)
    assert [name for name, _ in views] == ["latency_ms", "images_per_s", "size_mib"]
    points = re.findall(r'<g class="point .*?</g>', views[0][1], flags=re.S)
    assert len(points) == 15
    point = next(point for point in points if 'data-candidate="swin_t-frozen"' in point)
    tip = html.unescape(re.findall(r'data-tip="([^"]*)"', point)[0]).splitlines()
    assert tip[0] == "swin_t-frozen"
    assert tip[-1] == 'MLflow: tags."bakeoff.training_key" = "key-of-swin_t-frozen"'
    high, low, y = (float(re.findall(rf'{name}="([\d.]+)"', point)[0]) for name in ("y1", "y2", "cy"))
    assert high <= y <= low
    elsewhere = [dataclasses.replace(item, time_comparable=False) for item in findings.summaries]
    assert [view["name"] for view in tradeoff_views(elsewhere, findings.choice)] == ["size_mib"]


def test_the_board_leaves_out_columns_that_nobody_fills(sections):
    headings = re.findall(r"<button type=.button.[^>]*>([^<]+)</button></th>", sections["leaderboard"])
    assert headings[:7] == ["candidate", "accuracy", "macro F1", "log loss", "ms/product", "products/s", "MiB"]
    assert "top 3" in headings
    assert "top 5" not in headings
    first = re.findall(r"<tr.*?</tr>", sections["leaderboard"], flags=re.S)[1]
    assert 'class="chosen"' in first
    assert "CHOSEN" in first
    assert re.findall(r'data-value="[\d.]+">([\d.,]+)', first)[headings.index("M par.") - 1] == "96.7"


def test_bars_join_those_that_are_not_told_apart(findings):
    from bakeoff.report.page.comparisons import comparisons

    found = comparisons(findings.choice, findings.summaries)
    picture = found["picture"]
    assert picture["reference"] == findings.choice.best["candidate"]
    assert len(picture["line"]) == 15
    assert [max(ends) - min(ends) for ends in picture["bars"]] == [4 * 26, 5 * 26]
    assert len(picture["rows"]) == 14
    assert comparisons(choice_record(), findings.summaries) is None


def test_confusions_follow_the_clustered_order(findings, sections):
    from bakeoff.report.page.confusions import confusion_view

    record = next(record for record in findings.done if record.candidate.name == "mobilenetv2-frozen")
    view = confusion_view(record)
    confusions = json.loads((record.folder / "evaluation" / "confusions.json").read_text(encoding="utf-8"))
    assert confusions["order"] != sorted(confusions["order"])
    assert view["labels"] == [record.training.labels[label_id] for label_id in confusions["order"]]
    assert view["never"] == ["vehicles"]
    assert sum(cell["n"] for cell in view["cells"]) == 105
    right = [cell for cell in view["cells"] if cell["right"]]
    assert all(cell["x"] == cell["y"] for cell in right)
    pictures = [matrix.count("data:image/jpeg") for matrix in sections["confusions"].split("<details")[1:]]
    first, second, *others = findings.first_records(findings.leading)
    assert pictures == [len(one.confusions.pairs[:8]) for one in (first, second)] + [0] * len(others)


def test_a_pair_picture_outside_the_folder_is_not_read(tmp_path):
    from bakeoff.report.page.embedding import Budget

    (tmp_path / "evaluation").mkdir()
    for place in (tmp_path, tmp_path / "evaluation"):
        Image.new("RGB", (9, 9)).save(place / "a.jpg")
    assert Budget(10**6).embed(tmp_path / "evaluation", "../a.jpg") is None
    assert Budget(10**6).embed(tmp_path / "evaluation", "a.jpg")


def test_the_best_of_a_class_is_marked(findings, sections):
    rows = re.findall(r"<tr>.*?</tr>", sections["classes"], flags=re.S)[1:]
    assert len(rows) == 7
    assert "data-filter" not in sections["classes"]
    for row in rows:
        label = html.unescape(re.findall(r'title="([^"]*)"', row)[0])
        found = [one.metrics.per_class[label].f1 for one in findings.first_records(names(findings))]
        cells = re.findall(r'<td class="n heat( best)?" data-value="([\d.]+)"', row)
        assert [float(value) for _, value in cells] == pytest.approx(found)
        assert [bool(mark) for mark, _ in cells] == [value == max(found) for value in found]
        assert float(re.findall(r'data-value="([\d.]+)"', row)[1]) == pytest.approx(np.mean(found))


def names(facts):
    return [item.candidate for item in facts.summaries]


def test_empty_bins_are_left_out_of_the_diagram(findings, sections):
    details = sections["calibration"].split('<details class="candidate"')[1:]
    records = {record.candidate.name: record for record in findings.done}
    drawn = {re.findall(r"<strong>(.*?)</strong>", detail)[0]: detail.split("<svg")[1:] for detail in details}
    assert sorted(drawn) == sorted(findings.leading)
    for name, diagrams in drawn.items():
        for diagram, (_, measured) in zip(diagrams, records[name].calibration.test, strict=True):
            filled = [row for row in measured.reliability if row.n]
            assert 0 < diagram.count('<g class="bin">') == len(filled) < 15


def test_curves_need_both_lines(findings, tmp_path):
    from bakeoff.report.page.learning import learning_views

    record = findings.done[0]
    row = learning_views([record])["rows"][0]
    assert [panel["measure"] for panel in row["curves"]] == ["loss", "accuracy"]
    assert learning_views([dataclasses.replace(record, folder=tmp_path)])["curves"] == []


def test_a_long_training_is_drawn_with_fewer_points_and_told_with_all_its_epochs(findings, tmp_path):
    from bakeoff.report.page.learning import learning_views

    write_history(tmp_path, last=0.9, n_epochs=900)
    row = learning_views([dataclasses.replace(findings.done[0], folder=tmp_path)])["rows"][0]
    assert row["epochs"] == 900
    assert len(row["curves"][0]["lines"]["train"]) == 226


def test_speed_tells_noise(sections):
    assert "The timings of swin_t are noisy" in sections["speed"]
    assert re.findall(r">batch (\d+)<", sections["speed"]) == ["1", "8", "32", "128"]
    widths = [re.findall(r"width: ([\d.]+)%", stack) for stack in sections["speed"].split('class="stack"')[1:]]
    assert max(sum(map(float, each)) for each in widths) == pytest.approx(100, abs=0.1)


def timing_notes(root, failed=None):
    from bakeoff.decision.leaderboard import usual_device
    from bakeoff.report.render import environment

    done = collected(root, make_study(["a"])).done
    words = environment("en", html=False).get_template("words.jinja").module
    return words.timing_notes(done, usual_device(done), failed or {}).splitlines()


def test_other_devices_threads_and_noisy_timings_are_said(tmp_path):
    own = {"baseline_tf": {"threads": 1}, "a-frozen": {"noisy": True}}
    for name, speed in own.items():
        write_candidate(tmp_path / "noisy", name, speed=speed)
    notes = timing_notes(tmp_path / "noisy", {"gone": "out of memory."})
    told = "The speed of gone could not be measured (out of memory); `bakeoff throughput` tries again."
    assert notes[0] == told
    assert "different numbers of threads (1, 2)" in notes[1]
    assert notes[2].startswith("The timings of a-frozen are noisy")
    elsewhere = {"device": "cuda", "device_name": "H200"}
    for name, speed in (("baseline_tf", {}), ("a-frozen", elsewhere)):
        write_candidate(tmp_path / "elsewhere", name, speed=speed)
    (note,) = timing_notes(tmp_path / "elsewhere")
    assert note.startswith("Times are compared on cpu: AMD EPYC 7763 only; those of a-frozen come from another device")
    speed_file(tmp_path / "elsewhere").unlink()
    assert timing_notes(tmp_path / "elsewhere") == []


def card_of(facts):
    from bakeoff.report.documents import write_model_card

    with TemporaryDirectory() as folder:
        write_model_card(Path(folder) / "card.md", facts)
        return (Path(folder) / "card.md").read_text(encoding="utf-8")


def lines_of(facts, audit, **splits):
    from bakeoff.core.translation import Translator
    from bakeoff.report.page.checklist import checklist
    from bakeoff.report.render import environment

    changed = dataclasses.replace(facts, audit=audit)
    changed.__dict__["dataset"] = {"splits": splits, "fallback_reason": None}
    context = {"facts": changed, "choice": changed.choice, **checklist(changed, Translator("en"))}
    page = environment("en").get_template("sections/checklist.html").render(context)
    lines = re.findall(r'<li class="(\w+)">.*?<strong>(.*?)\.</strong> <span>(.*?)</span>', page, re.DOTALL)
    assert len(lines) == 8
    return {title: SimpleNamespace(state=state, text=text) for state, title, text in lines}


def test_the_checklist_is_computed(findings):
    audit = AUDIT.model_copy(update={"per_class": {"a": 100, "b": 90}})
    lines = lines_of(findings, audit, train=840, test=105)
    states = {name: line.state for name, line in lines.items()}
    assert states.pop("Class weights") == "not_applicable"
    assert set(states.values()) == {"proved"}
    assert lines["Images are readable"].text.startswith("1,050 of 1,105 products were accepted")
    assert "; 4 could not be read" in lines["Images are readable"].text
    assert lines["No duplicates across the splits"].text.startswith("51 duplicates were dropped; 19 products resemble")
    assert "each of the 1,031 groups" in lines["No duplicates across the splits"].text
    assert lines["Seeds are fixed"].text.startswith("Seed 0 in every training.")


@pytest.mark.parametrize(
    ("changes", "state", "told"),
    [
        ({}, "proved", "Stratified split (holdout), seed 0. 51 duplicates were dropped"),
        (
            {"method": "kfold", "fold": 2, "n_folds": 5},
            "proved",
            "Stratified 5-fold split, seed 0: fold 2 is the test set (counted from 0). 51 duplicates",
        ),
        (
            {"method": "official", "n_unused": 7},
            "proved",
            "Official split: the source’s own test set, whole (seed 0). 7 products are unused: their groups lie in the "
            "official test set. 51 duplicates",
        ),
        (
            {"method": "official", "n_leaks": 1234},
            "not_proved",
            "Official split: the source’s own test set, whole (seed 0). 1,234 products of train or validation are "
            "in groups with products of the test set (official_leaks: keep), so accuracies may be too high.",
        ),
        (
            {"n_moved_from_official_split": 2},
            "proved",
            "Stratified split (holdout), seed 0. 2 products left the official validation or test set, whose groups are "
            "elsewhere. 51 duplicates",
        ),
    ],
)
def test_the_method_of_the_split_is_told_and_what_it_proves(findings, changes, state, told):
    from bakeoff.report.render import environment

    facts = dataclasses.replace(findings, split=split_record(**changes))
    line = lines_of(facts, AUDIT, test=105)["No duplicates across the splits"]
    assert line.state == state
    assert line.text.startswith(told)
    assert ("each of the 1,031 groups whole" in line.text) == (state == "proved")
    card = card_of(facts)
    assert environment("en", html=False).globals["split_in_words"](facts.split) in card
    assert ("Photos found to be near-duplicates never lie" in card) == (state == "proved")


def test_the_data_section_tells_what_was_repaired(findings):
    from bakeoff.report.render import environment

    template = environment("en").get_template("sections/data.html")
    view = {"dataset": findings.dataset, "embed": lambda folder, name: "data:image/jpeg;base64,eA=="}
    page = template.render(facts=dataclasses.replace(findings, split=split_record(repair=repair_record())), **view)
    for told in (
        "Products and photos are repaired: mine.",
        "Photos repaired: border cropped 2, sharpened 1. Unused: near duplicate 2. New photos are repaired with the",
        '<td class="n">1 / 4</td><td class="n">2.000 → 3.000</td><td class="n">0.500 → 0.500</td>',
        "200, 20, 22 → 190, 20, 22",
        "base64,eA==",
    ):
        assert told in page
    raw = template.render(facts=dataclasses.replace(findings, split=split_record()), **view)
    assert "epair" not in raw


def test_the_checklist_says_what_is_not_proved(findings, tmp_path):
    kept = dataclasses.replace(findings, params={"dataset": {"duplicates": "keep"}})
    line = lines_of(kept, AUDIT, test=105)["No duplicates across the splits"]
    assert (line.state, "duplicates: keep" in line.text) == ("not_proved", True)
    assert "may lie in two of them (duplicates: keep)" in card_of(kept)
    assert "never lie in two of them" in card_of(findings)
    assert {line.state for line in lines_of(findings, None).values()} == {"not_proved", "proved"}
    lost = AUDIT.model_copy(update={"n_accepted": 1000, "per_class": {"a": 100, "b": 10}})
    lines = lines_of(findings, lost, test=105)
    assert lines["Images are readable"].state == "not_proved"
    assert lines["Images are readable"].text == "50 products are neither accepted nor rejected."
    assert lines["Class weights"].text.startswith(
        "The largest class is 10.0 times the smallest, and training does not weight"
    )
    first = findings.done[0]
    bare = dataclasses.replace(first, folder=tmp_path, cost=first.cost.model_copy(update={"git_commit": None}))
    broken = lines_of(dataclasses.replace(findings, done=[bare]), AUDIT)
    unproved = {name for name, line in broken.items() if line.state == "not_proved"}
    assert {"Transforms are tested", "Versions are recorded"} <= unproved


def test_a_users_name_is_no_markup_in_the_page_or_the_card():
    from bakeoff.report.render import environment

    name = 'a `b` **c** <i> & "d" [e](f) | g_h &lt; $x$'
    page = environment("en").from_string("{{ ('**' ~ name|verbatim ~ '** and `x`')|rich }}")
    shown = "a `b` **c** &lt;i&gt; &amp; &#34;d&#34; [e](f) | g_h &amp;lt; $x$"
    assert page.render(name=name) == f"<strong>{shown}</strong> and <code>x</code>"
    card = environment("en", html=False).from_string("{{ name|literal }}")
    assert card.render(name=name) == r'a \`b\` \*\*c\*\* \<i\> & "d" \[e\](f) \| g\_h \&lt; \$x\$'
