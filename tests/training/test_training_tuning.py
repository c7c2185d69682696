"""The search for a recipe: on validation alone, resumable, its best recipe a file that a study takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bakeoff.core.errors import ParamsError
from bakeoff.data.table import Catalogue
from bakeoff.tuning.params import TuneParams

torch = pytest.importorskip("torch")
pytest.importorskip("optuna")
pytestmark = pytest.mark.torch
SPACE = {
    "learning_rate": {"low": 1e-5, "high": 0.1, "log": True},
    "loss": {"choices": ["cross_entropy", {"name": "bce"}]},
    "batch_size": {"low": 4, "high": 9},
    "head.hidden": {"choices": [[], [8]]},
}


def params(**changes: Any) -> TuneParams:
    values = {"studies": [], "trials": 5, "measure": "accuracy", "pruner": "none", "space": SPACE}
    return TuneParams.model_validate(values | changes)


@pytest.fixture
def search(
    catalogue: Catalogue, weights_dir: Path, make_request: Callable[..., Any], tmp_path: Path
) -> Callable[..., Any]:
    from bakeoff.tuning.run import tune

    def run(chosen: TuneParams, *, data: Catalogue = catalogue, **request: Any) -> Any:
        return tune(
            make_request(**request), data, weights_dir=weights_dir, params=chosen, state_dir=tmp_path / "tuning"
        )

    return run


def test_the_present_recipe_is_first_and_the_best_of_all_is_found(search: Callable[..., Any]) -> None:
    record = search(params())
    assert [trial.number for trial in record.trials] == [0, 1, 2, 3, 4]
    assert record.trials[0].values == {
        "learning_rate": 0.01, "loss": "cross_entropy", "batch_size": 6, "head.hidden": [],
    }  # fmt: skip
    assert record.present == record.trials[0].value
    assert record.best == max(trial.value for trial in record.trials)
    assert record.values in [trial.values for trial in record.trials if trial.value == record.best]
    assert record.importances == {}


def test_it_goes_on_where_it_was(search: Callable[..., Any]) -> None:
    first = search(params(trials=2))
    more = search(params(trials=4))
    assert more.trials[:2] == first.trials
    assert len(more.trials) == 4
    assert len({trial.values["learning_rate"] for trial in more.trials}) == 4  # it does not draw its first draws again
    assert search(params(trials=3)).trials == more.trials  # nothing left to do


def test_a_present_recipe_outside_the_space_is_no_trial(search: Callable[..., Any]) -> None:
    record = search(params(space={"learning_rate": {"low": 1e-5, "high": 1e-4, "log": True}}, trials=2))
    assert record.present is None
    assert all(trial.values["learning_rate"] <= 1e-4 for trial in record.trials)


def test_no_label_of_the_test_split_matters(search: Callable[..., Any], catalogue: Catalogue, tmp_path: Path) -> None:
    """The same search on a catalogue whose test labels are all wrong: every value is the same."""
    is_test = (catalogue.products["split"] == "test").to_numpy()
    wrong = catalogue.products.assign(
        label_id=catalogue.products["label_id"].where(~is_test, (catalogue.products["label_id"] + 1) % 3)
    )
    right = search(params())
    other = search(params(), data=replace(catalogue, products=wrong))
    assert [trial.value for trial in other.trials] == [trial.value for trial in right.trials]
    assert other.values == right.values


def test_bad_trials_end_early(search: Callable[..., Any]) -> None:
    space = {"learning_rate": {"choices": [0.05, 1e-9]}}
    record = search(params(space=space, trials=14, pruner="median", measure="loss"), epochs=8)
    pruned = [trial for trial in record.trials if trial.state == "pruned"]
    assert pruned
    assert all(trial.n_epochs < 8 for trial in pruned)
    assert record.values == {"learning_rate": 0.05}
    assert record.best == min(trial.value for trial in record.trials if trial.state == "complete")


def test_a_rate_that_explodes_is_a_failed_trial(search: Callable[..., Any]) -> None:
    record = search(params(space={"learning_rate": {"choices": [0.01, 1e30]}}, trials=6))
    assert {trial.state for trial in record.trials} == {"complete", "failed"}
    assert record.values == {"learning_rate": 0.01}


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"speed": {"choices": [1]}}, r"no recipe has a field speed"),
        ({"optimizer.speed": {"choices": [1]}}, r"no recipe has a field optimizer\.speed"),
        ({"batch_size": {"choices": [0]}}, r"tune\.space: batch_size: .*greater than or equal to 1"),
        ({"loss": {"choices": ["hinge"]}}, r"tune\.space: loss: "),
    ],
)
def test_a_field_or_value_that_no_recipe_has_ends_before_anything_is_trained(
    search: Callable[..., Any], space: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParamsError, match=message):
        search(params(space=space))


def test_a_range_must_be_one() -> None:
    with pytest.raises(ValueError, match="low must be below high"):
        params(space={"learning_rate": {"low": 0.1, "high": 0.01}})
    with pytest.raises(ValueError, match="at least one field"):
        params(space={})


def test_the_best_recipe_is_a_file_that_a_study_takes(
    search: Callable[..., Any], make_request: Callable[..., Any], tmp_path: Path
) -> None:
    from bakeoff.backbones.params import BackboneDefaults, BackboneParams, LicenceParams, StudyBackbones
    from bakeoff.learning.recipe import TrainingParams
    from bakeoff.tuning.command import write_tuning
    from bakeoff.tuning.run import changed

    record, request = search(params(trials=3)), make_request()
    own = {"scratch": {"epochs": 9}, "frozen": {"learning_rate": 0.01}}
    entry = BackboneParams(name=request.settings.name, training=own, licence=LicenceParams(weights="mit"))
    common = request.recipe.model_copy(update={"learning_rate": 0.5})  # the present rate is the model's own
    write_tuning(record, request, common, entry, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "tuning.json",
        "trials.csv",
        "tuned.yaml",
        "figures",
    }
    assert type(record).read(tmp_path / "out" / "tuning.json") == record
    text = (tmp_path / "out" / "tuned.yaml").read_text()
    assert text.startswith("# @package _global_\n# ")
    values = yaml.safe_load(text)
    assert values["models"] == ["tiny_tuned"]
    entry = BackboneParams.model_validate(values["backbones"]["tiny_tuned"])
    best = changed(request, record.values)
    assert entry.head == best.settings.head
    defaults = BackboneDefaults(source="timm", image_size=None, head=request.settings.head, training={})
    study = StudyBackbones(
        models=["tiny_tuned"],
        modes=["frozen"],
        seeds=[0],
        backbones={"tiny_tuned": entry},
        backbone_defaults=defaults,
    )
    training = TrainingParams(defaults=common)
    assert training.recipe("frozen", study.own_training("tiny_tuned")) == best.recipe
    assert entry.licence == LicenceParams(weights="mit")
    assert entry.training["scratch"] == {"epochs": 9}
