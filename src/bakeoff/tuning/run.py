"""The search: TPE over a space of recipes, bad trials ended early, every trial kept in a database that outlives us."""

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from bakeoff.core.code import code_digest, digest
from bakeoff.core.errors import ParamsError, TrainingError
from bakeoff.core.progress import progress_bar
from bakeoff.core.seeding import seed_everything
from bakeoff.data.table import Catalogue
from bakeoff.learning.recipe import Recipe
from bakeoff.records.recipe import HeadParams
from bakeoff.records.settings import Preprocessing
from bakeoff.records.tuning import Trial, TuningRecord
from bakeoff.training.learn import learn
from bakeoff.training.plan import TrainingRequest, plan_training
from bakeoff.tuning.params import Choices, TuneParams

_STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
_NONE_OF_THEM = object()
_ENOUGH = 10
"""Complete trials from which importances say something."""


def tune(
    request: TrainingRequest, catalogue: Catalogue, *, weights_dir: Path, params: TuneParams, state_dir: Path
) -> TuningRecord:
    """Search for a better recipe and return all that was tried.

    Every trial learns from train and is judged by validation; no row of the test split is read, nor predicted. The
    recipe of the request is the first trial. A search that was interrupted goes on, and several processes may share
    one: its database lies in `state_dir`, named by its key.

    Raises:
        ParamsError: a field or value that no recipe has.
        TrainingError: every trial failed.
    """
    for path, values in params.space.items():
        for value in values.choices if isinstance(values, Choices) else (values.low, values.high):
            changed(request, {path: value})
    present = {path: _read(request, path, values) for path, values in params.space.items()}
    plan = plan_training(request, catalogue, weights_dir=weights_dir)
    searched = params.model_dump(mode="json", include={"space", "measure", "pruner"})
    code = code_digest(Path(__file__).resolve())  # of other code the values do not compare
    study = _open(state_dir / f"{digest([plan.header.key, code, searched])}.db", params)
    if all(_holds(params.space[path], value) for path, value in present.items()):
        choices = {path: json.dumps(present[path]) for path, one in params.space.items() if isinstance(one, Choices)}
        first, live = present | choices, (TrialState.COMPLETE, TrialState.PRUNED, TrialState.WAITING)
        known = study.get_trials(deepcopy=False, states=live)
        if not any(first in (one.params, one.system_attrs.get("fixed_params")) for one in known):
            study.enqueue_trial(first)
    with progress_bar() as bar:
        task = bar.add_task(f"{plan.header.candidate} tuned", total=params.trials)

        def show(study: optuna.Study, trial: FrozenTrial | None = None) -> None:
            done = study.get_trials(deepcopy=False, states=tuple(_STATES))
            values = [one.value for one in done if one.state == TrialState.COMPLETE and one.value is not None]
            best = f" · best {(max if params.measure == 'accuracy' else min)(values):.3f}" if values else ""
            bar.update(task, completed=len(done), description=f"{plan.header.candidate} tuned{best}")
            if len(done) >= params.trials and trial is not None:
                study.stop()

        show(study)
        left = params.trials - len(study.get_trials(deepcopy=False, states=tuple(_STATES)))
        if left > 0:
            objective = _objective(request, catalogue, weights_dir, params)
            study.optimize(objective, n_trials=left, catch=(TrainingError, ParamsError), callbacks=[show])
    return _record(study, plan.header.candidate, present, params, len(catalogue.rows("validation")))


