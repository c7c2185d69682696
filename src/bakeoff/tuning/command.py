"""Tunes a candidate of the project's study: record, table of trials, best recipe as a file of conf/model/, pictures."""

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from bakeoff.backbones.params import BackboneParams, StudyBackbones
from bakeoff.core.errors import ParamsError
from bakeoff.core.failures import drawing
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.modes import parse_mode
from bakeoff.core.paths import state_dir
from bakeoff.core.section import load_section, load_top
from bakeoff.data.figures import Figure
from bakeoff.data.table import load_catalogue
from bakeoff.learning.recipe import Recipe, RecipeRecord, TrainingParams
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.tuning import FILE, TRIALS, TUNED, TuningRecord
from bakeoff.training.plan import TrainingRequest
from bakeoff.tuning.params import TuneParams
from bakeoff.tuning.run import changed, tune

_COLOURS = {"complete": "#0072B2", "pruned": "#E69F00", "failed": "#D55E00"}  # Okabe and Ito


def tune_candidate(
    root: Path, candidate: str, params: TuneParams, *, compute: ComputeParams, scan: ScanParams, seed: int = 0
) -> TuningRecord:
    """Search, write tuning/<candidate>/ below the project, print and return what was found.

    Raises:
        ParamsError: the candidate is not of the study, or the space is not one of recipes.
        DataError: the catalogue is not there.
    """
    model, _, name = candidate.rpartition("-")
    recipes = root / "data" / "recipes"
    if not (recipes / f"{candidate}.json").is_file():
        known = ", ".join(sorted(path.stem for path in recipes.glob("*.json"))) or "none; run `dvc repro candidates`"
        raise ParamsError(f"{candidate} is not a candidate that can be tuned; those of this study are {known}.")
    request = TrainingRequest(
        settings=CandidateSettings.read(root / "data" / "candidates" / f"{model}.json"),
        mode=parse_mode(name),
        seed=seed,
        recipe=RecipeRecord.read(recipes / f"{candidate}.json").recipe,
        compute=compute,
        scan=scan,
    )
    catalogue = load_catalogue(root / "data" / "catalogue", root / "data" / "splits" / "splits.parquet")
    weights = root / "weights" / model
    record = tune(request, catalogue, weights_dir=weights, params=params, state_dir=state_dir("tuning"))
    study, training = load_top(root / "params.yaml", StudyBackbones), load_section(root / "params.yaml", TrainingParams)
    common = training.recipe(request.mode.family, study.backbone_defaults.training)
    entry = study.backbones.get(model) or BackboneParams(name=request.settings.name)
    write_tuning(record, request, common, entry, root / "tuning" / candidate)
    values = ", ".join(f"{path} {value}" for path, value in record.values.items())
    present = "" if record.present is None else f"; the present recipe gives {record.present:.4f}"
    print(
        f"{candidate}: best validation {record.measure} {record.best:.4f} of {len(record.trials)} trials, on "
        f"{record.n_validation} products ({values}){present}.\nThe best of many on few products looks better than it "
        f"is. To train it and have it judged by test:\n  cp tuning/{candidate}/tuned.yaml "
        f"conf/model/{model}_tuned.yaml\n  dvc exp run -S model={model}_tuned"
    )
    return record


def write_tuning(
    record: TuningRecord, request: TrainingRequest, common: Recipe, entry: BackboneParams, out_dir: Path
) -> None:
    """Write tuning.json, trials.csv, tuned.yaml and figures/tuning.png to tuning/<candidate>.

    `request` has the present recipe, `common` is that of a model that sets nothing for itself, and `entry` what this
    model sets, in `backbones`.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    rows = [one.model_dump(exclude={"values"}) | one.values for one in record.trials]
    pd.DataFrame(rows).to_csv(out_dir / TRIALS, index=False)
    (out_dir / TUNED).write_text(conf_file(record, request, common, entry), encoding="utf-8")
    record.write(out_dir / FILE)
    with drawing(out_dir / "figures" / "tuning.png", out_dir) as path:
        draw_tuning(record).savefig(path, dpi=120)


def conf_file(record: TuningRecord, request: TrainingRequest, common: Recipe, entry: BackboneParams) -> str:
    """Return conf/model/<model>_tuned.yaml: the same network under another name, so that a study can have both."""
    settings, name = request.settings, f"{request.settings.model}_tuned"
    best = changed(request, record.values)
    before, after = (recipe.model_dump(mode="json") for recipe in (common, best.recipe))
    own: dict[str, Any] = {"source": settings.source, "name": settings.name}
    own["image_size"] = best.settings.preprocessing.image_size
    own["head"] = best.settings.head.model_dump(mode="json")
    changed_fields = {key: value for key, value in after.items() if value != before[key]}
    own["training"] = dict(entry.training) | {request.mode.family: changed_fields}
    own = entry.model_dump(mode="json", exclude_none=True) | own
    text = yaml.safe_dump({"model": name, "models": [name], "backbones": {name: own}}, sort_keys=False, width=1000)
    present = "" if record.present is None else f", the recipe before {record.present:.4f}"
    return (
        "# @package _global_\n"
        f"# {settings.architecture}, {settings.licence_weights}: best of {len(record.trials)} recipes for mode "
        f"{request.mode.name} by validation {record.measure} ({record.best:.4f}{present}; {record.n_validation} "
        f"products)\n{text}"
    )


def draw_tuning(record: TuningRecord) -> Figure:
    """Return the measure by trial with the best so far, and how much each field mattered."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    axis, bars = figure.subplots(1, 2, width_ratios=[3, 2])
    known = [one for one in record.trials if one.value is not None]
    for state, colour in _COLOURS.items():
        if own := [one for one in known if one.state == state]:
            numbers, values = zip(*((one.number, one.value) for one in own), strict=True)
            axis.scatter(numbers, values, s=18, color=colour, label=f"{state} ({len(own)})")
    complete = pd.Series({one.number: one.value for one in known if one.state == "complete"}, dtype=float)
    so_far = complete.cummax() if record.measure == "accuracy" else complete.cummin()
    axis.step(so_far.index, so_far, where="post", color="0.4", label="best so far")
    axis.set(xlabel="trial", ylabel=f"validation {record.measure}", title=record.candidate)
    axis.legend(fontsize=8)
    shares = pd.Series(record.importances, dtype=float).sort_values()
    bars.barh(shares.index, shares, color=_COLOURS["complete"])
    bars.set(xlabel="share of the variance (fANOVA)", title="What mattered")
    if shares.empty:
        bars.set_axis_off()
        bars.set_title("Too few complete trials to tell what mattered")
    return figure
