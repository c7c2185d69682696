"""Registers the winner in the MLflow Model Registry: its version is `champion`, the one before it `previous`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from bakeoff.core.paths import state_dir
from bakeoff.decision.choice_record import ChoiceRecord, Corrected
from bakeoff.decision.deployed import deployed_seed
from bakeoff.records.candidate import Candidate
from bakeoff.tracking import runs
from bakeoff.tracking.models import UNLOGGED
from bakeoff.tracking.params import TrackingParams
from bakeoff.tracking.records import hash_of
from bakeoff.tracking.store import open_client, survive_store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

CHAMPION, PREVIOUS = "champion", "previous"
_LOCK_S = 120
_YES_NO = {"True": "yes", "False": "no"}
_MAX_DESCRIPTION_CHARS = 5000  # the registry's column; databases other than sqlite refuse more
_DESCRIPTION = (
    "The classifiers that bakeoff's comparisons chose, one version each: photos or texts of products in, label and "
    "probabilities out. The alias `champion` is the latest choice, `previous` the one before it."
)


def register_winner(reports_dir: Path, params: TrackingParams) -> None:
    """Do what `update_registry` does and print its sentence; a store that fails costs one warning line on stderr."""
    with survive_store("the champion"):
        if done := update_registry(reports_dir, params):
            sys.stdout.write(f"MLflow registry: {done}\n")


def update_registry(reports_dir: Path, params: TrackingParams) -> str | None:
    """Make the registered model `tracking.experiment` say what reports/choice.json says; again changes nothing.

    Of several seeds, the one with the best validation accuracy is registered; model_card.md describes the version.
    Return what was done, in a sentence; None where there is no choice.json yet.
    """
    choice, model = ChoiceRecord.read_current(reports_dir / "choice.json"), params.experiment
    if choice is None:
        return None
    best = choice.best
    client, _ = open_client()
    if best is None:
        return f"no candidate was chosen, so nothing is registered{_who_stays(client, model)}."
    run = _run_to_deploy(client, best, model)
    if run is None:
        told = "tracking.log_models: true and `bakeoff sync` log it"
        why = told if Candidate(best["candidate"]).in_one_environment else UNLOGGED
        return (
            f"{best['candidate']} has no logged model in this store ({why}), so it is not registered"
            f"{_who_stays(client, model)}."
        )
    with FileLock(state_dir("locks") / "mlflow-registry.lock", timeout=_LOCK_S):  # one version, whoever comes second
        registered = _registered_model(client, model)
        version = _find_or_make_version(client, model, run)
        card = reports_dir / "model_card.md"
        if card.is_file():
            _describe(client, version, run, card.read_text(encoding="utf-8"))
        _tag(client, version, _tags(best, choice.corrected.get(best["candidate"]), run))
        number = str(version.version)  # an int in an sqlite store, whatever its type says
        before = registered.aliases.get(CHAMPION)
        former = "" if before is None or str(before) == number else str(before)
        if former:
            client.set_registered_model_alias(model, PREVIOUS, former)
        if former or before is None:
            client.set_registered_model_alias(model, CHAMPION, number)
    seeds = best.get("n_seeds") or 1
    of_seeds = f", seed {run.data.tags.get('bakeoff.seed', 0)}, the best of {seeds} on validation" if seeds > 1 else ""
    was = f", version {former} is previous" if former else ""
    return f"{model} version {number} ({best['candidate']}{of_seeds}) is champion{was}."


def find_version(client: MlflowClient, model: str) -> ModelVersion | None:
    """Return the champion among a registered model's versions, None where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(model, CHAMPION)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:  # no model, or no such alias
            return None
        raise


def training_runs(client: MlflowClient, experiment: str, candidate: str) -> list[Run]:
    """Return the candidate's runs that have a logged model, the newest first."""
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return []
    filter_string, order = f"tags.`bakeoff.candidate` = '{candidate}'", ["attributes.start_time DESC"]
    newest_first = client.search_runs([found.experiment_id], filter_string=filter_string, order_by=order)
    return [run for run in newest_first if run.data.tags.get(runs.MODEL)]