def changed(request: TrainingRequest, values: Mapping[str, Any]) -> TrainingRequest:
    """Return the request with some values of its recipe, head or image size replaced, by path.

    Raises:
        ParamsError: no such field, or not one of its values.
    """
    fields = _fields(request)
    for path, value in values.items():
        *way, last = path.split(".")
        place: Any = fields
        for name in way:
            place = place.get(name) if isinstance(place, dict) else None
        if not isinstance(place, dict) or last not in place or path == "head":
            raise ParamsError(f"tune.space: no recipe has a field {path}; docs/training.md lists them.")
        place[last] = value
    size = {"image_size": fields.pop("image_size")}
    try:
        settings = {
            "head": HeadParams.model_validate(fields.pop("head")),
            "preprocessing": Preprocessing.model_validate(request.settings.preprocessing.model_dump() | size),
        }
        chosen = Recipe.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise ParamsError(f"tune.space: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
    return replace(request, recipe=chosen, settings=request.settings.model_copy(update=settings))


def _fields(request: TrainingRequest) -> dict[str, Any]:
    """Return what a path may lead to: the recipe's fields, the head's below `head`, and `image_size`."""
    head, size = request.settings.head.model_dump(mode="json"), request.settings.preprocessing.image_size
    return request.recipe.model_dump(mode="json") | {"head": head, "image_size": size}


def _objective(
    request: TrainingRequest, catalogue: Catalogue, weights_dir: Path, params: TuneParams
) -> Callable[[optuna.Trial], float]:
    column = f"validation_{params.measure}"

    def objective(trial: optuna.Trial) -> float:
        values = {path: _suggest(trial, path, one) for path, one in params.space.items()}

        def report(row: Mapping[str, Any]) -> None:
            trial.report(row[column], row["epoch"])
            if trial.should_prune():
                raise optuna.TrialPruned

        plan = plan_training(changed(request, values), catalogue, weights_dir=weights_dir)
        seed_everything(request.seed)  # as a training does: the best recipe will give what it gave here
        history, _ = learn(plan, on_epoch=report)
        assert history.best is not None
        return history.best[column]

    return objective


def _open(path: Path, params: TuneParams) -> optuna.Study:
    optuna.logging.set_verbosity(logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    pruners: dict[str, optuna.pruners.BasePruner] = {
        "median": optuna.pruners.MedianPruner(n_warmup_steps=3),
        "hyperband": optuna.pruners.HyperbandPruner(),
        "none": optuna.pruners.NopPruner(),
    }
    study = optuna.create_study(
        storage=f"sqlite:///{path}",
        study_name="recipe",
        load_if_exists=True,
        direction="maximize" if params.measure == "accuracy" else "minimize",
        pruner=pruners[params.pruner],
    )
    trials = study.get_trials(deepcopy=False)
    others = any(one.state == TrialState.RUNNING for one in trials)  # in other processes, whose draws are not repeated
    study.sampler = optuna.samplers.TPESampler(seed=len(trials) + (os.getpid() if others else 0))
    return study


def _suggest(trial: optuna.Trial, path: str, values: Any) -> Any:
    """Return a value of a field; one that is no number or name goes through the database as JSON."""
    if isinstance(values, Choices):
        return json.loads(trial.suggest_categorical(path, [json.dumps(one) for one in values.choices]))
    if isinstance(values.low, int) and isinstance(values.high, int):
        return trial.suggest_int(path, values.low, values.high, log=values.log)
    return trial.suggest_float(path, values.low, values.high, log=values.log)


def _holds(values: Any, value: Any) -> bool:
    if isinstance(values, Choices):
        return value in values.choices
    return isinstance(value, int | float) and values.low <= value <= values.high


def _read(request: TrainingRequest, path: str, values: Any) -> Any:
    """Return what the present recipe has at a path, of choices the one that means the same."""
    if isinstance(values, Choices):
        return next((one for one in values.choices if changed(request, {path: one}) == request), _NONE_OF_THEM)
    known: Any = _fields(request)
    for name in path.split("."):
        known = known[name]
    return known


def _record(
    study: optuna.Study, candidate: str, present: Mapping[str, Any], params: TuneParams, n_validation: int
) -> TuningRecord:
    trials = [_trial(one) for one in study.get_trials(deepcopy=False, states=tuple(_STATES))]
    complete = [one for one in trials if one.state == "complete"]
    if not complete:
        raise TrainingError(
            f"{candidate}: none of {len(trials)} trials came to an end; look at the space of tune.space."
        )
    sign = 1 if params.measure == "accuracy" else -1
    best = max(complete, key=lambda one: (sign * (one.value or 0), -one.number))
    importances: dict[str, float] = {}
    if len(complete) >= _ENOUGH and len({one.value for one in complete}) > 1:
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        importances = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return TuningRecord(
        candidate=candidate,
        measure=params.measure,
        n_validation=n_validation,
        present=next((one.value for one in complete if one.values == dict(present)), None),
        best=float(best.value or 0),
        values=best.values,
        importances={name: float(share) for name, share in importances.items()},
        trials=trials,
    )


def _trial(one: FrozenTrial) -> Trial:
    assert one.duration is not None  # it has ended
    seen = one.intermediate_values
    return Trial(
        number=one.number,
        values={path: json.loads(value) if isinstance(value, str) else value for path, value in one.params.items()},
        state=_STATES[one.state],  # type: ignore[arg-type]
        value=one.value if one.value is not None or not seen else seen[max(seen)],
        n_epochs=max(seen, default=0),
        seconds=one.duration.total_seconds(),
    )
