"""A classifier of texts: fitted, asked, stored without pickle, and asked about training texts it has not seen."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bakeoff.core.errors import DataError, TrainingError
from bakeoff.core.files import replacing
from bakeoff.core.seeding import derive_seed
from bakeoff.learning.balance import NEIGHBOURS, BalanceToTarget, WeightsByName, class_targets, class_weights
from bakeoff.learning.folds import make_folds
from bakeoff.records.base import Record
from bakeoff.records.text import FastTextParams, TextClassifierParams, VectoriserParams
from bakeoff.text import embed
from bakeoff.text.encode import FOLDER, Encoders
from bakeoff.text.heads import Head, LinearHead, fit_head, head_of
from bakeoff.text.vectorise import Vectoriser, fit_vectoriser

_SMALLEST = 1e-6  # no class has a smaller probability before rows are divided by their sums
_RECORD, _ARRAYS = "classifier.json", "classifier.npz"


class TextClassifierRecord(Record):
    """What a stored classifier is, beside its arrays (classifier.json)."""

    STAGE = "train_text"
    params: TextClassifierParams
    n_classes: int
    classes: list[int]
    """Those that training had texts of, ascending; the arrays' order."""
    terms: dict[str, list[str]]


@dataclass(frozen=True)
class LabelledTexts:
    """N cleaned texts to learn from: labels (N,) int64 below n_classes, weights (N,) float32 (not for fastText)."""

    texts: Sequence[str]
    labels: np.ndarray
    weights: np.ndarray
    n_classes: int

    def at(self, rows: np.ndarray) -> Self:
        """Return some of them."""
        numbers: list[int] = rows.tolist()
        return type(self)([self.texts[row] for row in numbers], self.labels[rows], self.weights[rows], self.n_classes)

    def once(self) -> Self:
        """Return them without copies: of equal texts of a class the first."""
        firsts: dict[tuple[str, int], int] = {}
        for row, pair in enumerate(zip(self.texts, self.labels.tolist(), strict=True)):
            firsts.setdefault(pair, row)
        return self.at(np.array([*firsts.values()], dtype=np.int64))


@dataclass(frozen=True)
class TextClassifier:
    """Texts to features to probabilities."""

    params: TextClassifierParams
    n_classes: int
    classes: np.ndarray  # (P,) int64, ascending: what the head's columns are
    vectoriser: Vectoriser | embed.SentenceVectors | Encoders
    head: Head

    @classmethod
    def fit(
        cls, known: LabelledTexts, params: TextClassifierParams, *, seed: int, encoders: Encoders | None = None
    ) -> Self:
        """Return a classifier of N ≥ 1 texts; a class without one gets no probability to speak of.

        `encoders` are those that the params name, opened.

        Raises:
            TrainingError: there are no texts, or none with a term that counts, or fastText diverges.
        """
        if not len(known.texts):
            raise TrainingError("a text model needs training texts, got none; check the split.")
        classes = np.unique(known.labels)
        if isinstance(params.classifier, FastTextParams):
            vectors = embed.fit_vectors(known.texts, known.labels, params.classifier, seed=seed)
            output = vectors.output(classes)
            head = LinearHead(output, np.zeros(len(output), np.float32), np.array(False))
            return cls(params, known.n_classes, classes, vectors, head)
        if isinstance(params.vectoriser, VectoriserParams):
            vectoriser, features = fit_vectoriser(known.texts, params.vectoriser)
        else:
            assert encoders
            vectoriser, features = encoders, encoders.transform(known.texts)
        rows = _balanced(features, known, params.balance, seed=derive_seed(seed, "balance") % 2**32)
        return cls(params, known.n_classes, classes, vectoriser, fit_head(*rows, params.classifier, seed=seed))

    def features(self, texts: Sequence[str]) -> Any:
        """Return what the head sees, (N, D): sparse TF-IDF float64, or vectors float32."""
        return self.vectoriser.transform(texts)

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, K) float32, rows sum to 1; an empty text gets the answer that the head gives without features."""
        found = np.full((len(texts), self.n_classes), _SMALLEST)
        found[:, self.classes] = np.maximum(self.head.probabilities(self.features(texts)), _SMALLEST)
        return (found / found.sum(axis=1, keepdims=True)).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write classifier.json and classifier.npz, and for fastText its own model.bin, into a folder that there is."""
        terms, arrays = dict[str, list[str]](), dict[str, Any](self.head.arrays)
        if isinstance(self.vectoriser, Vectoriser):
            terms = self.vectoriser.terms
            arrays |= {f"idf_{kind}": idf for kind, idf in self.vectoriser.idf.items()}
        elif isinstance(self.vectoriser, embed.SentenceVectors):
            self.vectoriser.model.save_model(str(folder / embed.FILE))
        elif self.params.is_finetuned:
            for name, encoder in zip(self.params.encoders, self.vectoriser.encoders, strict=True):
                encoder.save(folder / FOLDER / name)
        with replacing(folder / _ARRAYS) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **arrays)
        record = TextClassifierRecord(
            params=self.params, n_classes=self.n_classes, classes=self.classes.tolist(), terms=terms
        )
        record.write(folder / _RECORD)

    @classmethod
    def load(cls, folder: Path, encoders: Encoders | None = None) -> Self:
        """Return the classifier that a folder holds, on its encoders where it has any; its answers are the same bits.

        Raises:
            DataError: a file is missing or broken.
        """
        record = TextClassifierRecord.read(folder / _RECORD)
        try:
            with (folder / _ARRAYS).open("rb") as file, np.load(file) as stored:
                arrays = dict(stored)
            idf = {kind: arrays.pop(f"idf_{kind}") for kind in record.terms}
            if isinstance(record.params.vectoriser, VectoriserParams):
                vectoriser = Vectoriser(record.params.vectoriser, record.terms, idf)
            elif encoders:
                vectoriser = encoders
            else:
                import fasttext

                vectoriser = embed.SentenceVectors(fasttext.load_model(str(folder / embed.FILE)))
            return cls(record.params, record.n_classes, np.array(record.classes), vectoriser, head_of(arrays))
        except (zipfile.BadZipFile, zlib.error, EOFError, LookupError, OSError, TypeError, ValueError) as error:
            told = str(error).splitlines()[0]
            raise DataError(
                f"{folder} holds a broken text classifier ({told}); train it again (`dvc repro`)."
            ) from None


