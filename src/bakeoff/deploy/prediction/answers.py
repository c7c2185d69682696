"""What a person or a shop system reads of raw scores: a table, JSON, CSV or Parquet, written as it comes."""

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.table import Table
from rich.text import Text

from bakeoff.core.errors import ParamsError
from bakeoff.core.files import replacing
from bakeoff.core.names import visible
from bakeoff.core.progress import screen
from bakeoff.deploy.prediction.scores import CHUNK, read_chunks
from bakeoff.evaluation.calibration import apply_temperature

Answer = dict[str, Any]
"""id, image, label, probability, review, top ([{label, probability}]), study_split (null for a photo that is not the
study's own), reason, detail: the last two, or label to top, are null."""
_REFUSED: Answer = dict.fromkeys(("label", "probability", "review", "top"))
FORMATS = ("table", "json", "parquet", "csv")
SCREEN_ROWS = 40  # what a table on the screen shows at most; the other formats hold everything
_FIRST, _LAST = ("id", "image", "label", "probability", "review"), ("study_split", "reason", "detail")
_TOP = pa.list_(pa.struct([("label", pa.string()), ("probability", pa.float64())]))
_TYPES = {"probability": pa.float64(), "review": pa.bool_(), "top": _TOP}
_SCHEMA = pa.schema([(name, _TYPES.get(name, pa.string())) for name in (*_FIRST, "top", *_LAST)])


@dataclass
class Tally:
    """What is told at the end."""

    n: int = 0
    n_review: int = 0
    study_splits: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    first_refusal: str = ""

    @property
    def n_refused(self) -> int:
        """Photos that could not be read."""
        return self.reasons.total()


def answer_all(
    folder: Path, photos: pd.DataFrame, labels: list[str], *, temperature: float, top_k: int, threshold: float
) -> Iterator[list[Answer]]:
    """Yield the answers to `photos` (columns id, image, study_split; in the order of the scores) chunk by chunk.

    Each has `top_k` classes, and is for a human where the first one's calibrated probability is below the threshold.
    """
    for number, scores in enumerate(read_chunks(folder, len(photos))):
        rows = photos.iloc[number * CHUNK : (number + 1) * CHUNK][["id", "image", "study_split"]].to_dict("records")
        sound = np.array([reason is None for reason in scores.reasons])
        calibrated = iter(apply_temperature(scores.probabilities[sound].astype(np.float64), temperature))
        answers = []
        for photo, reason, detail in zip(rows, scores.reasons, scores.details, strict=True):
            own = {"study_split": photo["study_split"] or None, "reason": reason, "detail": detail}
            found = _REFUSED if reason else _classified(next(calibrated), labels, top_k=top_k, threshold=threshold)
            answers.append(photo | found | own)
        yield answers


def count(chunks: Iterable[list[Answer]]) -> Tally:
    """Return what is told of all answers at the end."""
    tally = Tally()
    for answer in chain.from_iterable(chunks):
        tally.n += 1
        tally.n_review += bool(answer["review"])
        tally.study_splits.update(filter(None, [answer["study_split"]]))
        if answer["reason"] is not None:
            tally.first_refusal = tally.first_refusal or visible(
                f"{answer['image'] or answer['id']}: {answer['detail']}"
            )
            tally.reasons[answer["reason"]] += 1
    return tally


def _classified(probabilities: np.ndarray, labels: list[str], *, top_k: int, threshold: float) -> Answer:
    """Return the answer of (K,) float64 probabilities; ties go to the earlier label."""
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    top = [{"label": labels[index], "probability": float(probabilities[index])} for index in order]
    return {**top[0], "review": top[0]["probability"] < threshold, "top": top}


