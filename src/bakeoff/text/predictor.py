"""A text candidate's model, trained or not, ready to classify and to be measured."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bakeoff.backbones.text_encoder import TextEncoder
from bakeoff.core.errors import EvaluationError
from bakeoff.core.machine import ComputeParams, cpu_name
from bakeoff.core.paths import state_dir
from bakeoff.core.seeding import default_threads, limit_threads
from bakeoff.data.products import evenly_spaced
from bakeoff.data.table import read_prepared
from bakeoff.learning.key import versions
from bakeoff.predictors.protocol import Measurable
from bakeoff.records.catalogue import LabelsRecord
from bakeoff.records.text import TextSettings
from bakeoff.records.training import TrainingRecord
from bakeoff.text.classify import LabelledTexts, TextClassifier
from bakeoff.text.clean import clean_texts, join_fields
from bakeoff.text.detect import LANGUAGES_FILE, LANGUAGES_FOLDER
from bakeoff.text.encode import Encoders, open_encoders, trained_encoders
from bakeoff.text.lemmas import has_tagger
from bakeoff.text.train import sizes_of
from bakeoff.text.translate import translated
from bakeoff.weights.texts import find_encoder, stored_encoders

_N_FITTED, _N_EMBEDDED = 5000, 200
"""Texts that a model which is only timed is fitted to: enough for a full vocabulary; an encoder has its own."""
_HUB_S = 10


class TextPredictor(Measurable):
    """Answers from texts as they are stored; they are cleaned here."""

    def __init__(
        self,
        classifier: TextClassifier,
        settings: TextSettings,
        labels: Sequence[str],
        title: str,
        *,
        threads: int,
        translates: bool = False,
    ) -> None:
        self.classifier, self.settings, self._translates = classifier, settings, translates
        sizes = sizes_of(classifier)
        super().__init__(
            title,
            labels,
            framework="scikit-learn",
            runtime="PyTorch + scikit-learn" if settings.encoders else "scikit-learn",
            device="cpu",
            device_name=cpu_name(),
            threads=threads,
            memory_format="contiguous" if settings.encoders else "sparse",
            scan=None,
            versions=versions("encoder" if settings.encoders else "text"),
            n_parameters=int(sizes["n_parameters"]),
            file_mib=sizes["size_mib"],
        )

    def stored(self, products: Sequence[str], position: int) -> str:
        """Return a product's text."""
        return products[position]

    def transform(self, stored: str) -> str:
        """Return a cleaned text."""
        return clean_texts([stored], self.settings.cleaning)[0]

    def collate(self, transformed: Sequence[str]) -> list[str]:
        """Return cleaned texts as they are."""
        return list(transformed)

    def forward(self, batch: Sequence[str]) -> np.ndarray:
        """Return (N, K) float32 probabilities of cleaned texts."""
        return self.classifier.probabilities(batch)

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, K) float32 probabilities of texts as they are stored."""
        return self.forward(self.read(texts))

    def features(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, D) float32 of frozen encoders (`Encoders.features`) of texts as they are stored."""
        assert isinstance(self.classifier.vectoriser, Encoders)
        return self.classifier.vectoriser.features(self.read(texts))

    def read(self, texts: Sequence[str]) -> list[str]:
        """Return texts as the model reads them: translated where its variant says so, and cleaned."""
        if self._translates and self.settings.translation:
            texts = translated(texts, self.settings.translation, state_dir("translations"))
        return clean_texts(texts, self.settings.cleaning)

    def compiled_call(self, batch: Sequence[str]) -> Callable[[], None]:
        """Return a call that classifies cleaned texts and nothing else."""

        def call() -> None:
            self.forward(batch)

        return call

    def count_gmacs(self) -> tuple[float | None, str]:
        """Return that nobody counts: what is multiplied depends on a text's words."""
        return None, "not counted: it depends on the text"

    def device_peak_mib(self, *, reset: bool = False) -> float | None:
        """Return None: it runs on the CPU."""
        return None


def load_text_predictor(training_dir: Path, *, weights_root: Path | None = None) -> TextPredictor:
    """Return the predictor of a training folder; an EvaluationError where it holds no text training.

    `weights_root` has weights/<model>, for encoders outside their project; a WeightsError where they are others. A
    SetupError where texts were cleaned by spaCy, which is not installed here.
    """
    record = TrainingRecord.read(training_dir / "training.json")
    if not isinstance(record.settings, TextSettings):
        raise EvaluationError(f"{training_dir} holds a {record.framework} training; expected a text candidate's.")
    has_tagger(record.settings.cleaning.lemmas)  # refuses at once where spaCy cleaned the texts and is missing here
    if (training_dir / LANGUAGES_FILE).is_file():  # of a logged model, which may run where the package is not
        os.environ[LANGUAGES_FOLDER] = str(training_dir.resolve())
    classifier = TextClassifier.load(training_dir, trained_encoders(record, training_dir, weights_root))
    how = {"threads": default_threads(), "translates": record.mode == "translated"}
    return TextPredictor(classifier, record.settings, record.labels, record.title, **how)


def stored_texts(catalogue_dir: Path, settings: TextSettings, n: int | None = None) -> list[str]:
    """Return the products' texts as they are stored, all or `n` evenly spaced ones."""
    table = read_prepared(catalogue_dir, "texts.parquet")
    if n is not None:
        table = table.iloc[evenly_spaced(len(table), n)]
    return join_fields(table, settings.cleaning.join)


def open_text_model(
    settings: TextSettings, catalogue_dir: Path, *, compute: ComputeParams, weights_dir: Path
) -> TextPredictor:
    """Return a text model as speed sees it: fitted to some texts of the catalogue, whatever the split.

    `weights_dir` is weights/<text model>; where its encoders are not there yet, their source serves too.
    """
    encoders = _encoders(settings, weights_dir) if settings.encoders else None
    threads = limit_threads(compute.threads or default_threads())
    table = read_prepared(catalogue_dir)
    n_fitted = _N_EMBEDDED if encoders else _N_FITTED
    rows = evenly_spaced(len(table), n_fitted)
    texts = clean_texts(stored_texts(catalogue_dir, settings, n_fitted), settings.cleaning)
    labels, names = table["label_id"].to_numpy()[rows], LabelsRecord.read(catalogue_dir / "labels.json").labels
    known = LabelledTexts(texts, labels, np.ones(len(texts), dtype=np.float32), len(names))
    classifier = TextClassifier.fit(known, settings, seed=0, encoders=encoders)
    return TextPredictor(classifier, settings, names, settings.model, threads=threads)


def _encoders(settings: TextSettings, weights_dir: Path) -> Encoders | None:
    if stored_encoders(settings, weights_dir):
        return open_encoders(settings.encoders, weights_dir)
    found = [(find_encoder(one, timeout_s=_HUB_S).path, one) for one in settings.encoders.values()]
    return Encoders([TextEncoder.open(*each) for each in found])