def _run_to_deploy(client: MlflowClient, best: Mapping[str, Any], experiment: str) -> Run | None:
    """Return the run of the seed to deploy among the trainings that the choice rests on."""
    keys = set(best.get("keys") or [])
    by_seed: dict[int, Run] = {}
    for run in training_runs(client, experiment, best["candidate"]):
        if run.data.tags.get(runs.TRAINING_KEY) in keys:
            by_seed.setdefault(int(run.data.tags.get("bakeoff.seed", 0)), run)
    if not by_seed:
        return None
    return by_seed[deployed_seed({seed: run.data.metrics.get("validation_accuracy") for seed, run in by_seed.items()})]


def _registered_model(client: MlflowClient, model: str) -> RegisteredModel:
    from mlflow.exceptions import MlflowException

    try:
        return client.create_registered_model(model, description=_DESCRIPTION)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return client.get_registered_model(model)


def _find_or_make_version(client: MlflowClient, model: str, run: Run) -> ModelVersion:
    """Return the version of this candidate's training, made where there is none."""
    known = run.data.tags
    identity = {"candidate": known["bakeoff.candidate"], "training_key": known[runs.TRAINING_KEY]}
    for found in client.search_model_versions(f'name = "{model}"'):
        if identity.items() <= found.tags.items():
            return found
    model_id = known[runs.MODEL]
    # Its place, not `models:/<id>`, which an sqlite registry looks up in the process's global store.
    source = client.get_logged_model(model_id).artifact_location
    return client.create_model_version(model, source, run_id=run.info.run_id, model_id=model_id, tags=identity)


def _tags(best: Mapping[str, Any], corrected: Corrected | None, run: Run) -> dict[str, str]:
    """Return the version's tags: who it is, what may be done with it, how good it is and how surely."""
    known = run.data.tags
    low, high = best.get("accuracy_low"), best.get("accuracy_high")
    values = {
        "candidate": best["candidate"],
        "training_key": known[runs.TRAINING_KEY],
        "key": known.get(runs.KEY),
        "seed": known.get("bakeoff.seed", "0"),
        "framework": run.data.params.get("framework"),
        "licence": best.get("licence") or known.get("bakeoff.licence"),
        **{name: _YES_NO.get(str(best.get(name)), "unknown") for name in ("commercial_use", "pretrained")},
        "accuracy": None if best.get("accuracy") is None else f"{best['accuracy']:.4f}",
        "accuracy_interval_95": f"{low:.3f} to {high:.3f}" if low is not None and high is not None else None,
        "n_test": best.get("n_test"),
        "accuracy_corrected": f"{corrected.accuracy.estimate:.4f}" if corrected else None,
        "accuracy_corrected_interval_95": (
            f"{corrected.accuracy.low:.3f} to {corrected.accuracy.high:.3f}" if corrected else None
        ),
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def _tag(client: MlflowClient, version: ModelVersion, tags: Mapping[str, str]) -> None:
    """Set the tags that differ."""
    for name, value in tags.items():
        if version.tags.get(name) != value:
            client.set_model_version_tag(version.name, version.version, name, value)


def _describe(client: MlflowClient, version: ModelVersion, run: Run, card: str) -> None:
    """Make a card that is new the version's description, and README.md beside the model."""
    if version.tags.get("card_digest") == hash_of(card):
        return
    with tempfile.TemporaryDirectory(prefix="bakeoff-card-") as folder:
        readme = Path(folder) / "README.md"
        readme.write_text(card, encoding="utf-8")
        client.log_model_artifact(run.data.tags[runs.MODEL], str(readme))
    client.update_model_version(version.name, version.version, description=description_of(card))
    _tag(client, version, {"card_digest": hash_of(card)})  # after what it vouches for


def description_of(card: str) -> str:
    """Return the model card without its YAML head, cut at a line where it is longer than the registry's field."""
    body = card.split("\n---\n", 1)[1].strip() if card.startswith("---\n") and "\n---\n" in card else card.strip()
    if len(body) <= _MAX_DESCRIPTION_CHARS:
        return body
    end = "\n\n… (README.md beside the model has the whole card)"
    return body[: _MAX_DESCRIPTION_CHARS - len(end)].rpartition("\n")[0] + end


def _who_stays(client: MlflowClient, model: str) -> str:
    champion = find_version(client, model)
    if champion is None:
        return ""
    return f"; version {champion.version} ({champion.tags.get('candidate')}) stays champion"
