from __future__ import annotations

import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from bakeoff.core.errors import EvaluationError
from bakeoff.core.failures import FILE, read_failures, surviving
from bakeoff.core.files import write_json
from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.decision.leaderboard import read_leaderboard
from bakeoff.report.console import print_summary
from bakeoff.report.page.learning import COLUMNS as CURVES
from bakeoff.report.run import REPORTS, TELLING, ReportInputs
from decision.fake_study import (
    NO_LIMITS,
    collected,
    make_study,
    speed_file,
    write_candidate,
    write_study,
)
from records_made import audit_record, weights_record


def inputs_of(root, **changes) -> ReportInputs:
    given = {"audit_file": root / "audit.json", "speed_file": speed_file(root / "runs")}
    return ReportInputs(**given | changes)


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The offline study: only EfficientNet-Lite0 has weights, one candidate failed; compared for real."""
    pytest.importorskip("jinja2")
    from bakeoff.report.run import compare

    root = tmp_path_factory.mktemp("study")
    study = write_study(root / "runs", pretrained=lambda model: model == "tf_efficientnet_lite0")
    shutil.rmtree(root / "runs" / "mamba_b-finetune" / "seed_0" / "evaluation")
    counts = {"n_read": 1105, "n_accepted": 1050, "n_rejected": 55, "rejected": {"duplicate_image": 55}}
    audit_record(**counts, per_class={"animals": 146, "<b>odd</b>": 4}).write(root / "audit.json")
    out = root / "reports"
    compare(
        root / "runs",
        out,
        study=study,
        params=NO_LIMITS,
        partial=True,
        inputs=inputs_of(root),
    )
    return out


@pytest.fixture
def small_study(tmp_path):
    """Two candidates that were judged, one of them with a figure that failed."""
    pytest.importorskip("jinja2")
    for name in ("baseline_tf", "swin_t-frozen"):
        write_candidate(tmp_path / "runs", name)
    with surviving("figures/calibration.png", tmp_path / "runs" / "swin_t-frozen" / "seed_0" / "evaluation"):
        raise ValueError("yerr")
    with surviving("the MLflow entry of baseline_tf", tmp_path / "failures" / "key-of-baseline_tf"):
        raise OSError("gone")
    return tmp_path


def compare_small(root, **inputs):
    from bakeoff.report.run import compare

    study = make_study(["swin_t"])
    given = inputs_of(root, failures_dir=root / "failures", **inputs)
    return compare(root / "runs", root / "reports", study=study, params=NO_LIMITS, inputs=given)


@pytest.mark.usefixtures("no_rendering")
@pytest.mark.survives
def test_what_failed_of_a_candidate_is_named_in_console_and_report(small_study):
    choice = compare_small(small_study)
    reports = small_study / "reports"
    note = next(note for note in choice.notes if "no number is lost" in note)
    assert "swin_t-frozen/seed_0/evaluation/figures/calibration.png (ValueError: yerr)" in note
    assert any(note.startswith("MLflow or TensorBoard lacked results of baseline_tf (seed 0)") for note in choice.notes)
    assert "gone" not in choice.model_dump_json()
    assert choice.failed == []
    assert "calibration.png (ValueError: yerr)" in (reports / "index.html").read_text(encoding="utf-8")
    assert "calibration.png" in printed(reports, 100)
    french = compare_small(small_study, language="fr")
    assert any("aucun chiffre n’est perdu" in note for note in french.notes)


@pytest.mark.usefixtures("no_rendering")
def test_a_network_in_place_of_the_baselines_own_is_named_wherever_it_counts(tmp_path):
    keras = {"name": "baseline_tf", "model": "baseline_tf", "measure": "imagenet_top1", "value": 0.771}
    keras |= {"split": "ImageNet-1k validation", "source_url": "https://keras.io", "kind": "published"}
    published = [keras, keras | {"name": "swin_t", "model": "swin_t"}]
    write_candidate(tmp_path / "runs", "swin_t-frozen", correct=80)
    for source, n_notes, rows in (("hub", 0, ["baseline_tf", "swin_t"]), ("package", 1, ["swin_t"])):
        weights, title = weights_record("baseline_tf", source=source), f"the network of {source}"
        write_candidate(tmp_path / "runs", "baseline_tf", correct=95, weights=weights, architecture=title)
        choice = compare_small(tmp_path, references=published)
        said = "baseline_tf is EfficientNet-Lite0 in Keras: pretrained weights of EfficientNet-B0 were not available."
        assert len([note for note in choice.notes if note.startswith(said)]) == n_notes
        assert [row["model"] for row in choice.references] == rows
        assert (said in " ".join(printed(tmp_path / "reports", 400).split())) == bool(n_notes)
        assert choice.best
        assert choice.best["candidate"] == "baseline_tf"
        for name in ("index.html", "model_card.md"):
            assert title in (tmp_path / "reports" / name).read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_rendering")
def test_a_training_that_ended_too_early_is_marked_and_the_order_told_with_it_and_without(tmp_path):
    write_candidate(tmp_path / "runs", "swin_t-frozen", correct=95, still_improving=True)
    write_candidate(tmp_path / "runs", "baseline_tf", correct=90)
    choice = compare_small(tmp_path)
    (note,) = (note for note in choice.notes if "still improved" in note)
    assert note.startswith("swin_t-frozen still improved when their schedule ended")
    assert "By accuracy it is swin_t-frozen > baseline_tf; without them, baseline_tf." in note
    assert "STILL IMPROVING" in printed(tmp_path / "reports", 200)
    page = (tmp_path / "reports" / "index.html").read_text(encoding="utf-8")
    assert page.count('<span class="mark">STILL IMPROVING</span>') >= 1


@pytest.mark.usefixtures("no_rendering")
@pytest.mark.survives
def test_the_audits_findings_are_on_the_page_with_their_sheets(small_study):
    found = {"blurred": {"n": 3, "threshold": 2.125}, "missing_title": {"n": 7, "threshold": None}}
    found["dark"] = {"n": 0, "threshold": 0.1}
    audit_record(findings=found).write(small_study / "audit.json")
    (small_study / "figures").mkdir()
    Image.new("RGB", (990, 240), "white").save(small_study / "figures" / "blurred.png")
    compare_small(small_study)
    page = (small_study / "reports" / "index.html").read_text(encoding="utf-8")
    table = re.findall(r'<th scope="row">([^<]*)</th><td class="n">(\d+)</td><td class="n">([^<]*)</td>', page)
    assert table == [("title missing", "7", "–"), ("blurred", "3", "2.125")]
    assert page.count("the worst first") == 1, "one of them has a sheet"
    assert "Languages of the texts: en 1." in page


@pytest.mark.usefixtures("no_rendering")
@pytest.mark.survives
def test_a_section_that_fails_leaves_a_sentence_and_the_others_stand(small_study, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("no curves")

    monkeypatch.setattr("bakeoff.report.page.page.learning_views", broken)
    compare_small(small_study)
    page = (small_study / "reports" / "index.html").read_text(encoding="utf-8")
    assert "This section could not be made" in page
    for name in ("answer", "leaderboard", "learning", "speed", "reproduce"):
        assert f'<section id="{name}"' in page
        assert f'href="#{name}"' in page
    [failure] = read_failures(small_study / "reports")
    assert failure.what == "section learning of index.html"
    assert "no curves" in failure.error
    assert "section learning" in printed(small_study / "reports", 100)


@pytest.mark.survives
def test_pictures_page_and_card_that_fail_have_a_stand_in_and_the_numbers_are_there(
    small_study, monkeypatch, broken_figures
):
    whole = compare_small(small_study).best
    for name in ("write_report", "write_model_card"):
        monkeypatch.setattr(f"bakeoff.report.run.{name}", lambda *_, **__: 1 / 0)
    assert compare_small(small_study).best == whole
    reports = small_study / "reports"
    failed = [failure.what for failure in read_failures(reports)]
    assert failed == ["pareto.png", "differences.png", "index.html", "model_card.md"]
    for name in ("pareto.png", "differences.png"):
        with Image.open(reports / name) as picture:
            assert picture.width == 1000
    for name in ("index.html", "model_card.md"):
        assert f"{name} could not be made: ZeroDivisionError" in (reports / name).read_text(encoding="utf-8")
    for name in REPORTS:
        assert (reports / name).stat().st_size > 60  # slices.csv: a header, since no photo was measured
    monkeypatch.undo()
    compare_small(small_study)
    assert read_failures(reports) == []


@pytest.fixture(scope="module")
def page(reports) -> str:
    return (reports / "index.html").read_text(encoding="utf-8")


def printed(reports, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_summary(reports, console=console)
    return console.file.getvalue()


def test_the_console_and_the_leaderboard_name_the_repair(reports, tmp_path):
    table = read_leaderboard(reports / "leaderboard.csv")
    assert set(table["repair"].dropna()) == {"none"}
    assert "repair:" not in printed(reports, 120)
    shutil.copy(reports / "choice.json", tmp_path)
    table.assign(repair="mine").to_csv(tmp_path / "leaderboard.csv", index=False)
    assert "test products, repair: mine" in printed(tmp_path, 120)


def test_compare_writes_its_files(reports):
    names = {path.name for path in reports.iterdir()}
    assert names == {*REPORTS, *TELLING, FILE, "explanations"}
    assert [path.name for path in (reports / "explanations").iterdir()] == ["food.html"]
    assert read_failures(reports) == []
    choice = ChoiceRecord.read(reports / "choice.json")
    assert choice.best["candidate"] == choice.best_commercial["candidate"] == "tf_efficientnet_lite0-finetune"
    assert choice.reason.startswith("This does not compare backbones, only what was available here: 12 of 14")
    assert choice.inputs.keys["baseline_tf (seed 0)"] == "key-of-baseline_tf"
    assert choice.failed[0].candidate == "mamba_b-finetune"
    assert len(pd.read_csv(reports / "leaderboard.csv")) == 15
    metrics = json.loads((reports / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["n_candidates"], metrics["n_failed"]) == (15, 1)
    assert metrics["accuracy"] == pytest.approx(93 / 105)
    assert (metrics["best"], metrics["n_test"]) == ("tf_efficientnet_lite0-finetune", 105)
    assert 0.5 < metrics["winner_share"] <= 1
    expected = choice.corrected[choice.best["candidate"]]
    assert metrics["accuracy_corrected"] == expected.accuracy.estimate < metrics["accuracy"]
    assert metrics["accuracy_corrected_low"] < metrics["accuracy_corrected"] < metrics["accuracy_corrected_high"]
    assert expected.lead.measured == pytest.approx((93 - 42) / 105)
    assert expected.sentence in choice.best_reason
    assert expected.sentence in (reports / "model_card.md").read_text(encoding="utf-8")
    page = (reports / "index.html").read_text(encoding="utf-8")
    assert "accuracy to expect" in page
    assert f"measured {100 * metrics['accuracy']:.1f}%" in page
    curves = pd.read_csv(reports / "learning_curves.csv")
    assert len(curves) == 14 * 4
    assert list(curves.columns) == CURVES


def test_the_choice_holds_what_others_read(reports):
    choice = ChoiceRecord.read(reports / "choice.json")
    assert choice.language == "en"
    against = {(row["candidate"], row["against"], row["role"]) for row in choice.comparisons}
    lite0 = "tf_efficientnet_lite0"
    assert against == {
        (f"{lite0}-finetune", "baseline_tf", "baseline"),
        (f"{lite0}-frozen", "baseline_tf", "baseline"),
        (f"{lite0}-frozen", f"{lite0}-finetune", "best"),
        ("baseline_tf", f"{lite0}-finetune", "best"),
    }
    assert choice.indistinguishable == [[f"{lite0}-finetune", f"{lite0}-frozen"]]
    assert {row.reason_code for row in choice.apart} == {"random_weights"}
    assert len(choice.apart) == 12
    assert [row["name"] for row in choice.scenarios] == ["phone", "checkout_camera"]
    assert {"criteria", "rows", "note"} <= choice.matrix.keys()
    assert choice.matrix["rows"][0]["total"] > choice.matrix["rows"][-1]["total"]
    assert (choice.references, choice.seeds) == ([], {})


@pytest.mark.usefixtures("no_rendering")
@pytest.mark.parametrize(
    "maximise",
    ["matrix_total", *(pytest.param(n, marks=pytest.mark.slow) for n in ("images_per_s", "balanced_accuracy"))],
)
def test_every_rule_runs_on_a_study_and_in_french(tmp_path, maximise):
    pytest.importorskip("jinja2")
    from bakeoff.report.run import compare

    for name in ("baseline_tf", "a-frozen", "b-frozen"):
        for seed in (0, 1):
            write_candidate(
                tmp_path / "runs", name, correct=90 + seed + len(name), latency_ms=20 + len(name), seed=seed
            )
    study = make_study(["a", "b"], seeds=[0, 1])
    params = NO_LIMITS.model_copy(update={"maximise": maximise})
    published = {
        "name": "x",
        "model": None,
        "measure": "accuracy",
        "value": 0.5,
        "split": "theirs",
        "kind": "published",
    }
    published["source_url"] = "https://example.org"
    inputs = inputs_of(tmp_path, language="fr", references=[published])
    choice = compare(tmp_path / "runs", tmp_path, study=study, params=params, inputs=inputs)
    assert choice.best is not None
    assert choice.rule.in_words.startswith("maximiser le critère «\u202f")
    assert choice.references == [published]
    assert choice.seeds["a-frozen"]["n_seeds"] == 2
    assert {row["test"] for row in choice.comparisons} == {"sign_flip_exact"}
    text = printed(tmp_path, 80)
    assert "Classement, 105 produits de test" in text
    assert "Est-ce certain\u202f?" in text
    assert "Rapport\u202f:" in text


def test_a_history_that_is_missing_has_no_curve(tmp_path):
    from bakeoff.report.page.learning import learning_curves

    folder = write_candidate(tmp_path / "runs", "baseline_tf")
    (folder / "training" / "history.csv").unlink()
    assert list(learning_curves(collected(tmp_path / "runs", make_study()).done).columns) == CURVES


def test_an_older_choice_is_not_printed(reports, tmp_path):
    shutil.copy(reports / "leaderboard.csv", tmp_path)
    write_json(tmp_path / "choice.json", {"best": None})
    with pytest.raises(
        EvaluationError,
        match=r"choice.json was written by another version .* reads 3.; run `dvc repro compare`",
    ):
        print_summary(tmp_path)


def test_compare_is_a_function_of_its_inputs(reports, tmp_path):
    from bakeoff.report.run import compare

    runs = reports.parent / "runs"
    inputs = json.loads((reports / "choice.json").read_text(encoding="utf-8"))["inputs"]
    study = make_study(*(inputs[name] for name in ("models", "modes", "seeds")))
    compare(runs, tmp_path, study=study, params=NO_LIMITS, partial=True, inputs=inputs_of(reports.parent))
    for path in filter(Path.is_file, reports.rglob("*")):
        assert (tmp_path / path.relative_to(reports)).read_bytes() == path.read_bytes(), path.name


def test_without_partial_nothing_is_written(reports, tmp_path):
    from bakeoff.report.run import compare

    study = make_study(["mamba_b"], ["finetune"])
    with pytest.raises(EvaluationError, match="mamba_b-finetune"):
        compare(reports.parent / "runs", tmp_path / "out", study=study, params=NO_LIMITS)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_rendering")
def test_nothing_eligible_is_a_report_and_no_error(tmp_path):
    pytest.importorskip("jinja2")
    from bakeoff.report.run import compare

    for name in ("baseline_tf", "a-frozen"):
        write_candidate(tmp_path / "runs", name, correct=30, latency_ms=20, learned=False)
    choice = compare(tmp_path / "runs", tmp_path, study=make_study(["a"]), params=NO_LIMITS)
    assert choice.best is None
    assert "2 × did not learn" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "DID NOT LEARN" in printed(tmp_path, 80)


def test_the_page_needs_nothing_else(page):
    assert len(page) < 8_000_000
    outside = [url for url in re.findall(r'(?:src|srcset)="([^"]+)"', page) if not url.startswith("data:")]
    assert outside == []
    assert "<link" not in page
    assert re.findall(r"url\((?!data:|#)", page) == []


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
        "This does not compare backbones",
        'id="leaderboard"',
        'id="tradeoff"',
        'id="confusions"',
        'id="heat-maps"',
        'id="trust"',
    ]
    order += ['id="parts"', 'id="licences"', 'id="data"', 'id="reproduce"', 'id="not-chosen"']
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
    assert "wrong:</span> plants 0.70" in page
    assert "prefers-color-scheme: dark" in page


@pytest.mark.slow
@pytest.mark.usefixtures("no_rendering")
def test_the_page_says_which_commands_make_this_study_again(tmp_path):
    pytest.importorskip("jinja2")
    from bakeoff.report.run import compare

    for name in ("baseline_tf", "x-frozen"):
        write_candidate(tmp_path / "runs", name, correct=90, latency_ms=20)
    made = make_study(["x"], choices=("dataset=synthetic", "models=[x]"))
    for study, line in (
        (made, ".venv-torch/bin/dvc exp run -S dataset=synthetic -S &#39;models=[x]&#39;\n"),
        (made._replace(choices=()), ".venv-torch/bin/dvc exp run\n"),
        (made._replace(choices=None), ".venv-torch/bin/bakeoff run\n"),
    ):
        choice = compare(tmp_path / "runs", tmp_path, study=study, params=NO_LIMITS)
        assert choice.inputs.choices == (None if study.choices is None else list(study.choices))
        page = (tmp_path / "index.html").read_text(encoding="utf-8")
        section = page[page.index('id="reproduce"') :]
        commands = "git checkout 0123456789abcdef0123456789abcdef01234567\nmake setup\n" + line
        assert commands in section
        assert "the digest <code>d1</code>" in section
        assert ("edited by hand" in section) == (study.choices is None)


def test_pictures_beyond_the_budget_are_counted_not_embedded(tmp_path):
    from bakeoff.report.page.embedding import Budget, shrink_to_jpeg

    path = tmp_path / "a.png"
    Image.new("RGBA", (400, 200), (0, 0, 0, 0)).save(path)
    data = shrink_to_jpeg(path, max_px=100)
    with Image.open(io.BytesIO(data)) as small:
        assert small.size == (100, 50)
        assert small.getpixel((5, 5)) == (255, 255, 255)  # transparent becomes white
    budget = Budget(len(data))
    assert str(budget.embed(tmp_path, "a.png", max_px=100)).startswith("data:image/jpeg;base64,")
    assert budget.embed(tmp_path, "a.png", max_px=100) is None
    assert budget.n_left_out == 1


def test_the_console_keeps_names_and_warnings_at_80_columns(reports):
    text = printed(reports, 80)
    assert max(len(line) for line in text.splitlines() if str(reports) not in line) <= 80
    assert f"{reports / 'explanations'}/" in text
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
    with pytest.raises(EvaluationError, match=r"choice.json is missing; run `bakeoff run`"):
        print_summary(tmp_path)


def test_label_errors_that_change_the_choice_are_a_note_and_slices_a_file(tmp_path):
    """swin_t-frozen is best; where every product that it alone gets right is called an error, the baseline is."""
    pytest.importorskip("jinja2")
    from bakeoff.data.predictions import read_predictions

    write_candidate(tmp_path / "runs", "baseline_tf", right=np.arange(105) < 85)
    write_candidate(tmp_path / "runs", "swin_t-frozen", right=np.arange(105) >= 15)
    said = {}
    for name in ("baseline_tf", "swin_t-frozen"):
        found = read_predictions(tmp_path / "runs" / name / "seed_0" / "training" / "predictions.parquet")
        said[name] = found.probabilities.argmax(axis=1) == found.products["label_id"]
        products = found.products
    first = compare_small(tmp_path)
    assert first.best["candidate"] == "swin_t-frozen"
    table = products.assign(is_label_error=said["swin_t-frozen"] & ~said["baseline_tf"])
    (tmp_path / "examination").mkdir()
    table[["product_id", "is_label_error"]].to_parquet(tmp_path / "examination" / "products.parquet")
    measured = products[["product_id"]].assign(format="JPEG", mode="RGB", group_id=range(len(products)))
    measured.to_parquet(tmp_path / "products.parquet")
    measured[["product_id", "group_id"]].to_parquet(tmp_path / "measures.parquet")
    inputs = {"examination_dir": tmp_path / "examination", "products_file": tmp_path / "products.parquet"}
    second = compare_small(tmp_path, **inputs)
    assert second.best == first.best
    told = [note for note in second.notes if "would be chosen, not" in note]
    assert told == [
        "Without the test products whose label is probably wrong, baseline_tf would be chosen, not swin_t-frozen."
    ]
    slices = pd.read_csv(tmp_path / "reports" / "slices.csv")
    assert set(slices["candidate"]) == {"baseline_tf", "swin_t-frozen"}
    assert set(slices["attribute"]) == {"group_id"}
