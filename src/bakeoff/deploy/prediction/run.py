"""What `bakeoff predict` does: find candidate and photos, score them, write the answers, tell what was left out.

`bakeoff submission` does so for the products whose labels the source keeps to itself, in the challenge's form.
"""

import sys
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import pandas as pd

from bakeoff.catalogue.sources.rakuten import code_of
from bakeoff.core.errors import DataError, ParamsError
from bakeoff.core.files import replacing
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import load_section
from bakeoff.data.table import SPLITS, UNLABELLED
from bakeoff.deploy.prediction.answers import Tally, answer_all, count, settle_format, write_answers
from bakeoff.deploy.prediction.candidates import TrainedCandidate, find_candidate
from bakeoff.deploy.prediction.scores import find_splits
from bakeoff.deploy.prediction.sides import scored_products
from bakeoff.deploy.prediction.sources import Columns, list_products
from bakeoff.records.catalogue import LabelsRecord


@dataclass(frozen=True)
class PredictOptions:
    """The flags of `bakeoff predict`."""

    candidate: str | None = None
    seed: int | None = None
    top_k: int = 3
    threshold: float | None = None  # None: the candidate's own for `evaluate.automation`
    form: str | None = None
    output: Path | None = None
    force: bool = False
    columns: Columns = field(default_factory=Columns)
    text: str | None = None  # a product's text, in place of a source


def predict(project: Path, source: Path | None, options: PredictOptions) -> Tally:
    """Write class, calibrated probability and top k of a product or of all in a folder or a table; return their counts.

    A ParamsError where a flag cannot be used, an EvaluationError where the candidate cannot answer, a DataError where
    there are no photos, or none could be read.
    """
    if options.threshold is not None and not 0 <= options.threshold <= 1:
        raise ParamsError(f"--threshold is a probability from 0 to 1, got {options.threshold:g}.")
    if options.top_k < 1:
        raise ParamsError(f"--top-k must be at least 1, got {options.top_k}.")
    form = settle_format(options.form, options.output, force=options.force)
    candidate = find_candidate(project, options.candidate, seed=options.seed)
    temperature, labels = candidate.calibration.temperature, candidate.training.labels
    threshold, why = _review(candidate, options.threshold)
    top_k = min(options.top_k, len(labels))
    columns, modality = options.columns.as_in_study(project), candidate.training.modality
    photos = list_products(source, options.text, columns, name=candidate.name, modality=modality)
    compute = load_section(project / "params.yaml", ComputeParams)
    with scored_products(project, candidate, photos.table, compute) as folder:
        table = photos.table.assign(study_split=find_splits(project, folder, len(photos.table)))
        chosen = {"temperature": temperature, "top_k": top_k, "threshold": threshold}
        chunks = partial(answer_all, folder, table, labels, **chosen)
        tally = count(chunks())
        if tally.n_refused == tally.n:
            what = "the product could not" if tally.n == 1 else f"none of {tally.n:,d} products could"
            raise DataError(f"{what} be read ({_refusals(tally)}); nothing was written.")
        write_answers(chunks(), form=form, output=options.output, top_k=top_k)
    _tell(tally, candidate, why, left_out=photos.left_out, output=options.output)
    return tally


def write_submission(project: Path, candidate: str, output: Path, *, seed: int | None, force: bool) -> int:
    """Write a CSV with the class of each product without a label, in the source's order; return how many there are.

    For Rakuten's challenge the columns are those of its Y_train, for others product_id and label. A DataError where the
    catalogue has no such products or a photo cannot be read, else as `predict`.
    """
    catalogue = project / "data" / "catalogue"
    source = catalogue / UNLABELLED
    if not source.is_file():
        raise DataError(
            f"{source} is missing: a submission is for a source that keeps its test labels to itself (rakuten with "
            "X_test and its photos, cars without its test annotations); put them in place and run `bakeoff run`."
        )
    settle_format("csv", output, force=force)
    trained = find_candidate(project, candidate, seed=seed)
    modality = trained.training.modality
    photos = list_products(source, None, Columns(), name=trained.name, modality=modality).table.assign(study_split=None)
    compute = load_section(project / "params.yaml", ComputeParams)
    settings = {"temperature": trained.calibration.temperature, "top_k": 1, "threshold": 0.0}
    with scored_products(project, trained, photos, compute) as folder:
        answers = list(chain.from_iterable(answer_all(folder, photos, trained.training.labels, **settings)))
    if refused := [answer for answer in answers if answer["reason"]]:
        raise DataError(
            f"{len(refused)} of {len(answers)} products could not be read (the first: {refused[0]['id']}, "
            f"{refused[0]['detail']}), and a submission needs a class for each; replace them, or use "
            f"`bakeoff predict {source}`, which leaves them empty."
        )
    is_rakuten = LabelsRecord.read(catalogue / "labels.json").dataset.kind == "rakuten"
    rows = [(answer["id"], code_of(answer["label"]) if is_rakuten else answer["label"]) for answer in answers]
    table = pd.DataFrame(rows, columns=["", "prdtypecode"] if is_rakuten else ["product_id", "label"])
    with replacing(output) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")
    return len(answers)


def _tell(tally: Tally, candidate: TrainedCandidate, why: str, *, left_out: str | None, output: Path | None) -> None:
    """Say on stderr what was done and left out."""
    n_sound = tally.n - tally.n_refused
    noun = "photo" if candidate.training.modality == "image" else "product"
    who = f"{candidate.name} (seed {candidate.seed})"
    lines = [f"{_count(n_sound, noun)} classified by {who}; {tally.n_review} of them {why}."]
    if tally.study_splits:
        splits = ", ".join(f"{n} {split}" for split in SPLITS if (n := tally.study_splits[split]))
        lines.append(
            f"{_count(tally.study_splits.total(), noun)} of the study itself ({splits}): no evidence about new ones."
        )
    if tally.n_refused:
        lines.append(f"{_count(tally.n_refused, noun)} could not be read ({_refusals(tally)}).")
    if left_out:
        lines.append(left_out)
    if output:
        lines.append(f"{output} written.")
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _count(n: int, noun: str) -> str:
    return f"1 {noun}" if n == 1 else f"{n:,d} {noun}s"


def _review(candidate: TrainedCandidate, wanted: float | None) -> tuple[float, str]:
    """Return below which probability photos are for a human (2: all are), and why, with what it meant on test."""
    promise, threshold = candidate.calibration.automation, wanted
    if threshold is not None:
        rows = candidate.calibration.coverage
        row = next((row for row in rows if abs(row.threshold - threshold) < 1e-9), None)
        said, share, right = f"below {threshold:g}", row and row.coverage, row and row.accuracy
    elif (threshold := promise.threshold) is None:
        told = f"no threshold kept {100 * promise.promised:g}% right on the validation products"
        return 2.0, f"marked `review` for a human: {told}"
    else:
        told = f"for {100 * promise.promised:g}% right{', which the test products refute' if promise.refuted else ''}"
        said, share, right = f"below {threshold:.3g} ({told})", promise.share, promise.precision
    said += ", marked `review` for a human"
    if share is None or right is None:
        return threshold, said
    return threshold, f"{said} (on the test products {share:.0%} reached it, of which {right:.0%} were right)"


def _refusals(tally: Tally) -> str:
    counts = ", ".join(f"{n} {reason}" for reason, n in tally.reasons.most_common())
    return f"{counts}; the first: {tally.first_refusal}"
