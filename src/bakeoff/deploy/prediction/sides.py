"""Scores of products by whatever reads them: a candidate of photos or of texts, or both sides of a pair, fused."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.core.errors import EvaluationError
from bakeoff.core.machine import ComputeParams
from bakeoff.core.progress import progress_bar
from bakeoff.deploy.prediction.candidates import TrainedCandidate, find_candidate
from bakeoff.deploy.prediction.request import make_request, scored
from bakeoff.deploy.prediction.scores import CHUNK, Scores, read_chunks, write_chunk
from bakeoff.deploy.prediction.sources import LISTING
from bakeoff.fusion.fit import Fusion
from bakeoff.fusion.run import FILE
from bakeoff.records.candidate import Candidate
from bakeoff.records.fusion import FusionSettings
from bakeoff.text.clean import join_fields
from bakeoff.text.predictor import TextPredictor, load_text_predictor


@contextmanager
def scored_products(
    project: Path, candidate: TrainedCandidate, table: pd.DataFrame, compute: ComputeParams
) -> Iterator[Path]:
    """Score products (`Photos.table`) and give the folder of their chunks (`.scores.read_chunks`) to the block.

    A product that a side has nothing to read of is answered by the other side, and refused where there is none. Raises
    as `.request.scored` does; an EvaluationError where a pair was made of other trainings than those that there are.
    """
    if candidate.training.modality == "image":
        with scored(make_request(candidate, compute, title=candidate.name), table.loc[:, LISTING]) as folder:
            yield folder
        return
    with ExitStack() as stack:
        sides = sides_of(project, candidate)
        fusion = Fusion.read(candidate.folder / "training" / FILE) if len(sides) > 1 else None
        early = fusion is not None and fusion.is_early
        own = [_scores(stack, side, table, compute, early=early) for side in sides]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bakeoff-scores-")))
        bar = stack.enter_context(progress_bar())
        chunks = bar.track(zip(*own, strict=True), -(-len(table) // CHUNK), description=candidate.name)
        for number, parts in enumerate(chunks):
            write_chunk(folder, number, [fused(fusion, *parts) if fusion else parts[0]])
        yield folder


def sides_of(project: Path, candidate: TrainedCandidate) -> list[TrainedCandidate]:
    """Return the trainings that a pair was made of, checked to be still those; of any other candidate itself."""
    settings = candidate.training.settings
    if not isinstance(settings, FusionSettings):
        return [candidate]
    found = [
        find_candidate(project, side.name, seed=side.seed) for side in Candidate(candidate.name, candidate.seed).sides
    ]
    for side, key in zip(found, settings.keys, strict=True):
        if side.training.key != key:
            raise EvaluationError(
                f"{candidate.name} was made of an earlier training of {side.name}; run `bakeoff run` (or `dvc repro`)."
            )
    return found


def fused(fusion: Fusion, first: Scores, second: Scores) -> Scores:
    """Return the answers of a pair from its sides'; what both sides refuse is refused for the first one's reason."""
    has = [np.array([reason is None for reason in side.reasons]) for side in (first, second)]
    known = [
        np.nan_to_num(side.probabilities, nan=1 / side.probabilities.shape[1])
        if side.features is None
        else side.features
        for side in (first, second)
    ]
    probabilities, neither = fusion.apply(known[0], known[1], has[0], has[1]), ~has[0] & ~has[1]
    probabilities[neither] = np.nan
    return Scores(
        reasons=[reason if none else None for reason, none in zip(first.reasons, neither, strict=True)],
        details=[detail if none else None for detail, none in zip(first.details, neither, strict=True)],
        digests=[one or other for one, other in zip(first.digests, second.digests, strict=True)],
        probabilities=probabilities,
    )


def _scores(
    stack: ExitStack, side: TrainedCandidate, table: pd.DataFrame, compute: ComputeParams, *, early: bool
) -> Iterator[Scores]:
    """Yield a side's scores, with features for an early fusion alone."""
    if side.training.modality == "image":
        request = make_request(side, compute, title=side.name, more=early)
        return read_chunks(stack.enter_context(scored(request, table.loc[:, LISTING])), len(table))
    return _read_texts(load_text_predictor(side.folder / "training"), table, early=early)


def _read_texts(predictor: TextPredictor, table: pd.DataFrame, *, early: bool) -> Iterator[Scores]:
    fields = predictor.settings.cleaning.join
    for start in range(0, len(table), CHUNK):
        rows = table.iloc[start : start + CHUNK]
        texts = join_fields(rows, fields)
        lacking = [not text.strip() for text in texts]
        answers = predictor.features(texts) if early else predictor.predict(texts)
        answers[lacking] = np.nan
        detail = f"no {' or '.join(fields)}"
        yield Scores(
            reasons=["no_text" if none else None for none in lacking],
            details=[detail if none else None for none in lacking],
            digests=[""] * len(texts),
            probabilities=np.full((len(texts), len(predictor.labels)), np.nan) if early else answers,
            features=answers if early else None,
        )
