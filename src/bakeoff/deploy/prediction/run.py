"""What `bakeoff predict` does: find candidate and photos, score them, write the answers, tell what was left out.

`bakeoff submission` does so for the products whose labels the source keeps to itself, in the challenge's form.
"""

import csv
import sys
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from bakeoff.catalogue.sources.rakuten import code_of
from bakeoff.core.errors import DataError, ParamsError
from bakeoff.core.files import replacing
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import load_section
from bakeoff.data.table import SPLITS, UNLABELLED
from bakeoff.deploy.prediction.answers import Tally, answer_all, count
from bakeoff.deploy.prediction.candidates import TrainedCandidate, find_candidate
from bakeoff.deploy.prediction.formats import settle_format, write_answers
from bakeoff.deploy.prediction.launch import make_request, scored
from bakeoff.deploy.prediction.own_photos import find_splits
from bakeoff.deploy.prediction.sources import LISTING, Columns, list_photos
from bakeoff.records.catalogue import LabelsRecord


@dataclass(frozen=True)
class PredictOptions:
    """The flags of `bakeoff predict`."""

    candidate: str | None = None
    seed: int | None = None
    top_k: int = 3
    threshold: float | None = None
    """None: the candidate's own for `evaluate.automation`."""
    form: str | None = None
    output: Path | None = None
    force: bool = False
    columns: Columns = field(default_factory=Columns)


def predict(project: Path, source: Path, options: PredictOptions) -> Tally:
    """Write class, calibrated probability and top k of a photo, or of all in a folder or a table; return their counts.

    Raises:
        ParamsError: a flag cannot be used.
        EvaluationError: the candidate cannot answer.
        DataError: there are no photos, or none could be read.
    """
    if options.threshold is not None and not 0 <= options.threshold <= 1:
        raise ParamsError(f"--threshold is a probability from 0 to 1, got {options.threshold:g}.")
    if options.top_k < 1:
        raise ParamsError(f"--top-k must be at least 1, got {options.top_k}.")
    form = settle_format(options.form, options.output, force=options.force)
    candidate = find_candidate(project, options.candidate, seed=options.seed)
    temperature, labels = candidate.calibration.temperature, candidate.labels
    top_k = min(options.top_k, len(labels))
    photos = list_photos(source, options.columns.as_in_study(project))
    request = make_request(candidate, load_section(project / "params.yaml", ComputeParams), title=candidate.name)
    with scored(request, photos.table.loc[:, LISTING]) as folder:
        table = photos.table.assign(study_split=find_splits(project, folder, len(photos.table)))
        chosen = {"temperature": temperature, "top_k": top_k, "threshold": _threshold(candidate, options)}
        chunks = partial(answer_all, folder, table, labels, **chosen)
        tally = count(chunks())
        if tally.n_refused == tally.n:
            what = "the photo could not" if tally.n == 1 else f"none of {tally.n:,d} photos could"
            raise DataError(f"{what} be read ({_refusals(tally)}); nothing was written.")
        write_answers(chunks(), form=form, output=options.output, top_k=top_k)
    _tell(tally, candidate, options, left_out=photos.left_out)
    return tally


def write_submission(project: Path, candidate: str, output: Path, *, seed: int | None, force: bool) -> int:
    """Write a CSV with the class of each product without a label, in the source's order; return how many there are.

    For Rakuten's challenge the columns are those of its Y_train, for others product_id and label.

    Raises:
        DataError: the catalogue has no such products, or a photo cannot be read.
        EvaluationError: the candidate cannot answer.
        ParamsError: the output exists and `force` is false.
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
    photos = list_photos(source).table.assign(study_split=None)
    request = make_request(trained, load_section(project / "params.yaml", ComputeParams), title=trained.name)
    settings = {"temperature": trained.calibration.temperature, "top_k": 1, "threshold": 0.0}
    with scored(request, photos.loc[:, LISTING]) as folder:
        answers = list(chain.from_iterable(answer_all(folder, photos, trained.labels, **settings)))
    if refused := [answer for answer in answers if answer["reason"]]:
        raise DataError(
            f"{len(refused)} of {len(answers)} photos could not be read (the first: {refused[0]['id']}, "
            f"{refused[0]['detail']}), and a submission needs a class for each; replace them, or use "
            f"`bakeoff predict {source}`, which leaves them empty."
        )
    is_rakuten = LabelsRecord.read(catalogue / "labels.json").dataset.kind == "rakuten"
    with replacing(output) as partial, partial.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(["", "prdtypecode"] if is_rakuten else ["product_id", "label"])
        for answer in answers:
            writer.writerow([answer["id"], code_of(answer["label"]) if is_rakuten else answer["label"]])
    return len(answers)


def _tell(tally: Tally, candidate: TrainedCandidate, options: PredictOptions, *, left_out: str | None) -> None:
    """Say on stderr what was done and left out."""
    n_sound = tally.n - tally.n_refused
    lines = [
        f"{_photos(n_sound)} classified by {candidate.name} (seed {candidate.seed}); {tally.n_review} of them "
        f"{_why_reviewed(candidate, options)}."
    ]
    if tally.study_splits:
        splits = ", ".join(f"{n} {split}" for split in SPLITS if (n := tally.study_splits[split]))
        lines.append(
            f"{_photos(tally.study_splits.total())} of the study itself ({splits}): no evidence about new ones."
        )
    if tally.n_refused:
        lines.append(f"{_photos(tally.n_refused)} could not be read ({_refusals(tally)}).")
    if left_out:
        lines.append(left_out)
    if options.output:
        lines.append(f"{options.output} written.")
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _photos(n: int) -> str:
    return "1 photo" if n == 1 else f"{n:,d} photos"


def _threshold(candidate: TrainedCandidate, options: PredictOptions) -> float:
    """Return the probability below which a photo is for a human: above 1 where the promise cannot be kept at all."""
    if options.threshold is not None:
        return options.threshold
    own = candidate.calibration.automation.threshold
    return 2.0 if own is None else own


def _why_reviewed(candidate: TrainedCandidate, options: PredictOptions) -> str:
    """Return why photos are marked for a human, and what that meant on the study's test products."""
    rows, promise = candidate.calibration.coverage, candidate.calibration.automation
    if options.threshold is not None:
        row = next((row for row in rows if abs(row.threshold - options.threshold) < 1e-9), None)
        said, share = f"below {options.threshold:g}, marked `review` for a human", row and row.coverage
        right = row and row.accuracy
    elif promise.threshold is None:
        told = f"no threshold kept {100 * promise.promised:g}% right on the validation products"
        return f"marked `review` for a human: {told}"
    else:
        promised = f"for {100 * promise.promised:g}% right"
        told = f"{promised}, which the test products refute" if promise.refuted else promised
        said = f"below {promise.threshold:.3g} ({told}), marked `review` for a human"
        share, right = promise.share, promise.precision
    if share is None or right is None:
        return said
    return f"{said} (on the test products {share:.0%} reached it, of which {right:.0%} were right)"


def _refusals(tally: Tally) -> str:
    counts = ", ".join(f"{n} {reason}" for reason, n in tally.reasons.most_common())
    return f"{counts}; the first: {tally.first_refusal}"
