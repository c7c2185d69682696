"""A candidate's classes for the products whose labels the source keeps to itself, as the challenge's file."""

import csv
from itertools import chain
from pathlib import Path

from bakeoff.catalogue.sources.rakuten import code_of
from bakeoff.core.errors import DataError
from bakeoff.core.files import replacing
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import load_section
from bakeoff.data.table import UNLABELLED
from bakeoff.deploy.prediction.answers import answer_all
from bakeoff.deploy.prediction.candidates import find_candidate
from bakeoff.deploy.prediction.formats import settle_format
from bakeoff.deploy.prediction.launch import make_request, scored
from bakeoff.deploy.prediction.sources import LISTING, list_photos
from bakeoff.records.catalogue import LabelsRecord


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