def out_of_fold(
    known: LabelledTexts,
    groups: np.ndarray,
    params: TextClassifierParams,
    *,
    seed: int,
    n_folds: int = 5,
    encoders: Encoders | None = None,
) -> np.ndarray | None:
    """Return probabilities (N, K) float32 of each text by a classifier that has seen no text of its group (N,) int64.

    Groups that share a text count as one, so that none is asked about a text that it has learnt. Vocabularies are of
    the other folds (`make_folds`) alone; None where there are no folds.

    Raises:
        TrainingError: the texts of some folds have no term that counts, or fastText diverges.
    """
    folds = make_folds(known.labels, _joined(groups, known.texts), seed=seed, n_folds=n_folds)
    found = np.zeros((len(known.texts), known.n_classes), np.float32)
    for others, rows in folds:
        model = TextClassifier.fit(known.at(others).once(), params, seed=seed, encoders=encoders)
        found[rows] = model.probabilities(known.at(rows).texts)
    return found if folds else None


def _joined(groups: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    """Return groups (N,) int64, those joined that share a text which is not empty."""
    ids: dict[str, int] = {}
    places = [ids.setdefault(text or f"\0{number}", len(ids)) for number, text in enumerate(texts)]
    _, known = np.unique(groups, return_inverse=True)
    n = int(known.max(initial=-1)) + 1
    edges = coo_array((np.ones(len(known)), (known, n + np.array(places, dtype=np.int64))), shape=(n + len(ids),) * 2)
    return connected_components(edges, directed=False)[1][known]


def _balanced(features: Any, known: LabelledTexts, balance: str, *, seed: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return features (M, D), labels (M,) and weights (M,) of the rows to learn from.

    With `smote` every class gets the mean number of rows. Classes too small for SMOTE's neighbours repeat theirs; new
    rows weigh 1.
    """
    labels, weights = known.labels, known.weights
    if balance == "class_weights":
        weights = weights * class_weights(labels, known.n_classes, WeightsByName(name="balanced"))[labels]
    if balance != "smote":
        return features, labels, weights
    from imblearn.over_sampling import SMOTE
    from imblearn.under_sampling import RandomUnderSampler

    targets, counts = class_targets(labels, BalanceToTarget(name="resample")), np.bincount(labels)
    if len(targets) == 1:
        return features, labels, weights
    few = {label: n for label, n in targets.items() if counts[label] < min(n, NEIGHBOURS + 1)}
    repeated = [np.resize(np.flatnonzero(labels == label), n - counts[label]) for label, n in few.items()]
    rows = np.concatenate([np.arange(len(labels)), *repeated])
    more = {label: max(n, int(counts[label])) for label, n in targets.items()}
    smote = SMOTE(k_neighbors=NEIGHBOURS, random_state=seed).set_params(sampling_strategy=more)
    made: Any = smote.fit_resample(features[rows], labels[rows])
    features, labels = made
    weights = np.concatenate([weights[rows], np.ones(len(labels) - len(rows), np.float32)])
    fewer = RandomUnderSampler(random_state=seed).set_params(sampling_strategy=targets)
    fewer.fit_resample(labels[:, None], labels)
    rows = fewer.sample_indices_
    return features[rows], labels[rows], weights[rows]
