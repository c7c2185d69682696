"""The methodology note says what the files say, in both languages, and says what is missing."""

import json
import re
import shutil
import subprocess

import pandas as pd
import pytest
import yaml

from bakeoff.core.errors import EvaluationError
from bakeoff.core.section import LANGUAGES
from bakeoff.report.documents import write_note
from bakeoff.report.facts import read_facts
from records_made import split_record

pytestmark = pytest.mark.torch  # jinja2 lives in .venv-torch


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    from report.note_project import write_project

    return write_project(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def project(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "project")


def note_text(root, language="en"):
    return write_note(root, root / "reports", language=language)[0].read_text(encoding="utf-8")


def test_numbers_are_the_files_numbers(project):
    text = note_text(project)
    choice = json.loads((project / "reports" / "choice.json").read_text())
    table = pd.read_csv(project / "reports" / "leaderboard.csv")
    best = choice["best"]
    assert f"Chosen: {best['candidate']}, accuracy {best['accuracy']:.3f}" in text
    assert f"{choice['n_candidates']} candidates" in text
    assert (
        "1,105 products read, 1,050 kept, 55 rejected, each with its reason (duplicate_image 50, unreadable 5)" in text
    )
    assert "The largest class, animals, has 300 products, the smallest, vehicles, 50: 6.0 times fewer." in text
    for row in table.itertuples():
        assert f"| {row.candidate} | {row.accuracy:.3f} [{row.accuracy_low:.3f}; {row.accuracy_high:.3f}]" in text
    test = next(row for row in choice["comparisons"] if row["role"] == "baseline")
    assert f"{test['difference_points']:+.1f} [{test['low_points']:+.1f}; {test['high_points']:+.1f}]" in text
    assert choice["stability"]["sentence"] in text
    assert choice["corrected"][best["candidate"]]["sentence"] in text
    assert "bakeoff aggregate" in text


def test_markdown_and_html_say_the_same_and_load_nothing(project):
    markdown, html = (path.read_text(encoding="utf-8") for path in write_note(project, project / "reports"))
    for heading in re.findall(r"^## (.+)$", markdown, flags=re.MULTILINE):
        assert f"<h2>{heading}</h2>" in html
    assert len(re.findall(r"^## ", markdown, flags=re.MULTILINE)) == 8
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", html)


def test_french_is_french(project):
    text = note_text(project, "fr")
    assert text.startswith("# Quel classifieur pour stamps\u202f? Note méthodologique")
    assert "1\u202f105 produits lus" in text
    assert "poids 0,01" in text
    assert "Rule of the choice" not in text


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_prints_on_two_pages_of_a4(project, tmp_path, language):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium here")
    page = write_note(project, project / "reports", language=language)[1]
    target = tmp_path / "note.pdf"
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={target}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", target.read_bytes())) <= 2


def test_what_is_missing_is_said(project):
    shutil.rmtree(project / "data")
    (project / "runs" / "mamba_b-finetune" / "seed_0" / "evaluation" / "calibration.json").unlink()
    choice_file = project / "reports" / "choice.json"
    choice = json.loads(choice_file.read_text())
    gone = {"best": None, "comparisons": [], "failed": [{"candidate": "swin_t-frozen", "seed": 0, "problem": "x"}]}
    choice_file.write_text(json.dumps(choice | gone))
    text = note_text(project)
    assert "The catalogue's audit (data/audit/audit.json) is missing" in text
    assert "No candidate satisfies the rule: none is chosen." in text
    assert "The paired tests are missing from choice.json." in text
    assert "Failed, without a result: swin_t-frozen." in text
    assert re.search(r"\| mamba_b-finetune \| [^|]+\| [^|]+\| – \|", text)


def test_choice_without_certainty_and_without_commercial_use(project):
    choice_file = project / "reports" / "choice.json"
    choice = json.loads(choice_file.read_text())
    unsure = {"stability": choice["stability"] | {"winner_share": None}, "indistinguishable": []}
    choice_file.write_text(json.dumps(choice | unsure | {"best_commercial": None}))
    text = note_text(project)
    assert "was not computed" in text
    assert "No eligible candidate is proven to be usable commercially." in text
    choice_file.write_text(json.dumps(choice | {"best_commercial": choice["best"]}))
    assert "It may be used commercially." in note_text(project)


def test_the_rule_is_the_one_that_chose_whatever_params_say_now(project):
    file = project / "params.yaml"
    params = yaml.safe_load(file.read_text())
    params["compare"]["maximise"] = "macro_f1"
    params["training"]["defaults"]["early_stop_patience_epochs"] = None
    file.write_text(yaml.safe_dump(params))
    text = note_text(project)
    assert "Rule of the choice: maximise accuracy, without limits" in text
    assert "weight decay 0.01; no early stopping; seed 0." in text


def test_a_winner_that_was_not_measured_has_no_latency(project):
    choice_file = project / "reports" / "choice.json"
    choice = json.loads(choice_file.read_text())
    unknown = {key: choice[key] | {"latency_ms": None} for key in ("best", "best_commercial")}
    choice_file.write_text(json.dumps(choice | unknown))
    text = note_text(project)
    assert re.search(r"Chosen: .*, speed not measured, \d+ MiB, licence", text)
    assert "vitesse non mesurée" in note_text(project, "fr")


def test_a_lead_over_a_random_baseline_is_weakened(project):
    choice_file = project / "reports" / "choice.json"
    choice = json.loads(choice_file.read_text())
    said = "baseline_tf itself is excluded (random start): a lead over it says little."
    assert said not in note_text(project)
    apart = [{"candidate": "baseline_tf", "reason_code": "random_weights", "reason": "x"}]
    choice_file.write_text(json.dumps(choice | {"apart": apart}))
    assert said in note_text(project)


def test_lines_are_the_leaderboards_also_where_a_session_timed_them(project):
    table_file, choice_file = project / "reports" / "leaderboard.csv", project / "reports" / "choice.json"
    table = pd.read_csv(table_file)
    table["noisy"] = table["candidate"] == "swin_t-frozen"
    table.to_csv(table_file, index=False)
    choice = json.loads(choice_file.read_text())
    choice["inputs"]["device"] = "cuda: NVIDIA H200"
    choice_file.write_text(json.dumps(choice | {"eligible": [choice["best"]]}))
    text = note_text(project)
    assert "Noisy timings: swin_t-frozen." in text
    assert "Times hold for NVIDIA H200; another machine" in text
    assert "is the only eligible candidate: there was nothing to choose between." in text


def test_several_splits_enter_where_they_were_aggregated(project):
    leader = {"candidate": "swin_t-frozen", "mean": 0.9, "low": 0.85, "high": 0.95, "n_best": 7, "mean_rank": 1.3}
    study = {"dataset": "stamps", "profile": "quick", "n_splits": 10, "candidates": [leader]}
    (project / "reports" / "aggregate.json").write_text(json.dumps({"studies": [study]}))
    text = note_text(project)
    assert "Over 10 splits of the same study swin_t-frozen has the highest mean accuracy, 0.900" in text
    assert "One split:" not in text


@pytest.mark.parametrize(("kind", "said"), [("group", "no group lies in two splits"), ("keep", "may be too high")])
def test_protection_against_leakage_is_the_params(project, kind, said):
    file = project / "params.yaml"
    params = yaml.safe_load(file.read_text())
    params["dataset"]["duplicates"] = kind
    file.write_text(yaml.safe_dump(params))
    assert said in note_text(project)


def test_the_note_tells_another_method_of_the_split_and_its_leaks(project):
    path = project / "data" / "splits" / "split.json"
    split_record().write(path)
    assert "Stratified split, seed 0:" in note_text(project)
    assert "one is kept and the others are dropped" in note_text(project)
    split_record(method="kfold", fold=1, n_folds=5).write(path)
    text = note_text(project)
    assert "Stratified 5-fold split, seed 0: fold 1 is the test set (counted from 0)." in text
    assert "every class is in each split" not in text
    split_record(method="official", n_leaks=3).write(path)
    text = note_text(project)
    assert "3 products of train or validation are in groups with products of the test set" in text
    assert "Leakage:" not in text


def test_refuses_a_study_without_a_comparison(project, tmp_path):
    with pytest.raises(EvaluationError, match=r"choice.json is missing; run `bakeoff run`"):
        read_facts(tmp_path, tmp_path / "reports")
    choice_file = project / "reports" / "choice.json"
    choice_file.write_text("{}")
    with pytest.raises(
        EvaluationError,
        match=r"choice.json was written by another version .* reads 3.; run `dvc repro compare`",
    ):
        note_text(project)
    choice_file.write_text("{")
    with pytest.raises(EvaluationError, match=r"choice.json is not valid JSON"):
        note_text(project)


def test_html_escapes_and_markdown_keeps_its_cells(project):
    file = project / "params.yaml"
    params = yaml.safe_load(file.read_text())
    params["dataset"]["name"] = "a|b <i>"
    file.write_text(yaml.safe_dump(params))
    markdown, html = (path.read_text(encoding="utf-8") for path in write_note(project, project / "reports"))
    assert "Which classifier for a|b &lt;i&gt;?" in html
    assert "<code>bakeoff note</code>" in html
    assert "# Which classifier for a|b <i>?" in markdown
    assert "```sh\ngit checkout" in markdown or "```sh\nmake setup" in markdown
    assert "\n\n\n" not in markdown
