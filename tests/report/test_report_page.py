from __future__ import annotations

import dataclasses
import json
import re

import pandas as pd
import pytest
from PIL import Image

from bakeoff.decision.choice_record import Excluded
from bakeoff.decision.slices import COLUMNS
from bakeoff.records.catalogue import FindingSummary
from bakeoff.records.examination import Drift
from decision.fake_evidence import write_findings

pytest.importorskip("jinja2")
pytestmark = pytest.mark.torch


def write(root, name="index.html", **options):
    from bakeoff.report.page.page import write_report

    write_report(write_findings(root, **options), root / name)
    return (root / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("n_labels", "language"), [(7, "fr"), pytest.param(196, "en", marks=pytest.mark.slow)])
def test_every_part_is_there_and_the_file_stays_small(tmp_path, n_labels, language):
    page = write(tmp_path, n_labels=n_labels, language=language)
    assert f'<html lang="{language}">' in page
    assert len(page.encode()) < 8_000_000
    parts = ("answer", "leaderboard", "tradeoff", "comparisons", "matrix", "classes", "confusions", "calibration")
    parts += ("learning", "speed", "licences", "data", "checklist", "reproduce", "not-chosen")
    places = [page.index(f'<section id="{name}"') for name in parts]
    assert places == sorted(places)
    assert page.count('class="pairs"') == 3
    assert re.findall(r'(?:src|srcset)="(?!data:)', page) == []


def test_what_is_missing_leaves_its_part_out_with_a_sentence(tmp_path):
    page = write(tmp_path, partial=True)
    for name in ("comparisons", "matrix"):
        assert f'<section id="{name}"' not in page
    for sentence in ("No learning curves were found", "Not measured: baseline_tf"):
        assert sentence in page
    assert "NOT PROVED" in page


def test_the_calibration_error_is_the_one_that_its_interval_is_of(tmp_path):
    page = write(tmp_path)
    for name in ("mamba_b-finetune", "baseline_tf"):  # the best of them, and the baseline, are drawn
        path = tmp_path / "runs" / name / "seed_0" / "evaluation" / "calibration.json"
        before = json.loads(path.read_text(encoding="utf-8"))["test"]["before"]
        width, mass, low, high = (
            100 * before[key] for key in ("ece_equal_width", "ece_equal_mass", "ece_low", "ece_high")
        )
        assert f"{width:.1f}" != f"{mass:.1f}"
        assert f"ECE {width:.1f} points (about {low:.1f} to {high:.1f})" in page
        assert f"ECE {mass:.1f} points (about {low:.1f}" not in page


def test_the_page_has_the_language_of_the_choice(tmp_path):
    from bakeoff.report.page.page import write_report

    facts = write_findings(tmp_path, language="fr")
    write_report(dataclasses.replace(facts, audit=None), tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Quels écarts sont réels" in page
    assert "Aucun audit du catalogue n’a été trouvé" in page


def test_nothing_learned_is_a_page_and_no_error(tmp_path):
    from bakeoff.report.page.page import write_report

    findings = write_findings(tmp_path)
    dull = [dataclasses.replace(item, learned=False, time_comparable=False) for item in findings.summaries]
    apart = [Excluded(candidate=item.candidate, reason_code="not_learned", reason="it did not learn") for item in dull]
    nothing = {"best": None, "best_commercial": None, "best_commercial_reason": "", "apart": apart, "comparisons": []}
    changed = dataclasses.replace(findings, summaries=dull, choice=findings.choice.model_copy(update=nothing))
    write_report(changed, tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "DID NOT LEARN" in page
    assert "no front" in page


def test_numbers_and_codes_are_written_as_the_language_does():
    from bakeoff.core.translation import Translator
    from bakeoff.report.render import breakable, environment, filters, marked_up

    english, french = filters(Translator("en")), filters(Translator("fr"))
    assert english["num"](1234.56) == "1,234.6"
    assert french["num"](1234.56) == "1\u202f234,6"
    assert english["num"](None) == english["pct"](float("nan")) == "–"
    assert english["signed"](-0.42) == "\u22120.4"
    assert english["p_value"](0.0004) == "<\u00a00.001"
    assert french["p_value"](0.034) == "0,034"
    known = environment("fr").filters["known"]
    assert known("truncated", "rejected") == "tronquée"
    assert known("odd_reason", "rejected") == "odd reason"
    assert english["raw"](None) == ""
    assert english["raw"](0.25) == "0.25"
    assert marked_up("a `b` **c** <d>") == "a <code>b</code> <strong>c</strong> &lt;d&gt;"
    assert breakable("<a>-b") == "&lt;a&gt;-<wbr>b"


def test_weak_slices_and_the_ranking_without_label_errors(tmp_path):
    from bakeoff.decision.label_errors import Recounted
    from bakeoff.report.page.page import write_report

    facts = write_findings(tmp_path)
    best = facts.leading[0]
    rows = [(best, "year", "<1999>", 20, 0.5, 0.3, 0.7, 0.8, 1e-5, 1e-3), (best, "make", "Fiat", 12, *[0.9] * 6)]
    rows.append(("baseline_tf", "make", "Fiat", 12, *[0.9] * 6))
    ranked = pd.DataFrame([(best, 0.9, 0.95, 2)], columns=["candidate", "accuracy", "accuracy_without", "rank_without"])
    drift = Drift(mmd=0.04121, p_value=0.42, n_train=400, n_test=43)
    write_examination(tmp_path / "examination", pretrained=False, drift=drift)
    facts = dataclasses.replace(
        facts,
        slices=pd.DataFrame(rows, columns=list(COLUMNS)),
        recounted=Recounted(3, ranked, "It would stay.", False),
        examination_dir=tmp_path / "examination",
    )
    write_report(facts, tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    weak, labels = (page[page.index(f'<section id="{name}"') :] for name in ("slices", "label-errors"))
    assert "&lt;1999&gt;" in weak
    assert "Fiat" not in page
    assert "baseline_tf is not significantly worse in the one slice that was tested" in weak
    assert "random weights" in labels
    assert "3 test products have a label that is probably wrong. It would stay." in labels
    assert "0.950" in labels
    assert labels.count("data:image/jpeg") >= 1
    assert "To this backbone the test products look like the train products. Squared maximum mean discrepancy" in labels
    assert "of their features 0.0412, permutation test p = 0.42, 400 train and 43 test products compared." in labels


def test_a_test_split_that_looks_different_is_told_in_words(tmp_path):
    from bakeoff.report.page.page import write_report

    facts = dataclasses.replace(write_findings(tmp_path), examination_dir=tmp_path / "examination")
    write_examination(tmp_path / "examination", drift=Drift(mmd=0.2, p_value=0.0005, n_train=400, n_test=43))
    write_report(facts, tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "The test products look different from the train products to this backbone: look whether" in page
    assert "permutation test p &lt; 0.001, 400 train and 43 test products compared." in page


def write_examination(folder, **changes):
    from bakeoff.records.examination import FILE, ExaminationRecord

    found = {"model": "swin_t", "pretrained": True, "n_products": 9, "accuracy": 0.9, "n_leaks": 1}
    counts = {"train": 4, "validation": 0, "test": 3}
    outliers = FindingSummary(n=0, threshold=0.7)
    ExaminationRecord(**found | changes, label_errors=counts, outliers=outliers).write(folder / FILE)
    (folder / "figures").mkdir()
    Image.new("RGB", (90, 60), "white").save(folder / "figures" / "leaks.png")
