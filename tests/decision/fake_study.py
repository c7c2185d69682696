"""A study on disk as the stages leave it: 7 models x 2 modes and the baseline, evaluated for real."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bakeoff.core.translation import Translator
from bakeoff.decision.collect import Collected, Study, collect
from bakeoff.decision.measures import MEASURES
from bakeoff.decision.params import CompareParams, Limits, MatrixParams, MatrixWeights
from bakeoff.decision.summary import Summary
from bakeoff.records.candidate import BASELINE, Candidate
from bakeoff.records.interpretation import ExplainedPhoto, Explanation
from bakeoff.records.speed import NetworkSpeed, ThroughputRecord
from bakeoff.records.study import StudyLists
from bakeoff.records.training import TrainingRecord
from bakeoff.statistics.interval import wilson_interval
from decision.fake_evaluation import easiest, evaluate, make_products, write_predicted
from records_made import (
    candidate_settings,
    cost_record,
    explained_photo,
    explanation,
    faithfulness_record,
    interpretation_record,
    method_faithfulness,
    network_speed,
    parts_record,
    robustness_record,
    throughput_record,
    training_record,
    weights_record,
)

LABELS = ["animals", "clothes", "food", "household", "plants", "town", "vehicles"]
N_TEST = 105
NC_CODE, NC_WEIGHTS = "NVIDIA Source Code License-NC", "CC-BY-NC-SA-4.0"

# model: code licence, weights licence, commercial use, million parameters, latency in ms at batch 1
MODELS: dict[str, tuple[str, str, bool | None, float, float]] = {
    "mobilenetv2": ("Apache-2.0", "Apache-2.0", True, 2.2, 21.0),
    "swin_t": ("MIT", "MIT", True, 27.5, 96.0),
    "mobilevitv2": ("Apple sample code licence", "Apple sample code licence", None, 4.4, 74.0),
    "mamba_t": (NC_CODE, NC_WEIGHTS, False, 31.2, 118.0),
    "mamba_s": (NC_CODE, NC_WEIGHTS, False, 49.4, 205.0),
    "mamba_b": (NC_CODE, NC_WEIGHTS, False, 96.7, 398.0),
    "tf_efficientnet_lite0": ("Apache-2.0", "Apache-2.0", True, 3.4, 24.0),
}
_OTHER: tuple[str, str, bool | None, float, float] = ("Apache-2.0", "Apache-2.0", True, 4.1, 30.0)
SHOWN_METHODS = ("integrated_gradients", "occlusion")
CORRECT = {  # right ones of 105 test products, frozen and finetune
    "mobilenetv2": (88, 90),
    "swin_t": (95, 97),
    "mobilevitv2": (91, 92),
    "mamba_t": (96, 97),
    "mamba_s": (97, 99),
    "mamba_b": (98, 101),
    "tf_efficientnet_lite0": (90, 93),
}


def make_study(
    models: Sequence[str] = (), modes: Sequence[str] = ("frozen",), seeds: Sequence[int] = (0,), **options: Any
) -> Study:
    """Return the study of these lists."""
    return Study(StudyLists(models=list(models), modes=list(modes), seeds=list(seeds)), **options)


def fake_training(name: str, *, pretrained: bool = True, **changes: Any) -> TrainingRecord:
    """Return a candidate's training.json, its licences and its size those of `MODELS`."""
    model = Candidate(name).model
    code, weights, commercial, millions, _ = MODELS.get(model, _OTHER)
    facts = {"licence": weights, "commercial_use": commercial if pretrained else None}
    values = {
        "labels": LABELS,
        "weights": weights_record(model, pretrained=pretrained, **facts),
        "n_parameters": int(millions * 1e6),
        "size_mib": millions * 3.82,
    }
    if model != BASELINE:
        licences = {"licence_code": code, "licence_weights": weights, "commercial_use": commercial}
        values["settings"] = candidate_settings(model, **licences)
    return training_record(name, **values | changes)


def fake_speed(name: str, *, latency_ms: float, **changes: Any) -> NetworkSpeed:
    """Return the speed of a candidate's network, its size that of `MODELS`."""
    millions = MODELS.get(Candidate(name).model, _OTHER)[3]
    size = {"n_parameters": int(millions * 1e6), "file_mib": millions * 3.9}
    if Candidate(name).is_baseline:
        size |= {"framework": "tensorflow", "runtime": "tf.function", "versions": {"tensorflow": "2.20.0"}}
    return network_speed(latency_ms=latency_ms, **size | changes)


