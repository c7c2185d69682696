"""One pair from its sides' trainings to runs/<first>+<second>-<method>/seed_<s>/training/."""

import sys
import time
from pathlib import Path

import numpy as np

from bakeoff.core.errors import EvaluationError
from bakeoff.core.machine import ComputeParams, cpu_name, peak_resident_mib
from bakeoff.core.seeding import default_threads
from bakeoff.data.predictions import WITHOUT_INPUT, Predictions, read_out_of_fold, read_predictions
from bakeoff.data.table import Catalogue
from bakeoff.fusion.features import side_features
from bakeoff.fusion.fit import Fusion, Inputs, fit_fusion, fused_probabilities
from bakeoff.fusion.methods import METHODS
from bakeoff.fusion.params import FuseParams
from bakeoff.learning.key import now_utc, split_digest, training_key, versions
from bakeoff.learning.outputs import fitted_outcome
from bakeoff.records.candidate import Candidate
from bakeoff.records.fusion import FusionSettings
from bakeoff.records.training import CostRecord, TrainingHeader, TrainingRecord, strictest
from bakeoff.records.weights import WeightsRecord

FILE = "fusion.npz"
_TOTALS = ("n_parameters", "n_trainable", "n_features", "size_mib")


def fuse(
    candidate: Candidate, catalogue: Catalogue, runs_dir: Path, *, params: FuseParams, compute: ComputeParams
) -> TrainingRecord:
    """Make two trained candidates answer as one, write the pair's training folder and return training.json's content.

    Sizes and the time of training are those of both sides together, the memory is the larger; in the place of the
    sides' heads an early pair has its own. Features that are not cached are computed as `compute` says.

    Raises:
        EvaluationError: it is no pair, a side is not trained, on other products or another split, there is nothing
            to learn from, or the method is early and a side has no features of a frozen network.
    """
    started_at, started = now_utc(), time.perf_counter()
    if len(candidate.sides) != 2:
        raise EvaluationError(f"{candidate.name} is no pair; expected <candidate>+<candidate>-<method>.")
    photos, catalogue, method = catalogue, catalogue.by_product(), str(candidate.mode)
    folders = [side.folder(runs_dir) / "training" for side in candidate.sides]
    sides = [TrainingRecord.read(folder / "training.json") for folder in folders]
    plain = [read_predictions(folder / "predictions.parquet", catalogue=catalogue) for folder in folders]
    one, other = ((side.products["origin"] != WITHOUT_INPUT).to_numpy() for side in plain)
    if METHODS[method].is_early:
        first, second = plain = [_as_features(*known, photos, compute) for known in zip(plain, folders, strict=True)]
        one = other = one | other  # what a side lacks, its features say
    else:
        first, second = map(_unseen, plain, folders, map(catalogue.reading, (one, other)))
    catalogue = catalogue.reading(one | other)
    inputs = Inputs(one, other, catalogue.products["group_id"].to_numpy())
    given = {"params": params.settings(method), "seed": candidate.seed, "inputs": inputs}
    fusion = fit_fusion(method, first, second, **given)
    probabilities, train = fused_probabilities(fusion, first, second, **given), catalogue.rows("train")
    known = [side.probabilities[train] for side in plain]
    probabilities[train] = fusion.apply(known[0], known[1], one[train], other[train])
    header = _header(candidate, catalogue, sides, fusion, params)
    out_dir = candidate.folder(runs_dir) / "training"
    out_dir.mkdir(parents=True, exist_ok=True)
    fusion.write(out_dir / FILE)
    seconds = time.perf_counter() - started
    costs = [CostRecord.read(folder / "cost.json") for folder in folders]
    outcome = fitted_outcome(header, catalogue, probabilities, seconds=seconds)
    for note in fusion.notes:
        sys.stderr.write(f"bakeoff: note: {header.title}: {note}\n")
    return outcome.write(
        out_dir,
        network={"probabilities": "softmax", **_sizes(sides, fusion)},
        cost={
            "started_at": started_at,
            "feature_time_s": sum(one.train_time_s for one in costs),
            "predict_time_s": sum(one.predict_time_s for one in costs),
            "train_memory_mib": max(one.train_memory_mib for one in costs),
            "train_resident_mib": max(peak_resident_mib(), *(one.train_resident_mib for one in costs)),
        },
    )


def _sizes(sides: list[TrainingRecord], fusion: Fusion) -> dict[str, float]:
    """Return the sides' figures added up, as training.json names them; an early pair has a head in the place of two."""
    found: dict[str, float] = {name: sum(getattr(one, name) for one in sides) for name in _TOTALS}
    if fusion.is_early:
        own = sum(array.size for name, array in fusion.learnt.items() if name.startswith(("weights_", "biases_")))
        more = own - found["n_trainable"]
        found |= {"n_parameters": found["n_parameters"] + more, "n_trainable": own}
        found |= {"size_mib": found["size_mib"] + 4 * more / 2**20}
    return found


def _as_features(side: Predictions, folder: Path, catalogue: Catalogue, compute: ComputeParams) -> Predictions:
    """Return features in the place of a side's answers: they have seen no label, so all may be learnt from."""
    features = side_features(folder, catalogue, compute)
    features[(side.products["origin"] == WITHOUT_INPUT).to_numpy()] = np.nan
    return Predictions(side.products.assign(origin="held_out"), features, side.labels)


def _unseen(side: Predictions, folder: Path, catalogue: Catalogue) -> Predictions:
    """Return a side's answers with those to train's products out of fold, where it has such."""
    if (found := read_out_of_fold(folder, catalogue=catalogue)) is None:
        return side
    products, probabilities, train = side.products.copy(), side.probabilities.copy(), catalogue.rows("train")
    products.loc[train, "origin"], probabilities[train] = found.products["origin"].to_numpy(), found.probabilities
    return Predictions(products, probabilities, side.labels)


def _header(
    candidate: Candidate, catalogue: Catalogue, sides: list[TrainingRecord], fusion: Fusion, params: FuseParams
) -> TrainingHeader:
    commercial_use, own = strictest([one.commercial_use for one in sides]), params.settings(fusion.method)
    settings = FusionSettings(
        model=candidate.model,
        architecture=" + ".join(one.architecture_title for one in sides),
        licence_code=" + ".join(dict.fromkeys(one.licence for one in sides if one.commercial_use == commercial_use)),
        commercial_use=commercial_use,
        first=sides[0].candidate,
        second=sides[1].candidate,
        method=fusion.method,
        parameters=own.model_dump() if own else {},
        keys=[one.key for one in sides],
        n_learnt=fusion.n_learnt,
        notes=fusion.notes,
    )
    at_random = [one.weights for one in sides if one.weights.starts_at_random]
    own_licence = {"licence": settings.licence_code, "commercial_use": commercial_use}
    none = WeightsRecord(model=candidate.model, source="none", url_or_id=None, **own_licence)
    header = TrainingHeader(
        candidate=candidate.name,
        model=candidate.model,
        mode=fusion.method,
        seed=candidate.seed,
        framework="fusion",
        architecture=settings.architecture,
        settings=settings,
        training={},
        labels=list(catalogue.labels),
        dataset=catalogue.dataset,
        splits=split_digest(catalogue),
        weights=(at_random or [none])[0],
        weights_dir="",
        device="cpu",
        device_name=cpu_name(),
        threads=default_threads(),
        scan=None,
        loss="cross_entropy",
        versions=versions("xgboost" if getattr(own, "library", None) == "xgboost" else "fusion"),
        key="",
    )
    return header.model_copy(update={"key": training_key(header, catalogue, settings.model_dump(mode="json"))})
