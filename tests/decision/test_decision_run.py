from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from bakeoff.decision.console import print_summary
from bakeoff.decision.scatter import DARK, draw_pareto, front
from bakeoff.decision.study import Study
from bakeoff.errors import EvaluationError
from decision.fake_study import NO_LIMITS, summary, write_candidate, write_evidence, write_json, write_study


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The offline study: only EfficientNet-Lite0 has weights, one candidate failed; compared for real."""
    pytest.importorskip("jinja2")
    from bakeoff.decision.run import compare

    root = tmp_path_factory.mktemp("study")
    study = write_study(root / "runs", pretrained=lambda model: model == "tf_efficientnet_lite0")
    shutil.rmtree(root / "runs" / "mamba_b-finetune" / "seed_0" / "evaluation")
    audit = {"n_read": 1105, "n_accepted": 1050, "n_rejected": 55, "rejected": {"duplicate_image": 55}}
    write_json(root / "audit.json", audit | {"per_class": {"animals": 146, "<b>odd</b>": 4}})
    out = root / "reports"
    compare(root / "runs", out, study=study, limits=NO_LIMITS, partial=True, audit_file=root / "audit.json")
    return out


@pytest.fixture(scope="module")
def page(reports) -> str:
    return (reports / "index.html").read_text(encoding="utf-8")


def printed(reports, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_summary(reports, console=console)
    return console.file.getvalue()


def test_compare_writes_the_five_files(reports):
    names = {path.name for path in reports.iterdir()}
    assert names == {"leaderboard.csv", "choice.json", "metrics.json", "pareto.png", "index.html"}
    choice = json.loads((reports / "choice.json").read_text(encoding="utf-8"))
    assert choice["best"]["candidate"] == choice["best_commercial"]["candidate"] == "tf_efficientnet_lite0-finetune"
    assert choice["reason"].startswith("This is no comparison of backbones, only of what could be had here: 12 of 14")
    assert choice["inputs"]["keys"]["baseline_tf (seed 0)"] == "key-of-baseline_tf"
    assert choice["failed"][0]["candidate"] == "mamba_b-finetune"
    assert len(pd.read_csv(reports / "leaderboard.csv")) == 15
    metrics = json.loads((reports / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["n_candidates"], metrics["n_failed"]) == (15, 1)
    assert metrics["accuracy"] == pytest.approx(93 / 105)


def test_compare_is_a_function_of_its_inputs(reports, tmp_path):
    from bakeoff.decision.run import compare

    runs = reports.parent / "runs"
    inputs = json.loads((reports / "choice.json").read_text(encoding="utf-8"))["inputs"]
    study = Study(*(tuple(inputs[name]) for name in ("models", "modes", "seeds")))
    audit = reports.parent / "audit.json"
    compare(runs, tmp_path, study=study, limits=NO_LIMITS, partial=True, audit_file=audit)
    for path in reports.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_without_partial_nothing_is_written(reports, tmp_path):
    from bakeoff.decision.run import compare

    study = Study(("mamba_b",), ("finetune",), (0,))
    with pytest.raises(EvaluationError, match="mamba_b-finetune"):
        compare(reports.parent / "runs", tmp_path / "out", study=study, limits=NO_LIMITS)
    assert not (tmp_path / "out").exists()


def test_nothing_eligible_is_a_report_and_no_error(tmp_path):
    pytest.importorskip("jinja2")
    from bakeoff.decision.run import compare

    for name in ("baseline_tf", "a-frozen"):
        write_candidate(tmp_path / "runs", name, correct=30, latency_ms=20, learned=False)
    choice = compare(tmp_path / "runs", tmp_path, study=Study(("a",), ("frozen",), (0,)), limits=NO_LIMITS)
    assert choice["best"] is None
    assert "2 × did not learn" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "DID NOT LEARN" in printed(tmp_path, 80)


def test_the_page_needs_nothing_else(page):
    assert len(page) < 8_000_000
    outside = [url for url in re.findall(r'(?:src|srcset)="([^"]+)"', page) if not url.startswith("data:")]
    assert outside == []
    assert "<link" not in page
    assert re.findall(r"url\((?!data:)", page) == []


def test_the_page_is_well_formed_and_escapes(page):
    class Balance(HTMLParser):
        void = frozenset({"meta", "img", "br", "source", "wbr"})

        def __init__(self):
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag, attrs):
            if tag not in self.void:
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    assert "&lt;b&gt;odd&lt;/b&gt;" in page
    assert "<b>odd</b>" not in page


def test_the_answer_comes_first_and_every_part_is_there(page):
    order = [
        "This is no comparison of backbones",
        'id="leaderboard"',
        'id="trade-off"',
        'id="confusions"',
        'id="heat-maps"',
    ]
    order += ['id="colour"', 'id="licences"', 'id="data"', 'id="reproduce"', 'id="not-chosen"']
    places = [page.index(text) for text in order]
    assert places == sorted(places)
    for text in ("NON-COMMERCIAL", "RANDOM START", "FAILED", "NVIDIA Source Code License-NC", "hub unreachable"):
        assert text in page
    for text in (
        "GPL-2.0-or-later",
        "1,050",
        "55 duplicate image",
        "git checkout 0123456789abcdef",
        "dvc exp run\n",
        "bakeoff show",
    ):
        assert text in page
    assert page.count("taken for plants") >= 1
    assert "prefers-color-scheme: dark" in page


def test_the_page_says_which_commands_make_this_study_again(tmp_path):
    pytest.importorskip("jinja2")
    from bakeoff.decision.run import compare

    for name in ("baseline_tf", "x-frozen"):
        write_candidate(tmp_path / "runs", name, correct=90, latency_ms=20)
    made = Study(("x",), ("frozen",), (0,), choices=("dataset=synthetic", "models=[x]"))
    for study, line in (
        (made, ".venv-torch/bin/dvc exp run -S dataset=synthetic -S &#39;models=[x]&#39;\n"),
        (dataclasses.replace(made, choices=()), ".venv-torch/bin/dvc exp run\n"),
        (dataclasses.replace(made, choices=None), ".venv-torch/bin/bakeoff run\n"),
    ):
        choice = compare(tmp_path / "runs", tmp_path, study=study, limits=NO_LIMITS)
        assert choice["inputs"]["choices"] == (None if study.choices is None else list(study.choices))
        page = (tmp_path / "index.html").read_text(encoding="utf-8")
        section = page[page.index('id="reproduce"') :]
        commands = "git checkout 0123456789abcdef0123456789abcdef01234567\nmake setup\n" + line
        assert commands in section
        assert "the digest <code>d1</code>" in section
        assert ("edited by hand" in section) == (study.choices is None)


def test_heat_maps_are_shrunk_to_jpeg(page):
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert len(pictures) == 2 * 14
    with Image.open(io.BytesIO(base64.b64decode(pictures[0]))) as picture:
        assert picture.size == (630, 270)


def test_pictures_beyond_the_budget_are_counted_not_embedded(tmp_path):
    from bakeoff.decision.report.embedding import Budget, shrink_to_jpeg

    path = tmp_path / "a.png"
    Image.new("RGBA", (400, 200), (0, 0, 0, 0)).save(path)
    data = shrink_to_jpeg(path, max_px=100)
    with Image.open(io.BytesIO(data)) as small:
        assert small.size == (100, 50)
        assert small.getpixel((5, 5)) == (255, 255, 255)  # transparent becomes white
    budget = Budget(len(data))
    assert str(budget.embed(path, max_px=100)).startswith("data:image/jpeg;base64,")
    assert budget.embed(path, max_px=100) is None
    assert budget.n_left_out == 1


def test_a_figure_outside_the_folder_is_not_read(tmp_path):
    from bakeoff.decision.collect import collect
    from bakeoff.decision.report.embedding import Budget
    from bakeoff.decision.report.evidence import read_channels, read_confusion, read_heat_maps

    folder = write_candidate(tmp_path, "baseline_tf", correct=90, latency_ms=20)
    record = collect(tmp_path, Study((), (), (0,)))[0]
    assert (read_channels(record), read_confusion(record), read_heat_maps(record, Budget(9))) == (None, None, [])
    write_evidence(folder, correct=90)
    Image.new("RGB", (9, 9)).save(tmp_path / "secret.png")
    item = {"product_id": "x", "correct": True, "figure": "../../../secret.png"}
    write_json(folder / "interpretation" / "attributions.json", {"items": [item]})
    assert read_heat_maps(record, Budget(10**6)) == []


def test_confusions_count_and_order_the_pairs(tmp_path):
    from bakeoff.decision.collect import collect
    from bakeoff.decision.report.evidence import read_confusion

    folder = write_candidate(tmp_path, "baseline_tf", correct=90, latency_ms=20)
    (folder / "evaluation" / "confusion.csv").write_text("true,a,b\na,3,1\nb,2,0\n", encoding="utf-8")
    matrix = read_confusion(collect(tmp_path, Study((), (), (0,)))[0])
    assert [(row["label"], row["total"]) for row in matrix["rows"]] == [("a", 4), ("b", 2)]
    assert matrix["rows"][0]["cells"][0] == {"count": 3, "share": 0.75, "right": True}
    assert [(pair["true"], pair["count"]) for pair in matrix["pairs"]] == [("b", 2), ("a", 1)]


def test_the_console_keeps_names_and_warnings_at_80_columns(reports):
    text = printed(reports, 80)
    assert max(len(line) for line in text.splitlines() if "interpretation" not in line) <= 80
    for words in ("tf_efficientnet_lite0-finetune", "RANDOM START", "NON-COMMERCIAL", "FAILED", "Report:", "make ui"):
        assert words in text
    assert "macro F1" not in text
    assert "\x1b[" not in text


def test_the_console_shows_more_when_wide(reports):
    text = printed(reports, 150)
    assert "macro F1" in text
    assert "RANDOM START, NON-COMMERCIAL" in text
    assert "0.811-0.933" in text


def test_the_console_without_a_comparison(tmp_path):
    with pytest.raises(EvaluationError, match=r"leaderboard.csv is missing; run `bakeoff run`"):
        print_summary(tmp_path)


def test_the_front_leaves_out_what_may_not_be_chosen():
    items = [
        summary("random", accuracy=0.99, latency_ms=1, pretrained=False),
        summary("dull", accuracy=0.95, latency_ms=2, learned=False),
        summary("elsewhere", accuracy=0.97, latency_ms=1, time_comparable=False),
        summary("slow", accuracy=0.9, latency_ms=30),
        summary("beaten", accuracy=0.85, latency_ms=40),
        summary("fast", accuracy=0.8, latency_ms=10),
    ]
    assert [item.candidate for item in front(items)] == ["fast", "slow"]
    assert [item.candidate for item in front(items, allow_random=True)] == ["random"]
    assert front([]) == []


@pytest.mark.parametrize("latencies", [(20.0, 25.0), (2.0, 300.0)])
def test_the_figure_is_drawn_on_both_scales_and_themes(tmp_path, latencies):
    items = [summary(f"m{i}-frozen", accuracy=0.9 - 0.1 * i, latency_ms=ms) for i, ms in enumerate(latencies)]
    draw_pareto(items, tmp_path / "light.png")
    draw_pareto(items, tmp_path / "dark.png", theme=DARK)
    with Image.open(tmp_path / "light.png") as light, Image.open(tmp_path / "dark.png") as dark:
        assert light.size == dark.size == (1248, 780)
        assert light.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
        assert dark.convert("RGB").getpixel((2, 2)) == (21, 27, 35)


def test_the_figure_without_any_time(tmp_path):
    draw_pareto([summary("a", time_comparable=False)], tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0
