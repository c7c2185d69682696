"""Texts as the embeddings of frozen encoders, side by side; a catalogue's are kept in .bakeoff/texts/<key>/."""

import hashlib
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from bakeoff.backbones.text_encoder import TextEncoder
from bakeoff.core.code import code_digest, digest
from bakeoff.core.files import replacing
from bakeoff.core.locks import waiting_lock
from bakeoff.core.progress import progress_bar
from bakeoff.learning.key import ON_DEVICE
from bakeoff.records.text import EncoderParams, TextSettings
from bakeoff.records.training import TrainingHeader, TrainingRecord

FOLDER = "encoder"
"""In a training folder: a fine-tuned encoder, in a folder of its name."""


class Encoders:
    """Encoders as a vectoriser that has nothing to learn."""

    def __init__(self, encoders: Sequence[TextEncoder]) -> None:
        """Hold at least one."""
        self.encoders = encoders
        self._rows, self._vectors = dict[str, int](), np.zeros((0, 0), np.float32)
        self.seconds = 0.0
        """That embedding what is remembered took, once."""

    @property
    def arrays(self) -> list[np.ndarray]:
        """The networks' parameters, float32."""
        return [array for encoder in self.encoders for array in encoder.arrays]

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, D) float32, each encoder's part of length 1; remembered embeddings are taken where all are."""
        if self._rows and all(text in self._rows for text in texts):
            return self._vectors[[self._rows[text] for text in texts]]
        return np.hstack([encoder.encode(texts) for encoder in self.encoders])

    def features(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, D) float32, NaN of texts that cleaning left nothing of: there is nothing to know them by."""
        found = np.array(self.transform(texts))
        found[[not text for text in texts]] = np.nan
        return found

    def remember(self, texts: Sequence[str], header: TrainingHeader, root: Path) -> None:
        """Embed the distinct ones of a catalogue's texts, once for all seeds and heads; other processes wait.

        `root` is .bakeoff/texts of the main checkout.
        """
        distinct = list(dict.fromkeys(texts))
        folder = root / self._key(distinct, header)
        file = folder / "embeddings.npz"
        with waiting_lock(folder.with_name(f"{folder.name}.lock"), what=f"embeddings {folder.name}"):
            if not file.is_file():
                started = time.perf_counter()
                with progress_bar() as bar:
                    track = partial(bar.track, description="batches of texts embedded")
                    vectors = np.hstack([one.encode(distinct, track=track) for one in self.encoders])
                with replacing(file) as written, written.open("wb") as opened:
                    np.savez(opened, vectors=vectors, seconds=time.perf_counter() - started)
        with np.load(file) as stored:
            self._vectors, self.seconds = stored["vectors"], float(stored["seconds"])
        self._rows = {text: row for row, text in enumerate(distinct)}

    def _key(self, texts: Sequence[str], header: TrainingHeader) -> str:
        content = hashlib.sha256()
        for text in texts:
            content.update(f"{len(text)} {text}".encode(errors="surrogatepass"))
        made_by = {
            "weights": header.weights.files,
            "encoders": [[one.params.name, one.params.computed] for one in self.encoders],
            "code": code_digest(Path(__file__).resolve()),
            **header.model_dump(include=ON_DEVICE),
        }
        return digest([content.hexdigest(), made_by])


def trained_encoders(record: TrainingRecord, training_dir: Path, weights_root: Path | None) -> Encoders | None:
    """Return the encoders that a trained text model asks: its own in the training folder, or those of its weights."""
    settings = record.settings
    assert isinstance(settings, TextSettings)
    if settings.is_finetuned or not settings.encoders:
        return open_encoders(settings.encoders, training_dir / FOLDER)
    return open_encoders(settings.encoders, record.own_weights(training_dir, weights_root))


def open_encoders(params: dict[str, EncoderParams], weights_dir: Path) -> Encoders | None:
    """Return the encoders whose files are in weights_dir/<name>; None where there are none to open.

    Raises:
        WeightsError: a folder holds no encoder.
    """
    return Encoders([TextEncoder.open(weights_dir / name, one) for name, one in params.items()]) if params else None
