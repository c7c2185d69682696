"""Explained texts in the report: terms side by side, words on one scale a candidate, nothing of a text is markup."""

from __future__ import annotations

import dataclasses
import html
import re

import pytest

from bakeoff.records.candidate import Candidate
from bakeoff.records.explained_texts import TEXTS_FILE, ExplainedText, TextsRecord
from decision.fake_evidence import write_findings
from decision.fake_study import LABELS

pytest.importorskip("jinja2")
pytestmark = pytest.mark.torch
HOSTILE = ["<script>alert(1)</script>", "**bold**", "`x`", "\U0001f45f", "שלום", "&amp;"]
NAMES = ["mamba_t-frozen", "swin_t-frozen"]  # whose folders a fake study has; who reads what is not asked here


def text(product_id="p1", label=LABELS[0], words=(("shoe", 2.0), ("red", -1.0), ("the", 0.01)), **changes):
    own = {"product_id": product_id, "kind": "shared", "title": "A <b>shoe</b>", "true": label, "predicted": label}
    own |= {"correct": True, "probabilities": {label: 0.9}, "words": list(words), "completeness_gap": 0.0}
    return ExplainedText(**(own | changes))


@pytest.fixture
def facts(tmp_path):
    """What the report of a fake study is made of, two of whose candidates have explained texts."""
    found = write_findings(tmp_path)
    of = {one.candidate.name: one for one in found.done}
    texts = [text(), text("p2", LABELS[1], [(word, 1.0) for word in HOSTILE], title=" ".join(HOSTILE))]
    own = text("p3", LABELS[0], [("boot", -4.0)], kind="wrong_sure", title=None, completeness_gap=0.3)
    terms = {LABELS[0]: [("shoe <i>", 3.25)]}
    for name, (texts_of, scored, known) in {
        NAMES[0]: (texts, "log_probability", {"": [("of all", 0.5)]}),
        NAMES[1]: ([*texts, own], "score", terms),
    }.items():
        record = TextsRecord(key="k", training_key=of[name].training.key, scored=scored, terms=known, texts=texts_of)
        record.write(of[name].folder / "interpretation" / TEXTS_FILE)
    return found


def pages(facts, root, language="en"):
    from bakeoff.report.page.explanations import write_explanations
    from bakeoff.report.page.page import write_report

    facts = dataclasses.replace(facts, choice=facts.choice.model_copy(update={"language": language}))
    write_report(facts, root / "index.html")
    write_explanations(facts, root / "explanations")
    assert not (root / "failures.json").exists()
    found = {path.stem: path.read_text(encoding="utf-8") for path in (root / "explanations").iterdir()}
    return (root / "index.html").read_text(encoding="utf-8"), found


def section(page, name):
    start = page.index(f'<section id="{name}"')
    return page[start : page.index("</section>", start)]


def test_terms_stand_side_by_side_and_words_have_one_scale_a_candidate(facts, tmp_path):
    index, of_class = pages(facts, tmp_path)
    words = section(index, "words")
    assert f'href="explanations/{LABELS[0]}.html"' in words
    row = re.search(rf"<tr><th scope=\"row\"><a[^>]*>{LABELS[0]}</a>.*?</tr>", words, re.DOTALL)[0]
    assert [html.unescape(term) for term in re.findall(r'class="term"[^>]*>([^<]*)</bdi>', row)].count("of all") == 1
    assert "shoe &lt;i&gt;" in row
    own = section(of_class[LABELS[0]], "texts")
    marks = re.findall(r'<mark class="(for|against)" style="--share: (\d\.\d\d)">(\w+)</mark>', own)
    assert set(marks) == {  # 4.0 is the largest of the one, 2.0 of the other
        *[("for", "1.00", "shoe"), ("against", "0.50", "red")],
        *[("for", "0.50", "shoe"), ("against", "0.25", "red"), ("against", "1.00", "boot")],
    }
    assert " the</p>" in own.replace("the ", "the")  # too faint for a mark
    assert "contributions differ from their expected sum by 0.30" in own
    assert "strongly against" in own
    assert "p3" in own  # without a title


def test_nothing_of_a_text_becomes_markup(facts, tmp_path):
    _, of_class = pages(facts, tmp_path)
    page = section(of_class[LABELS[1]], "texts")
    found = re.findall(r'<mark class="for" style="--share: [\d.]+">(.*?)</mark>', page)
    assert {html.unescape(word) for word in found} >= set(HOSTILE)
    for tag in ("<script", "<i>", "<b>", "<code>x", "<strong>bold"):
        assert tag not in page
    assert html.unescape(re.search(r"<figcaption><strong>(.*?)</strong>", page)[1]) == " ".join(HOSTILE)


def test_the_pages_speak_french(facts, tmp_path):
    index, of_class = pages(facts, tmp_path, "fr")
    for page in (section(index, "words"), section(of_class[LABELS[0]], "texts")):
        assert "Les mots qui décident" in page
        assert "fortement contre" in page
    assert "Which words" not in index


def test_a_file_of_an_earlier_training_is_not_shown(facts, tmp_path):
    for one in facts.done:
        if one.candidate in map(Candidate, NAMES):
            path = one.folder / "interpretation" / TEXTS_FILE
            TextsRecord.read(path).model_copy(update={"training_key": "other"}).write(path)
    index, _ = pages(facts, tmp_path)
    assert '<section id="words"' not in index
