"""Whole studies drawn at random, written by the product's own framework-free code: evaluate, compare, note, monitor.

A seed is a study: classes from 2 to 196 with odd names and unequal sizes, splits that may lack a class, candidates from
perfect to hopeless, failed ones, several training seeds, limits, both languages. Only what a trainer leaves and the
times are made up, because making those takes a framework.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from bakeoff.aggregation.run import aggregate
from bakeoff.catalogue.audit import audit
from bakeoff.catalogue.measures import AUDITED
from bakeoff.core.files import write_json
from bakeoff.core.section import validate_section
from bakeoff.core.translation import Translator
from bakeoff.data.predictions import make_predictions, write_predictions
from bakeoff.data.store import StoreWriter
from bakeoff.data.table import DIGESTS, MEASURES_FILE, SPLITS, Catalogue, load_catalogue
from bakeoff.decision.collect import Study
from bakeoff.decision.params import CompareParams
from bakeoff.decision.references import references
from bakeoff.deploy.monitoring.figure import draw_monitoring
from bakeoff.deploy.monitoring.report import build_report
from bakeoff.deploy.monitoring.sample import NO_LABEL, Sample, log_vectors
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.evaluation.run import evaluate_candidate
from bakeoff.learning.history import COLUMNS
from bakeoff.records.candidate import BASELINE, Candidate
from bakeoff.records.catalogue import LabelsRecord
from bakeoff.records.study import StudyLists
from bakeoff.report.documents import write_note
from bakeoff.report.run import ReportInputs, compare
from records_made import (
    cost_record,
    dataset,
    network_speed,
    split_record,
    throughput_record,
    training_record,
    weights_record,
)

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("skilled", "perfect", "hopeless", "constant", "one_hot", "uniform", "tied", "sigmoid")
MODELS = ("mobilenetv2", "mamba_t", "swin_t", "tf_efficientnet_lite0")
_WORDS = ("tops", "Robes & jupes", "Décoration intérieure", "Jouet enfant, déguisement", "x", "Home >> Kitchen", "7")


@dataclass(frozen=True)
class RandomStudy:
    """What a seed stands for."""

    root: Path
    catalogue: Catalogue
    study: Study
    params: dict[str, Any]
    rng: np.random.Generator

    @property
    def predictions(self) -> dict[Candidate, Path]:
        """The predictions of each training that has a result."""
        folders = {one: one.folder(self.root / "runs") / "training" for one in self.study.lists.candidates()}
        return {one: folder / "predictions.parquet" for one, folder in folders.items() if folder.is_dir()}


def draw_probabilities(kind: str, label_ids: np.ndarray, n_labels: int, rng: np.random.Generator) -> np.ndarray:
    """Return (N, K) float32 rows that sum to 1, as a candidate of this kind gives them."""
    n = len(label_ids)
    own = np.eye(n_labels)[label_ids]
    wrong = np.eye(n_labels)[(label_ids + rng.integers(1, n_labels, n)) % n_labels]
    if kind == "constant":
        values = np.tile(rng.dirichlet(np.ones(n_labels)), (n, 1))
    elif kind == "uniform":
        values = np.full((n, n_labels), 1 / n_labels)
    elif kind == "one_hot":
        values = np.where((rng.random(n) < rng.random())[:, None], own, wrong)
    elif kind == "tied":
        values = (own + wrong) / 2
    elif kind == "sigmoid":
        values = 1 / (1 + np.exp(-rng.normal(-3, 2, (n, n_labels)) - rng.uniform(0, 8) * own))
    else:
        strength, target = {"perfect": (30.0, own), "hopeless": (rng.uniform(2, 30), wrong)}.get(
            kind, (rng.uniform(0, 4), own)
        )
        logits = rng.normal(0, 1, (n, n_labels)) + strength * target
        values = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def products_of(rng: np.random.Generator, n_labels: int, n: int) -> pd.DataFrame:
    """Return `n` products or more: product_id, split and label_id; no split is empty, classes may be absent of one."""
    shares = rng.dirichlet(np.full(n_labels, rng.choice([0.3, 1.0, 20.0])))
    label_ids = np.concatenate([np.arange(n_labels), rng.choice(n_labels, size=n, p=shares)])
    drawn = rng.choice(SPLITS, size=len(label_ids) - 3, p=rng.choice([[0.8, 0.1, 0.1], [0.4, 0.2, 0.4]]))
    split = np.concatenate([list(SPLITS), drawn])
    rng.shuffle(split)
    ids = [f"p{number:04d}" for number in range(len(label_ids))]
    return pd.DataFrame({"product_id": ids, "split": split, "label_id": label_ids.astype(np.int64)})


def labels_of(rng: np.random.Generator, n_labels: int) -> list[str]:
    """Return K class names, some with accents and signs, some long."""
    return [f"{rng.choice(_WORDS)} {number}{' très long' * int(rng.integers(0, 4) == 0)}" for number in range(n_labels)]


def write_study(root: Path, seed: int) -> RandomStudy:
    """Write data/, params.yaml and runs/ of the study that `seed` stands for."""
    rng = np.random.default_rng(seed)
    n_labels = int(rng.choice([2, 3, 5, 7, 12, 27, 60, 196], p=[0.2, 0.2, 0.15, 0.2, 0.13, 0.08, 0.03, 0.01]))
    catalogue = _write_catalogue(root, rng, n_labels)
    lists = StudyLists(
        models=rng.choice(MODELS, size=rng.integers(1, 3), replace=False).tolist(),
        modes=(["frozen"], ["finetune"], ["frozen", "finetune"])[rng.integers(3)],
        seeds=[0] if rng.random() < 0.7 else [0, 7],
    )
    study = Study(lists)
    found = RandomStudy(root, catalogue, study, _write_params(root, rng, study), rng)
    kinds = {one.name: str(rng.choice(KINDS, p=[0.44, *[0.08] * 7])) for one in study.lists.candidates()}
    for one in study.lists.candidates():
        if one.model == lists.models[0] or rng.random() < 0.9:  # else it failed: nothing is there
            training = one.folder(root / "runs") / "training"
            _write_training(found, one, kinds[one.name], training)
            params = EvaluateParams(**found.params["evaluate"])
            evaluate_candidate(training, catalogue, training.parent / "evaluation", params=params)
    if rng.random() < 0.9:
        _write_speed(found)
    return found


def run_everything(found: RandomStudy) -> None:
    """Send a study through compare, report, card, note, aggregate and monitor."""
    root, params, reports = found.root, found.params, found.root / "reports"
    section = validate_section(CompareParams, params["compare"], where="params.yaml")
    inputs = ReportInputs(
        params["language"],
        root / "data" / "audit" / "audit.json",
        root / "measurements" / "throughput.json",
        references(params),
        products_file=root / "data" / "catalogue" / "products.parquet",
        failures_dir=root / "failures",
        split_file=root / "data" / "splits" / "split.json",
    )
    compare(root / "runs", reports, study=found.study, params=section, partial=True, inputs=inputs)
    write_note(root, reports, language=params["language"])
    aggregate(root, [str(root), str(_other_split(found))], reports, language=params["language"])
    _monitor(found)


def _write_catalogue(root: Path, rng: np.random.Generator, n_labels: int) -> Catalogue:
    products, labels = products_of(rng, n_labels, int(rng.integers(10, 160))), labels_of(rng, n_labels)
    folder, n = root / "data" / "catalogue", len(products)
    with StoreWriter(folder / "images.arrow") as store:
        products["image"] = [store.append(_photo(number % 5)) for number in range(n)]
    products["label"] = [labels[label_id] for label_id in products["label_id"]]
    sizes = {"width": rng.integers(1, 2000, n), "height": rng.integers(1, 2000, n), "group_id": np.arange(n)}
    table = products.assign(**sizes, format="JPEG", mode="RGB", weight=np.float32(1), official_split=None)
    table.drop(columns="split").to_parquet(folder / "products.parquet", index=False)
    texts = products[["product_id"]].assign(title="a title", description=None)
    texts.to_parquet(folder / "texts.parquet", index=False)
    taken = pd.DataFrame(rng.random((n, len(AUDITED))), columns=list(AUDITED), dtype="float32")
    products[["product_id"]].join(taken).to_parquet(folder / MEASURES_FILE, index=False)
    known = {"digest": [str(number % 5) for number in range(n)], "cluster": np.arange(n)}
    products[["product_id"]].assign(**known).to_parquet(folder / DIGESTS, index=False)
    rejected = pd.DataFrame({"reason": ["truncated"] * int(rng.integers(3))})
    rejected = rejected.assign(product_id="gone", image="gone.jpg", label=labels[0], detail="cut short")
    rejected.to_csv(folder / "rejected.csv", index=False)
    known = dataset(name=str(rng.choice(["stamps", "rakuten", "Mon magasin"])), licence=None)
    LabelsRecord(labels=labels, dataset=known).write(folder / "labels.json")
    audit(folder, root / "data" / "audit")
    counts = pd.crosstab(products["label"], products["split"]).reindex(columns=list(SPLITS), fill_value=0)
    split_record(counts=counts.to_dict()).write(root / "data" / "splits" / "split.json")
    products[["product_id", "split"]].to_parquet(root / "data" / "splits" / "splits.parquet", index=False)
    return load_catalogue(folder, root / "data" / "splits" / "splits.parquet")


@cache
def _photo(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (9 + 40 * number, 30), (50 * number, 90, 200)).save(buffer, "PNG")
    return buffer.getvalue()


@cache
def _params() -> str:
    return (ROOT / "params.yaml").read_text(encoding="utf-8")


def _write_params(root: Path, rng: np.random.Generator, study: Study) -> dict[str, Any]:
    params = yaml.load(_params(), Loader=yaml.CSafeLoader)
    params |= study.lists.model_dump()
    params["language"] = str(rng.choice(["en", "fr"]))
    params["evaluate"] |= {"n_bootstrap": 100, "n_bootstrap_ece": 100}
    times = ("images_per_s", "images_per_cpu_s", "matrix_total")
    qualities = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "matthews", "roc_auc")
    params["compare"] |= {
        "n_bootstrap": 100,
        "maximise": str(rng.choice(["accuracy"] * 6 + [*qualities, *times])),
        "allow_random_weights": bool(rng.random() < 0.5),
        "allow_not_learned": bool(rng.random() < 0.5),
        "pareto": rng.choice(["latency_ms", "accuracy", "size_mib", "log_loss", "ece", "gmacs"], 2, False).tolist(),
    }
    if rng.random() < 0.3:
        params["compare"]["subject_to"] |= {"latency_p50_ms": 40.0, "licence": str(rng.choice(["any", "commercial"]))}
    (root / "params.yaml").write_text(yaml.dump(params, Dumper=yaml.CSafeDumper), encoding="utf-8")
    return params


def _write_training(found: RandomStudy, candidate: Candidate, kind: str, folder: Path) -> None:
    """Write what a trainer leaves: the record and the cost, the history, and its probabilities of every product."""
    rng, catalogue, learned = found.rng, found.catalogue, bool(found.rng.random() < 0.9)
    label_ids = catalogue.products["label_id"].to_numpy()
    probabilities = draw_probabilities(kind, label_ids, len(catalogue.labels), rng)
    record = training_record(
        candidate.name,
        mode=candidate.mode or str(rng.choice(["frozen", "as_is"])),
        seed=candidate.seed,
        labels=catalogue.labels,
        dataset=catalogue.dataset,
        weights=weights_record(candidate.model, pretrained=bool(rng.random() < 0.8)),
        learned=learned,
        not_learned=None if learned else "its loss did not fall",
        probabilities="sigmoid_normalised" if kind == "sigmoid" else "softmax",
        loss="bce" if kind == "sigmoid" else "cross_entropy",
        key=f"{candidate.name}-{candidate.seed}",
    )
    losses = -np.log(np.maximum(probabilities[np.arange(len(label_ids)), label_ids], 1e-12))
    seen = None if record.mode == "as_is" else "train"
    predictions = make_predictions(catalogue, probabilities, losses, learnt_from=seen)
    write_predictions(predictions, folder / "predictions.parquet")
    rows = [] if record.mode == "as_is" else _history(rng)
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(folder / "history.csv", index=False)
    cost_record(key=record.key, train_time_s=float(rng.lognormal(3, 1))).write(folder / "cost.json")
    record.write(folder / "training.json")


def _write_speed(found: RandomStudy) -> None:
    """Write one session in which a network may have failed, or was noisy, or ran on a GPU that the others lack."""
    rng, networks, failed = found.rng, {}, {}
    for network in (BASELINE, *found.study.lists.models):
        if rng.random() < 0.05:
            failed[network] = "out of memory"
            continue
        elsewhere = {"device": "cuda", "device_name": "NVIDIA T4"} if rng.random() < 0.05 else {}
        few = {"latency_ms_p99": None, "n_latency": 30} if rng.random() < 0.5 else {}
        speed = {"latency_ms": float(rng.lognormal(3, 1)), "noisy": bool(rng.random() < 0.2)}
        networks[network] = network_speed(**speed, **elsewhere, **few)
    throughput_record(networks, failed=failed).write(found.root / "measurements" / "throughput.json")


def _history(rng: np.random.Generator) -> list[dict[str, float]]:
    names = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds")
    return [
        {"epoch": epoch, "step": 9 * epoch} | {name: float(rng.random()) for name in names}
        for epoch in range(1, int(rng.integers(1, 5)))
    ]


def _other_split(found: RandomStudy) -> Path:
    """Write the same study's leaderboard on another split, some accuracies moved, and return its folder."""
    folder = found.root / "other"
    table = pd.read_csv(found.root / "reports" / "leaderboard.csv")
    table["accuracy"] = (table["accuracy"] + found.rng.normal(0, 0.05, len(table))).clip(0, 1)
    (folder / "reports").mkdir(parents=True)
    table.to_csv(folder / "reports" / "leaderboard.csv", index=False)
    params = found.params | {"split": found.params["split"] | {"seed": 1}}
    (folder / "params.yaml").write_text(yaml.dump(params, Dumper=yaml.CSafeDumper), encoding="utf-8")
    return folder