def speed_file(runs: Path) -> Path:
    """Return measurements/throughput.json of the project that a folder runs/ belongs to."""
    return runs.parent / "measurements" / "throughput.json"


def collected(runs: Path, study: Study, *, partial: bool = False) -> Collected:
    """Return what `compare` collects of a study, the speed that was measured included."""
    return collect(runs, study, partial=partial, speed=ThroughputRecord.read_if_there(speed_file(runs)))


def write_candidate(
    runs: Path,
    name: str,
    *,
    correct: int = 90,
    latency_ms: float = 20.0,
    seed: int = 0,
    n_test: int = N_TEST,
    right: np.ndarray | None = None,
    speed: dict[str, Any] | None = None,
    avoided: int | None = None,
    drawn: bool = False,
    **training: Any,
) -> Path:
    """Write what one training leaves, evaluate it for real, and return its folder; beside runs/ its speed.

    Args:
        runs: the folder runs/.
        name: <model>-<mode>, or baseline_tf.
        correct: how many test products it gets right; most of them are the same for every candidate.
        latency_ms: at batch 1; everything else about speed follows from it.
        seed: of the training.
        n_test: test products.
        right: (n_test,) bool, which test products it gets right, instead of `correct`.
        speed: changes to its network's record.
        avoided: a class that it never predicts.
        drawn: also draw the evaluation's pictures.
        training: changes to training.json, and `pretrained`.
    """
    folder = Candidate(name, seed).folder(runs)
    record = fake_training(name, seed=seed, **training)
    catalogue = make_products(n_test, record.labels, record)
    write_history(folder, last=correct / n_test)
    chosen = easiest(name, n_test, correct, seed=seed) if right is None else right
    write_predicted(folder, catalogue, record, chosen, avoided=avoided)
    cost_record(key=record.key).write(folder / "training" / "cost.json")
    record.write(folder / "training" / "training.json")
    evaluate(folder, catalogue, drawn=drawn)
    earlier = ThroughputRecord.read_if_there(speed_file(runs))
    known = dict(earlier.networks) if earlier else {}
    known[record.model] = fake_speed(name, latency_ms=latency_ms, **(speed or {}))
    throughput_record(known).write(speed_file(runs))
    return folder


def write_history(folder: Path, *, last: float, n_epochs: int = 4) -> None:
    """Write training/history.csv: accuracy climbs to `last`, the loss falls."""
    lines = ["epoch,step,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate,seconds"]
    for epoch in range(1, n_epochs + 1):
        done = epoch / n_epochs
        lines.append(f"{epoch},{21 * epoch},{2 - 1.8 * done},{done},{2 - 1.5 * done},{last * done},0.003,1.5")
    path = folder / "training" / "history.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_evidence(folder: Path, *, correct: int) -> None:
    """Write what interpret and faithfulness do, with maps of a shared photo and an own, wrong one."""
    inside, key = folder / "interpretation", TrainingRecord.read(folder / "training" / "training.json").key
    lost = {"red": 0.09, "green": 0.06, "blue": -0.01}
    parts_record(lost, accuracy=correct / N_TEST, training_key=key).write(inside / "parts.json")
    robustness_record(training_key=key).write(inside / "robustness.json")
    measured = {"grad_cam": method_faithfulness("yes"), "occlusion": method_faithfulness("no", title="Occlusion")}
    faithfulness_record(measured, training_key=key).write(folder / "faithfulness" / "faithfulness.json")
    wrong = {
        "kind": "wrong_sure",
        "predicted": "plants",
        "correct": False,
        "probabilities": {"plants": 0.7, "food": 0.2},
    }
    photos = [explained_photo("p0"), explained_photo("p1", **wrong)]
    items = [explanation(one.product_id, method, target=one.predicted) for one in photos for method in SHOWN_METHODS]
    write_maps(inside, photos, items)
    interpretation_record(photos, items, training_key=key).write(inside / "interpretation.json")


