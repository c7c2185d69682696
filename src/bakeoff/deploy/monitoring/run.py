"""What `bakeoff monitor` does: score new products and the study's own, test, write monitoring/<name>/."""

import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.core.errors import ParamsError
from bakeoff.core.failures import drawing
from bakeoff.core.files import write_json
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import load_section, read_yaml
from bakeoff.core.translation import Translator
from bakeoff.data.table import SPLITS, load_catalogue
from bakeoff.deploy.monitoring.figure import draw_monitoring
from bakeoff.deploy.monitoring.products import encode_labels, list_new_products, score_reference
from bakeoff.deploy.monitoring.report import MIN_NEW, build_report
from bakeoff.deploy.monitoring.sample import Sample, collect_sample
from bakeoff.deploy.monitoring.texts import StudyTexts, TextMeasures
from bakeoff.deploy.prediction.candidates import TrainedCandidate, find_candidate
from bakeoff.deploy.prediction.request import make_request, scored
from bakeoff.deploy.prediction.scores import find_splits
from bakeoff.deploy.prediction.sides import scored_products
from bakeoff.deploy.prediction.sources import LABEL_COLUMN, LISTING, Columns, Photos
from bakeoff.records.candidate import Candidate
from bakeoff.text.clean import join_fields

REPORT_FILE, FIGURE_FILE = "monitoring.json", "monitor.png"


@dataclass(frozen=True)
class MonitorOptions:
    """The flags of `bakeoff monitor`."""

    candidate: str | None = None
    seed: int | None = None
    name: str | None = None
    label_column: str | None = None
    unlabelled: bool = False
    force: bool = False
    columns: Columns = field(default_factory=Columns)


def monitor(project: Path, source: Path, options: MonitorOptions) -> tuple[dict[str, Any], Path]:
    """Write monitoring/<name>/ and return the report and that folder.

    New products come as a folder (one subfolder per class where labels are known) or a table. A ParamsError where a
    flag cannot be used or the folder is there already, a DataError for too few products or a label that is not the
    study's, an EvaluationError where the candidate cannot answer.
    """
    name = options.name or datetime.now(UTC).strftime("%Y-%m-%d")
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ParamsError(
            f"--name is a folder's name of letters, digits, `_`, `-` and `.`, such as 2026-12; got {name!r}."
        )
    folder = project / "monitoring" / name
    if (folder / REPORT_FILE).exists() and not options.force:
        raise ParamsError(f"{folder} holds a report, which stays as it is; give another --name, or add --force.")
    candidate = find_candidate(project, options.candidate, seed=options.seed)
    labels = candidate.training.labels
    columns, wanted = options.columns.as_in_study(project), None if options.unlabelled else labels
    reader = None if candidate.training.modality == "image" else Candidate(candidate.name)
    how = {"label_column": options.label_column, "columns": columns, "reader": reader}
    photos = list_new_products(source, wanted, **how)
    _tell(photos, source, options)
    params = load_section(project / "params.yaml", ComputeParams)
    reference, test_split, splits = score_reference(project, candidate, params)
    new, own = _score_new(photos, candidate, params, project)
    t = Translator(read_yaml(project / "params.yaml").get("language", "en"))
    header = {
        "name": name,
        "candidate": candidate.name,
        "seed": candidate.seed,
        "training_key": candidate.training.key,
        "source": str(source),
        "reference_splits": splits,
        **own,
        "monitored_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    report = build_report((reference, new, test_split), labels, t, header=header)
    write_json(folder / REPORT_FILE, report)
    with drawing(folder / FIGURE_FILE, folder) as path:
        draw_monitoring(report, (reference, new), t, path)
    return report, folder


def _tell(photos: Photos, source: Path, options: MonitorOptions) -> None:
    """Say on stderr how many products have a class, and what was left out."""
    n, n_labelled = len(photos.table), sum(label is not None for label in photos.table["label"])
    lines = [f"{n_labelled} of {n} products have a class."] if n_labelled else []
    if not n_labelled and not options.unlabelled:
        lines = [f"{_why_unlabelled(source, options)}: the products count as unlabelled."]
    sys.stderr.write("".join(f"{line}\n" for line in (*lines, photos.left_out) if line))


def _why_unlabelled(source: Path, options: MonitorOptions) -> str:
    if source.is_dir():
        return f"no subfolder of {source} is named like a class of the study"
    if options.label_column:
        return f"column {options.label_column!r} of {source} is empty"
    return f"{source} has no classes in a column {LABEL_COLUMN!r} (--label-column names another)"


def _score_new(
    photos: Photos, candidate: TrainedCandidate, params: ComputeParams, project: Path
) -> tuple[Sample, dict[str, Any]]:
    """Return the new products and how many are the study's own: left out, but test's or all where too few are left."""
    label_ids = encode_labels(photos, candidate.training.labels)
    if candidate.training.modality != "image":
        return _score_new_texts(photos.table, label_ids, candidate, params, project)
    request = make_request(candidate, params, title="new photos", more=True)
    with scored(request, photos.table.loc[:, LISTING]) as folder:
        own = find_splits(project, folder, len(label_ids))
        return _without_own(own, folder, label_ids, candidate)


def _score_new_texts(
    table: pd.DataFrame, label_ids: np.ndarray, candidate: TrainedCandidate, params: ComputeParams, project: Path
) -> tuple[Sample, dict[str, Any]]:
    """Do so for a candidate that reads texts, or a pair, by measures of texts."""
    data = project / "data"
    catalogue = load_catalogue(data / "catalogue", data / "splits" / "splits.parquet", reads=None).by_product()
    study = StudyTexts.read(project, candidate, catalogue)
    measures = study.measure(join_fields(table, study.fields))
    with scored_products(project, candidate, table, params) as folder:
        own = study.find_splits(table) if study.needs_text else find_splits(project, folder, len(label_ids))
        return _without_own(own, folder, label_ids, candidate, measures)


def _without_own(
    own: np.ndarray,
    folder: Path,
    label_ids: np.ndarray,
    candidate: TrainedCandidate,
    texts: TextMeasures | None = None,
) -> tuple[Sample, dict[str, Any]]:
    """Return the products of a folder's scores without the study's own (N,) splits, where enough others are left."""
    for left_out in (SPLITS, SPLITS[:2], ()):
        wanted = ~np.isin(own, left_out)
        new = collect_sample(folder, label_ids, wanted, temperature=candidate.calibration.temperature, texts=texts)
        if len(new) >= MIN_NEW:
            break
    counts = {split: int((own == split).sum()) for split in SPLITS}
    return new, {"own_photos": counts, "own_left_out": list(left_out)}
