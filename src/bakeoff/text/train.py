"""One text candidate from its settings to runs/<candidate>/seed_<s>/training/."""

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bakeoff.core.code import digest
from bakeoff.core.errors import TrainingError
from bakeoff.core.machine import ComputeParams, cpu_name, peak_resident_mib
from bakeoff.core.paths import relative_to_project, state_dir
from bakeoff.core.seeding import default_threads, limit_threads
from bakeoff.data.table import Catalogue, read_prepared
from bakeoff.learning.key import now_utc, split_digest, training_key, versions
from bakeoff.learning.outputs import fitted_outcome
from bakeoff.records.candidate import Candidate
from bakeoff.records.text import FinetuneParams, TextSettings
from bakeoff.records.training import TrainingHeader, TrainingRecord
from bakeoff.records.weights import read_record
from bakeoff.text.classify import LabelledTexts, TextClassifier, out_of_fold
from bakeoff.text.clean import cached_texts, join_fields
from bakeoff.text.encode import Encoders, open_encoders
from bakeoff.text.lemmas import with_known_lemmas
from bakeoff.text.translate import translated


@dataclass(frozen=True)
class TextTraining:
    """A text candidate that is ready to learn, from N products' cleaned texts."""

    settings: TextSettings
    catalogue: Catalogue
    """One row per product."""
    texts: list[str]
    """(N,) in the order of the catalogue, cleaned."""
    header: TrainingHeader
    encoders: Encoders | None
    """That remember these texts; None of a model of terms."""

    def known(self, rows: np.ndarray) -> LabelledTexts:
        """Return what is learnt from at some positions."""
        texts, labels, weights = (
            [self.texts[row] for row in rows],
            self.catalogue.label_ids(rows),
            self.catalogue.weights(rows),
        )
        return LabelledTexts(texts, labels, weights, len(self.catalogue.labels))


def plan_text_training(
    settings: TextSettings,
    candidate: Candidate,
    catalogue: Catalogue,
    catalogue_dir: Path,
    *,
    compute: ComputeParams,
    weights_dir: Path,
) -> TextTraining:
    """Return a training that is ready to start, with this process' threads set; the texts are cleaned and embedded.

    `weights_dir` is weights/<text model>.

    Raises:
        DataError: data/catalogue/texts.parquet is missing.
        WeightsError: there is no record of weights, or no encoder.
        ParamsError: translation is asked for, and no translator is configured.
        TrainingError: no train product has a text, or no text could be translated.
    """
    settings = settings.model_copy(update={"cleaning": with_known_lemmas(settings.cleaning)})
    if candidate.mode == "translated":
        settings = settings.translated()
    encoders = open_encoders(settings.encoders, weights_dir)
    threads = limit_threads(compute.threads or default_threads())
    catalogue = catalogue.by_product()
    table = read_prepared(catalogue_dir, "texts.parquet").set_index("product_id")
    told = join_fields(table.loc[catalogue.products["product_id"].tolist()], settings.cleaning.join)
    catalogue = catalogue.reading(np.array([bool(text.strip()) for text in told]))
    if candidate.mode == "translated":
        assert settings.translation
        told = translated(told, settings.translation, state_dir("translations"))
    texts = cached_texts(told, settings.cleaning, state_dir("texts"))
    for split in ("train", "validation"):
        if not any(texts[row] for row in catalogue.rows(split)):
            raise TrainingError(f"{settings.model}: no {split} product has a text; see section `dataset`, columns.")
    device, name, recipe = "cpu", cpu_name(), dict[str, Any]()
    if isinstance(settings.classifier, FinetuneParams):
        from bakeoff.text.finetune import device_for  # PyTorch, which others do not need

        (device, name), recipe = device_for(compute), settings.classifier.recipe
    header = TrainingHeader(
        candidate=candidate.name,
        model=settings.model,
        mode=str(candidate.mode),
        seed=candidate.seed,
        framework="scikit-learn",
        architecture=settings.architecture,
        settings=settings,
        training=recipe,
        labels=list(catalogue.labels),
        dataset=catalogue.dataset,
        splits=split_digest(catalogue),
        weights=read_record(weights_dir),
        weights_dir=relative_to_project(weights_dir),
        device=device,
        device_name=name,
        threads=threads,
        scan=None,
        loss="cross_entropy",
        versions=versions("encoder" if encoders else "text"),
        key="",
    )
    known = settings.model_dump(mode="json", include={"cleaning", "vectoriser", "classifier", "balance"})
    known["texts"] = digest(texts)
    header = header.model_copy(update={"key": training_key(header, catalogue, known)})
    if encoders:
        encoders.remember(texts, header, state_dir("texts"))
    return TextTraining(settings, catalogue, texts, header, encoders)


def train_text(plan: TextTraining, out_dir: Path) -> TrainingRecord:
    """Learn, predict every product, write the training folder and return training.json's content.

    Raises:
        TrainingError: a split is empty.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    started_at, started = now_utc(), time.perf_counter()
    catalogue, known, encoders = plan.catalogue, plan.known(plan.catalogue.rows("train")), plan.encoders
    classifier = TextClassifier.fit(known.once(), plan.settings, seed=plan.header.seed, encoders=encoders)
    history = None
    if plan.settings.is_finetuned:
        from bakeoff.text.finetune import finetune

        validation = plan.known(catalogue.rows("validation"))
        classifier, history = finetune(classifier, known.once(), validation, plan.header)
    fitted_s = time.perf_counter() - started
    embedded_s = encoders.seconds * len(known.texts) / len(plan.texts) if encoders else 0.0
    probabilities = classifier.probabilities(plan.texts)
    classifier.save(out_dir)
    predict_s, resident_mib = time.perf_counter() - started - fitted_s, peak_resident_mib()
    unseen = None if history else _out_of_fold(plan, known)
    outcome = fitted_outcome(plan.header, catalogue, probabilities, seconds=fitted_s, out_of_fold=unseen)
    outcome = replace(outcome, history=history) if history else outcome
    record = outcome.write(
        out_dir,
        network={"probabilities": "softmax", **sizes_of(classifier)},
        cost={
            "started_at": started_at,
            "feature_time_s": embedded_s,
            "predict_time_s": predict_s,
            "train_memory_mib": resident_mib,
            "train_resident_mib": resident_mib,
        },
    )
    if record.not_learned:
        sys.stderr.write(f"bakeoff: WARNING: {plan.header.title} DID NOT LEARN: {record.not_learned}.\n")
    return record


def sizes_of(classifier: TextClassifier) -> dict[str, float]:
    """Return a classifier's figures, as training.json names them."""
    arrays = [*classifier.head.arrays.values(), *classifier.vectoriser.arrays]
    trained = (
        classifier.head.arrays.values()
        if isinstance(classifier.vectoriser, Encoders) and not classifier.params.is_finetuned
        else arrays
    )
    return {
        "n_parameters": sum(array.size for array in arrays if array.ndim),
        "n_trainable": sum(array.size for array in trained if array.ndim),
        "n_features": classifier.features([""]).shape[1],
        "size_mib": sum(array.nbytes for array in arrays) / 2**20,
    }


def _out_of_fold(plan: TextTraining, known: LabelledTexts) -> np.ndarray | None:
    """Return what models of four fifths of train's groups say of the others; None where they cannot."""
    groups = plan.catalogue.only("train").products["group_id"].to_numpy()
    try:
        return out_of_fold(known, groups, plan.settings, seed=plan.header.seed, encoders=plan.encoders)
    except TrainingError as error:
        sys.stderr.write(f"bakeoff: {plan.header.title} has no answers out of fold: {error}\n")
        return None