def settle_format(wanted: str | None, output: Path | None, *, force: bool) -> str:
    """Return the format to write, by default that of the output's name, or a table; checked before any photo is read.

    A ParamsError for an unknown format, a table wanted in a file, Parquet on the screen, or a file that exists.
    """
    by_name = {".json": "json", ".parquet": "parquet", ".csv": "csv"}
    chosen = wanted or (by_name.get(output.suffix.lower()) if output else "table")
    if chosen not in FORMATS:
        given = f"{wanted!r}" if wanted else f"no format and the file {output}"
        raise ParamsError(
            f"--format must be one of {', '.join(FORMATS)}, got {given}; files that end in "
            f"{', '.join(by_name)} need no --format."
        )
    if chosen == "table" and output:
        raise ParamsError("a table is for the screen; for a file take --format json, parquet or csv.")
    if chosen == "parquet" and output is None:
        raise ParamsError("Parquet needs a file: add --output predictions.parquet, or take --format json or csv.")
    if output and output.is_dir():
        raise ParamsError(
            f"--output {output} is a folder; name a file in it, such as {output / 'predictions.parquet'}."
        )
    if output and output.exists() and not force:
        raise ParamsError(f"{output} exists and stays as it is; name another file, or add --force to replace it.")
    return chosen


def write_answers(answers: Iterable[list[Answer]], *, form: str, output: Path | None, top_k: int) -> None:
    """Write answers, chunk by chunk, in one of FORMATS to stdout or a file, which appears when everything is in it."""
    writers: Any = {"table": _write_table, "json": _write_json, "csv": _write_csv, "parquet": _write_parquet}
    if output is None and form != "table" and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # data, whatever signs the screen can show
    with _target(output, binary=form == "parquet") as target:
        writers[form](answers, target, top_k)


@contextmanager
def _target(output: Path | None, *, binary: bool) -> Iterator[IO[Any]]:
    if output is None:
        yield sys.stdout
        return
    text: dict[str, Any] = {} if binary else {"encoding": "utf-8", "newline": ""}
    with replacing(output) as partial, partial.open("wb" if binary else "w", **text) as handle:
        yield handle


def _write_json(answers: Iterable[list[Answer]], target: IO[str], top_k: int) -> None:
    """Write one array with an object a line."""
    before = "[\n"
    for answer in chain.from_iterable(answers):
        target.write(before + json.dumps(answer, ensure_ascii=False))
        before = ",\n"
    target.write("\n]\n")


def _write_csv(answers: Iterable[list[Answer]], target: IO[str], top_k: int) -> None:
    """Write the first class as label and probability, the others as label_2, probability_2, …."""
    others = [f"{name}_{place}" for place in range(2, top_k + 1) for name in ("label", "probability")]
    writer = csv.DictWriter(target, [*_FIRST, *others, *_LAST], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for answer in chain.from_iterable(answers):
        top = enumerate(answer["top"] or [], start=1)  # the first one has no columns of its own
        writer.writerow(answer | {f"{name}_{place}": value for place, one in top for name, value in one.items()})


def _write_parquet(answers: Iterable[list[Answer]], target: IO[bytes], top_k: int) -> None:
    with pq.ParquetWriter(target, _SCHEMA) as writer:
        for chunk in answers:
            writer.write_table(pa.Table.from_pylist(chunk, schema=_SCHEMA))


def _write_table(answers: Iterable[list[Answer]], target: IO[str], top_k: int) -> None:
    """Print the first SCREEN_ROWS answers and say how many more there are."""
    table = Table()
    for name in ("product", "class", "probability", "next", "human?"):
        table.add_column(name, justify="right" if name == "probability" else "left", overflow="fold")
    rows = chain.from_iterable(answers)
    for answer in islice(rows, SCREEN_ROWS):
        table.add_row(*(Text(visible(cell)) for cell in _cells(answer)))
    screen(file=target).print(table)
    if left := sum(1 for _ in rows):
        sys.stderr.write(f"{left} more products; --format csv, json or parquet holds all of them.\n")


def _cells(answer: Answer) -> tuple[str, ...]:
    if answer["reason"] is not None:
        return answer["id"], "-", "-", f"{answer['reason']}: {answer['detail']}", "-"
    further = ", ".join(f"{one['label']} {one['probability']:.3f}" for one in answer["top"][1:])
    return answer["id"], answer["label"], f"{answer['probability']:.3f}", further, "review" if answer["review"] else ""