def _monitor(found: RandomStudy) -> None:
    """Watch one of the candidates on new products, of the study's kind or another, labelled or not."""
    rng, labels = found.rng, found.catalogue.labels
    kinds, n = rng.choice(KINDS, size=2), int(rng.integers(20, 120))
    reference = _sample(rng, str(kinds[0]), int(rng.integers(1, 120)), len(labels))
    new = _sample(rng, str(kinds[1]), n, len(labels), unlabelled=float(rng.choice([0.0, 0.5, 1.0])))
    test = reference.rows(np.arange(len(reference)) < max(2, len(reference) // 2))
    words = Translator(found.params["language"])
    report = build_report((reference, new, test), labels, words, header={"candidate": "a-frozen", "name": "2026-12"})
    write_json(found.root / "monitoring" / "2026-12" / "monitoring.json", report)
    draw_monitoring(report, (reference, new), words, found.root / "monitoring" / "2026-12" / "monitor.png")


def _sample(rng: np.random.Generator, kind: str, n: int, n_labels: int, *, unlabelled: float = 0.0) -> Sample:
    label_ids = rng.integers(n_labels, size=max(2, n))
    probabilities = draw_probabilities(kind, label_ids, n_labels, rng).astype(np.float64)
    measures = rng.random((len(label_ids), 6)) if rng.random() < 0.9 else np.full((len(label_ids), 6), 0.5)
    known = np.where(rng.random(len(label_ids)) < unlabelled, NO_LABEL, label_ids)
    return Sample(probabilities, measures, log_vectors(probabilities), "log_probabilities", known)


def read_json_strictly(root: Path) -> int:
    """Read every JSON file below a folder, NaN and infinity refused, and return how many there are."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{path} holds {constant}")

    paths = sorted(root.rglob("*.json"))
    for path in paths:
        json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    return len(paths)
