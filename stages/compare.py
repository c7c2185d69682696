"""Rank the candidates, test them against each other, choose one and write the report.

python stages/compare.py --runs runs --speed measurements/throughput.json --out reports [--partial]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.paths import project_root, state_dir
from bakeoff.core.section import load_section, load_top, read_yaml
from bakeoff.decision.collect import Study
from bakeoff.decision.params import CompareParams
from bakeoff.decision.references import references
from bakeoff.records.study import StudyLists
from bakeoff.report.run import ReportInputs, compare
from bakeoff.study.composition import choices_made
from bakeoff.tracking.experiments import log_comparison
from bakeoff.tracking.params import TrackingParams


def main() -> None:
    """Read the flags and params, compare, and mirror the reports to MLflow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, place, told in (
        ("params", "params.yaml", None),
        ("runs", "runs", None),
        ("out", "reports", None),
        ("speed", "measurements/throughput.json", "of every network"),
        ("audit", "data/audit/audit.json", "shown where it exists"),
        ("products", "data/catalogue/products.parquet", "with measures.parquet beside it"),
        ("split", "data/splits/split.json", "how they were divided"),
        ("examination", "data/examination", "which labels are probably wrong"),
    ):
        parser.add_argument(f"--{name}", type=Path, default=Path(place), help=told)
    parser.add_argument("--partial", action="store_true", help="list missing candidates as failed")
    parser.add_argument("--failed", nargs="*", default=[], help="candidates whose older results must not count")
    args = parser.parse_args()
    with exit_cleanly():
        params = read_yaml(args.params)
        lists, choices = load_top(args.params, StudyLists), choices_made(project_root(), params)
        files = args.audit, args.speed, references(params), args.products, args.split, args.examination
        compare(
            args.runs,
            args.out,
            study=Study(lists, frozenset(args.failed), choices),
            params=load_section(args.params, CompareParams),
            partial=args.partial,
            inputs=ReportInputs(params["language"], *files, params, state_dir("failures")),
        )
        log_comparison(args.out, args.runs, load_section(args.params, TrackingParams))


if __name__ == "__main__":
    main()