def write_maps(folder: Path, photos: Sequence[ExplainedPhoto], items: Sequence[Explanation], side_px: int = 24) -> None:
    """Write the photos and the raw maps, waves, that interpretation.json of a folder names."""
    (folder / "maps").mkdir(parents=True, exist_ok=True)
    across = np.sin(np.arange(side_px) / 4)
    for photo in photos:
        shade = (60 * (np.add.outer(across, across) + 2)).astype(np.uint8)
        Image.fromarray(np.dstack([shade, 255 - shade, shade // 2])).save(folder / photo.photo)
    for item in items:
        if item.map:
            np.savez(folder / item.map, map=np.outer(across, across).astype(np.float32))


def write_study(runs: Path, *, pretrained: Callable[[str], bool] = lambda _: True, evidence: bool = True) -> Study:
    """Write System 1's study with Lite0 and return it; only models for which `pretrained` holds have real weights."""
    with_weights = frozenset(model for model in (BASELINE, *MODELS) if pretrained(model))
    made = _made_study(with_weights)
    shutil.copytree(made, runs, dirs_exist_ok=True)
    shutil.copytree(made.parent / "measurements", speed_file(runs).parent, dirs_exist_ok=True)
    if evidence:
        for name in _n_right(with_weights):
            write_evidence(Candidate(name).folder(runs), correct=_n_right(with_weights)[name])
    return make_study(list(MODELS), ["frozen", "finetune"])


@cache
def _made_study(with_weights: frozenset[str]) -> Path:
    """Return runs/ of the default study, which takes seconds to evaluate and none to copy."""
    root = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    for name, correct in _n_right(with_weights).items():
        model = Candidate(name).model
        latency_ms = 31.0 if model == BASELINE else MODELS[model][4]
        write_candidate(root / "runs", name, correct=correct, latency_ms=latency_ms, pretrained=model in with_weights)
    return root / "runs"


def _n_right(with_weights: frozenset[str]) -> dict[str, int]:
    """Return how many test products each candidate gets right: 50 fewer without real weights."""
    right = {BASELINE: 92}
    for model, (frozen, finetune) in CORRECT.items():
        right |= {f"{model}-frozen": frozen, f"{model}-finetune": finetune}
    return {name: n if Candidate(name).model in with_weights else n - 50 for name, n in right.items()}


ENGLISH = Translator("en")
FRENCH = Translator("fr")
NO_LIMITS = CompareParams(
    maximise="accuracy",
    subject_to=Limits(),
    allow_random_weights=False,
    allow_not_learned=False,
    n_bootstrap=1000,
    pareto=["latency_ms", "accuracy"],
    scenarios={"phone": Limits(size_mib=25.0, licence="commercial"), "checkout_camera": Limits(latency_p99_ms=50.0)},
    matrix=MatrixParams(
        weights=MatrixWeights(accuracy=25, cpu_time=25, memory=20, feature_size=15, support=15),
        support={"baseline_tf": 8.0, "swin_t": 8.0},
    ),
)


def summary(candidate: str = "a-frozen", *, accuracy: float = 0.9, latency_ms: float = 20.0, **changes: Any) -> Summary:
    """Return a candidate's line; pretrained, learned and free for commercial use unless said otherwise.

    Args:
        candidate: its name.
        accuracy: a measure, from which the others of quality follow.
        latency_ms: a measure, from which the others of speed follow.
        changes: to any field or any measure.
    """
    n_test = changes.get("n_test", N_TEST)
    low, high = wilson_interval(accuracy, n_test)
    fields: dict[str, Any] = {
        "candidate": candidate,
        "model": candidate.rpartition("-")[0] or candidate,
        "mode": candidate.rpartition("-")[2],
        "n_seeds": 1,
        "n_test": n_test,
        "accuracy_low": low,
        "accuracy_high": high,
        "macro_f1_low": accuracy - 0.08,
        "macro_f1_high": accuracy + 0.06,
        "pretrained": True,
        "learned": True,
        "still_improving": False,
        "time_comparable": True,
        "commercial_use": True,
        "licence": "Apache-2.0",
        "weights": "hub",
        "device": "cpu",
        "noisy": False,
        "n_latency": 200,
        "keys": ("k",),
    }
    measures = dict.fromkeys(
        ("accuracy", "macro_f1", "weighted_f1", "balanced_accuracy", "matthews", "roc_auc"), accuracy
    )
    measures |= {"latency_ms": latency_ms, "latency_p99_ms": 1.3 * latency_ms, "ms_per_image": latency_ms}
    measures |= {"images_per_s": 1000 / latency_ms, "images_per_cpu_s": 500 / latency_ms}
    measures |= {"end_to_end_images_per_s": 800 / latency_ms, "predict_memory_mib": 500.0, "gmacs": 0.4}
    measures |= {"size_mib": 15.0, "file_mib": 15.5, "temperature": 1.2, "ece": 0.05}
    measures |= dict.fromkeys(("log_loss", "n_parameters", "train_time_s"), 1.0)
    values = measures | {name: value for name, value in changes.items() if name in MEASURES}
    return Summary(**fields | {name: value for name, value in changes.items() if name not in MEASURES}, values=values)
