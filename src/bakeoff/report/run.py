"""The whole comparison: collect, rank, choose, draw, report."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bakeoff.core import failures
from bakeoff.core.files import write_json
from bakeoff.core.section import LanguageCode
from bakeoff.core.translation import Translator
from bakeoff.data.table import read_groups
from bakeoff.decision.choice import choose
from bakeoff.decision.choice_record import ChoiceInputs, ChoiceRecord, flat_metrics
from bakeoff.decision.collect import Collected, Study, collect
from bakeoff.decision.label_errors import read_label_errors, recount
from bakeoff.decision.leaderboard import build_leaderboard, usual_device
from bakeoff.decision.matrix import with_matrix
from bakeoff.decision.outcomes import outcomes_of
from bakeoff.decision.params import CompareParams
from bakeoff.decision.pareto import Plane
from bakeoff.decision.rules import Rule, rank
from bakeoff.decision.slices import find_slices, read_attributes
from bakeoff.decision.summary import summarise
from bakeoff.records.candidate import BASELINE, prune_runs
from bakeoff.records.catalogue import AuditRecord, SplitRecord
from bakeoff.records.speed import ThroughputRecord
from bakeoff.report.documents import write_model_card
from bakeoff.report.facts import Facts
from bakeoff.report.figures import draw_differences, draw_pareto
from bakeoff.report.gaps import fill_gaps
from bakeoff.report.page.explanations import FOLDER, write_explanations
from bakeoff.report.page.learning import learning_curves
from bakeoff.report.page.page import write_report
from bakeoff.report.render import environment

REPORTS = ("leaderboard.csv", "choice.json", "metrics.json", "learning_curves.csv", "slices.csv")
"""Numbers, written first: without one of them there is no comparison."""
TELLING = ("pareto.png", "differences.png", "index.html", "model_card.md")
"""Made from the numbers; where one fails, a stand-in takes its place."""


@dataclass(frozen=True)
class ReportInputs:
    """What the reports need beside runs/ and section `compare`; a file that is None or missing is left out."""

    language: LanguageCode = "en"
    audit_file: Path | None = None  # data/audit/audit.json, for the report's data section, with figures/ beside it
    speed_file: Path | None = None  # measurements/throughput.json
    references: Sequence[Mapping[str, Any]] = ()  # published results to show beside ours, from `references.references`
    products_file: Path | None = None  # products.parquet: which show one photo, and with what lies beside it, slices
    split_file: Path | None = None  # data/splits/split.json: how the products were divided
    examination_dir: Path | None = None  # data/examination: probable label errors, with figures/
    params: Mapping[str, Any] = field(default_factory=dict)  # params.yaml
    failures_dir: Path | None = None  # <training key>/failures.json of what MLflow and TensorBoard did not get


def compare(
    runs_dir: Path,
    out_dir: Path,
    *,
    study: Study,
    params: CompareParams,
    partial: bool = False,
    inputs: ReportInputs | None = None,
) -> ChoiceRecord:
    """Write REPORTS, then TELLING and explanations/, to `out_dir` and return the choice.

    `partial` lists missing candidates as failed; without it one is an EvaluationError, as always where none is left.
    """
    given = inputs or ReportInputs()
    t = Translator(given.language)
    # DVC may take the candidates stage, which prunes too, from its run cache without running it.
    prune_runs(runs_dir, study.lists.candidates())
    speed = ThroughputRecord.read_if_there(given.speed_file) if given.speed_file else None
    audit = AuditRecord.read_if_there(given.audit_file) if given.audit_file else None
    split = SplitRecord.read_current(given.split_file) if given.split_file else None
    found = collect(runs_dir, study, partial=partial, speed=speed)
    done = found.done
    table = build_leaderboard(found)
    summaries, matrix = with_matrix(summarise(table), len(done[0].test.labels), params.matrix, t=t)
    words: Any = environment(t.language, html=False).get_template("words.jinja").module
    stands_in = any(one.training.weights.stands_in for one in done)
    notes = [
        *words.training_notes(BASELINE if stands_in else "", summaries).splitlines(),
        *words.timing_notes(done, usual_device(done), speed.failed if speed else {}).splitlines(),
        *words.failure_notes(*find_failures(found, given.failures_dir)).splitlines(),
    ]
    outcomes = outcomes_of(done, read_groups(given.products_file))
    product_ids = done[0].test.product_ids
    is_error = read_label_errors(given.examination_dir, product_ids)
    recounted = recount(summaries, rank(summaries, Rule.of(params), t=t), outcomes, is_error, t=t)
    slices = find_slices(outcomes, read_attributes(given.products_file, product_ids))
    if recounted and recounted.changes_choice:
        notes.append(recounted.sentence)
    failed = [
        {"candidate": one.candidate.name, "seed": one.candidate.seed, "problem": one.problem} for one in found.failed
    ]
    choice = ChoiceRecord(
        **choose(summaries, params, t=t, outcomes=outcomes, failed=failed, notes=notes),
        matrix=matrix,
        references=[dict(row) for row in given.references if not (stands_in and row["model"] == BASELINE)],
        inputs=ChoiceInputs(
            runs_dir=runs_dir.as_posix(),
            **study.lists.model_dump(),
            choices=None if study.choices is None else list(study.choices),
            partial=partial,
            device=usual_device(done),
            keys={one.candidate.title: one.training.key for one in done},
        ),
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    # DVC may have hard-linked them to its cache: writing into one would change the cached copy.
    for name in (*REPORTS, *TELLING, failures.FILE):
        (out_dir / name).unlink(missing_ok=True)
    shutil.rmtree(out_dir / FOLDER, ignore_errors=True)
    table.to_csv(out_dir / "leaderboard.csv", index=False)
    learning_curves(done).to_csv(out_dir / "learning_curves.csv", index=False, float_format="%.6g")
    choice.write(out_dir / "choice.json")
    slices.to_csv(out_dir / "slices.csv", index=False, float_format="%.6g")
    write_json(out_dir / "metrics.json", flat_metrics(choice, summaries))
    audit_dir = given.audit_file.parent if given.audit_file else None
    split_dir = given.split_file.parent if given.split_file else None
    later: dict[str, Any] = {"recounted": recounted, "slices": slices, "examination_dir": given.examination_dir}
    later |= {"split": split, "audit_dir": audit_dir, "split_dir": split_dir}
    facts = Facts(done, summaries, choice, audit, given.params, **later)
    _tell(facts, params, out_dir, t)
    fill_gaps(out_dir, TELLING, language=given.language)
    failures.write_failures(out_dir, failures.read_failures(out_dir))  # an output of DVC's, which must exist
    return choice


def _tell(facts: Facts, params: CompareParams, out_dir: Path, t: Translator) -> None:
    """Write TELLING and the pages of the classes, each of which may fail."""
    with failures.drawing(out_dir / "pareto.png", out_dir) as path:
        draw_pareto(facts.summaries, path, plane=Plane.of(params.pareto, facts.choice.exclusions), t=t)
    with failures.drawing(out_dir / "differences.png", out_dir) as path:
        draw_differences(facts.summaries, facts.choice, path, t=t)
    with failures.drawing(out_dir / "index.html", out_dir) as path:
        write_report(facts, path)
    with failures.surviving(FOLDER, out_dir):
        write_explanations(facts, out_dir / FOLDER)
    with failures.drawing(out_dir / "model_card.md", out_dir) as path:
        write_model_card(path, facts)


def find_failures(found: Collected, failures_dir: Path | None) -> tuple[list[str], list[str]]:
    """Return what could not be drawn of the candidates, by name, and whose runs MLflow or TensorBoard did not get."""
    drawn = [
        f"{one.folder.parent.name}/{one.folder.name}/{stage}/{failure.what} ({failure.error})"
        for one in (*found.done, *found.failed)
        for stage in ("training", "evaluation", "interpretation", "faithfulness")
        for failure in failures.read_failures(one.folder / stage)
    ]
    keys = {one.candidate.title: one.training.key for one in found.done}
    return drawn, [name for name, key in keys.items() if failures_dir and failures.read_failures(failures_dir / key)]
