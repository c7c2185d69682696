"""The report's table of which heat maps can be believed."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bakeoff.records.candidate import Candidate
from bakeoff.records.faithfulness import MethodFaithfulness, Pointing
from bakeoff.report.page.trust import trust_table
from bakeoff.report.render import environment
from records_made import faithfulness_record, method_faithfulness


def _write(runs: Path, name: str, *, training_key: str = "t", **methods: MethodFaithfulness) -> Any:
    """Write faithfulness.json and return what of a training the table asks for."""
    folder = Candidate(name).folder(runs)
    record = faithfulness_record(methods, training_key=training_key)
    record.write(folder / "faithfulness" / "faithfulness.json")
    return SimpleNamespace(candidate=Candidate(name), folder=folder, training=SimpleNamespace(key="t"))


def _page(table: Any, language: Any = "en") -> str:
    text = environment(language).get_template("sections/trust.html").render(trust=table)
    return re.sub(r"\s+", " ", text)


def test_a_row_is_a_method_and_a_column_a_candidate(tmp_path):
    box = Pointing(n=9, share=0.9, share_low=0.6, share_high=1, chance=0.25, top_share=0.8, top_in_box=0.9)
    records = [
        _write(
            tmp_path,
            "swin_t-frozen",
            cam=method_faithfulness("yes", pointing=box),
            lime=method_faithfulness("no", gain=-0.2),
        ),
        _write(tmp_path, "baseline_tf", cam=method_faithfulness("undecided")),
    ]
    table = trust_table(records)
    assert table is not None
    assert list(table.candidates) == ["swin_t-frozen", "baseline_tf"]
    assert table.titles == {"rollout": "rollout", "cam": "Grad <CAM>", "lime": "Grad <CAM>"}
    page = _page(table)
    row = page[page.index("Grad &lt;CAM&gt;") :]
    assert row.index('title="it is yes."> ✓ yes'.replace("> ", ">")) < row.index("? undecided") < row.index("✗ no")
    assert page.count('title="it does not attend.">–') == 2
    assert 'rollout: it does not attend. <span class="soft">(swin_t-frozen, baseline_tf)</span>' in page
    assert 'data-value="yes">✓ yes: it is yes.' in page
    assert "+0.12" in page
    assert "−0.20" in page or "-0.20" in page
    assert "90%, by chance 25%" in page
    assert "✓ oui" in _page(table, "fr")


def test_without_a_measurement_there_is_no_section(tmp_path):
    assert trust_table([]) is None
    old = _write(tmp_path, "swin_t-frozen", training_key="of an older training", cam=method_faithfulness("yes"))
    assert trust_table([old]) is None
    assert _page(None).strip() == ""


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_figure_that_is_not_known_is_a_dash(tmp_path, language):
    page = _page(trust_table([_write(tmp_path, "swin_t-frozen", cam=method_faithfulness("no"))]), language)
    assert "None" not in page
    assert page.count(">–<") == 3  # sensitivity, boxes, and the method that is refused
