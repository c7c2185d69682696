"""The tags by which a run is found again and that say where it comes from; no DVC output ever holds a run id."""

import getpass
import os
from collections.abc import Mapping

from bakeoff.records.training import TrainingHeader, TrainingRecord
from bakeoff.tracking.records import PARTS, PartName, hash_of

TRAINING_KEY = "bakeoff.training_key"
KEY = "bakeoff.key"
MODEL = "bakeoff.logged_model"
CALIBRATION = "bakeoff.calibration_digest"
ERROR = "bakeoff.error"


def part_key(name: PartName) -> str:
    """Return the tag that holds a stage's key."""
    return f"bakeoff.{name}_key"


def part_digest(name: PartName) -> str:
    """Return the tag that says which version of a stage's files was logged completely."""
    return f"bakeoff.{name}_digest"


def combined_key(tags: Mapping[str, str]) -> str:
    """Return `bakeoff.key`: 16 hex digits over the stages' keys that the tags hold."""
    return hash_of(*(f"{name}={tags[part_key(name)]}" for name in PARTS if part_key(name) in tags))


def run_name(training: TrainingHeader) -> str:
    """Return the candidate, with its seed where that is not 0."""
    return training.candidate if training.seed == 0 else f"{training.candidate}-seed_{training.seed}"


def identity_tags(training: TrainingHeader, commit: str | None) -> dict[str, str]:
    """Return what a run is created with: its names, its training key and its origin; `learned` once that is known."""
    weights, dataset = training.weights, training.dataset
    values = {
        TRAINING_KEY: training.key,
        "bakeoff.candidate": training.candidate,
        "bakeoff.model": training.model,
        "bakeoff.mode": training.mode,
        "bakeoff.seed": training.seed,
        "bakeoff.architecture": training.architecture,
        "bakeoff.git_commit": commit,
        "mlflow.source.git.commit": commit,
        "mlflow.source.name": "dvc repro",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
        "bakeoff.licence": weights.licence,
        "bakeoff.commercial_use": _yes_no(weights.commercial_use),
        "bakeoff.pretrained": _yes_no(weights.pretrained),
        "bakeoff.dataset": dataset.name,
        "bakeoff.dataset_digest": dataset.digest,
        "bakeoff.repair": dataset.repair_name,
        "bakeoff.dataset_licence": dataset.licence,
        "bakeoff.learned": _yes_no(training.learned) if isinstance(training, TrainingRecord) else None,
        "bakeoff.dvc_experiment": os.environ.get("DVC_EXP_NAME"),
    }
    names = ("source", "file", "url_or_id", "revision", "sha256", "reason")
    values |= {f"bakeoff.weights_{name}": getattr(weights, name) for name in names}
    return {name: str(value) for name, value in values.items() if value is not None and value != ""}


def _yes_no(value: bool | None) -> str:
    return "unknown" if value is None else ("yes" if value else "no")


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return None
