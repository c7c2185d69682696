from __future__ import annotations

import dataclasses
import json
import re
import string

import pytest

from decision.fake_evidence import write_findings

pytest.importorskip("jinja2")
pytestmark = pytest.mark.torch


def write(root, name="index.html", **options):
    from bakeoff.report.page.page import write_report

    findings = write_findings(root, **options)
    write_report(findings, root / name, audit_file=root / "audit.json")
    return (root / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("n_labels", "language"), [(7, "fr"), (196, "en")])
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


def test_an_older_record_leaves_its_parts_out_with_a_sentence(tmp_path):
    page = write(tmp_path, partial=True)
    for name in ("comparisons", "matrix"):
        assert f'<section id="{name}"' not in page
    for sentence in ("No candidate has been calibrated", "No learning curves and no training metrics were found"):
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
        assert f"ECE {width:.1f} points ({low:.1f} to {high:.1f})" in page
        assert f"ECE {mass:.1f} points ({low:.1f}" not in page


def test_the_page_takes_the_language_of_the_choice_or_the_one_given(tmp_path):
    from bakeoff.report.page.page import write_report

    findings = write_findings(tmp_path, language="fr")
    write_report(findings, tmp_path / "a.html", audit_file=None)
    write_report(findings, tmp_path / "b.html", audit_file=None, language="en")
    assert "Quels écarts sont réels" in (tmp_path / "a.html").read_text(encoding="utf-8")
    text = (tmp_path / "b.html").read_text(encoding="utf-8")
    assert "Which differences are real" in text
    assert "No audit of the catalogue was found" in text


def test_nothing_learned_is_a_page_and_no_error(tmp_path):
    from bakeoff.report.page.page import Findings, write_report

    findings = write_findings(tmp_path)
    dull = [dataclasses.replace(item, learned=False, time_comparable=False) for item in findings.summaries]
    apart = [{"candidate": item.candidate, "reason_code": "not_learned", "reason": "it did not learn"} for item in dull]
    nothing = {"best": None, "best_commercial": None, "best_commercial_reason": "", "apart": apart, "comparisons": []}
    write_report(Findings(findings.records, dull, findings.choice | nothing), tmp_path / "index.html", audit_file=None)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "DID NOT LEARN" in page
    assert "no front" in page


def test_phrases_have_the_same_gaps_in_both_languages_and_one_home():
    from bakeoff.language import report, report_evidence, report_more, report_tradeoff
    from bakeoff.report.page.wording import PHRASES

    tables = (report, report_tradeoff, report_evidence, report_more)
    assert len(PHRASES) == sum(len(table.PHRASES) for table in tables)

    def gaps(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for key, phrase in PHRASES.items():
        assert gaps(phrase.en) == gaps(phrase.fr), key
        assert phrase.en.strip() == phrase.en
        assert phrase.fr.strip() == phrase.fr


def test_words_and_numbers_are_written_as_the_language_does():
    from bakeoff.report.page.wording import Wording, breakable, raw, report_words, rich

    english, french = (Wording(report_words(code)) for code in ("en", "fr"))
    assert english.num(1234.56) == "1,234.6"
    assert french.num(1234.56) == "1\u202f234,6"
    assert english.num(None) == english.pct(float("nan")) == "–"
    assert english.signed(-0.42) == "\u22120.4"
    assert english.p_value(0.0004) == "<\u00a00.001"
    assert french.p_value(0.034) == "0,034"
    assert french.known("rejected", "truncated") == "tronquée"
    assert french.known("rejected", "odd_reason") == "odd reason"
    assert raw(None) == ""
    assert raw(0.25) == "0.25"
    assert rich("a `b` **c** <d>") == "a <code>b</code> <strong>c</strong> &lt;d&gt;"
    assert breakable("<a>-b") == "&lt;a&gt;-<wbr>b"
