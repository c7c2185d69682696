"""choice.json: an answer names its candidate, and what has been written is read again."""

import pytest

from bakeoff.core.errors import EvaluationError
from bakeoff.decision.choice_record import ChoiceRecord
from records_made import choice_record


def test_what_is_written_is_read(tmp_path):
    made = choice_record(best={"candidate": "a", "accuracy": 0.9}, n_test=3)
    made.write(tmp_path / "choice.json")
    assert ChoiceRecord.read(tmp_path / "choice.json") == made
    assert (made.winners, list(made.answers)) == (["a"], ["best"])


@pytest.mark.parametrize("best", ["{}", '{"candidate": null}'])
def test_an_answer_names_its_candidate(tmp_path, best):
    choice_record().write(tmp_path / "choice.json")
    text = (tmp_path / "choice.json").read_text(encoding="utf-8").replace('"best": null', f'"best": {best}')
    (tmp_path / "choice.json").write_text(text, encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"choice\.json .*best.* names its candidate; run `dvc repro compare`"):
        ChoiceRecord.read(tmp_path / "choice.json")
