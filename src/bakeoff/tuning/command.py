"""Tunes a candidate of the project's study, by its name."""

from pathlib import Path

from bakeoff.backbones.params import BackboneParams, StudyBackbones
from bakeoff.core.errors import ParamsError
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.modes import parse_mode
from bakeoff.core.paths import state_dir
from bakeoff.core.section import load_section, load_top
from bakeoff.data.table import load_catalogue
from bakeoff.learning.recipe import RecipeRecord, TrainingParams
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.tuning import TuningRecord
from bakeoff.training.plan import TrainingRequest
from bakeoff.tuning.outputs import write_tuning
from bakeoff.tuning.params import TuneParams
from bakeoff.tuning.run import tune


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
