"""Rank the candidates, test them against each other, choose one and write the report.

python stages/compare.py --runs runs --speed measurements/throughput.json --out reports [--partial]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.paths import project_root, state_dir
from bakeoff.core.section import load_section, load_top, read_yaml
from bakeoff.decision.params import CompareParams
from bakeoff.decision.references import references
from bakeoff.decision.study import Study
from bakeoff.records.study import StudyLists
from bakeoff.report.run import ReportInputs, compare
from bakeoff.study.composition import choices_made
from bakeoff.tracking.comparison import log_comparison
from bakeoff.tracking.params import TrackingParams


def main() -> None:
    """Read the flags and params, compare, and mirror the reports to MLflow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--out", type=Path, default=Path("reports"))
    parser.add_argument("--speed", type=Path, default=Path("measurements/throughput.json"), help="of every network")
    parser.add_argument("--audit", type=Path, default=Path("data/audit/audit.json"), help="shown where it exists")
    parser.add_argument(
        "--products", type=Path, default=Path("data/catalogue/products.parquet"), help="which of them show one photo"
    )
    parser.add_argument("--partial", action="store_true", help="list missing candidates as failed")
    parser.add_argument("--failed", nargs="*", default=[], help="candidates whose older results must not count")
    args = parser.parse_args()
    with exit_cleanly():
        params = read_yaml(args.params)
        choices = choices_made(project_root(), params)
        compare(
            args.runs,
            args.out,
            study=Study(
                load_top(args.params, StudyLists),
                unfinished=frozenset(args.failed),
                choices=None if choices is None else tuple(choices),
            ),
            params=load_section(args.params, CompareParams),
            partial=args.partial,
            inputs=ReportInputs(
                language=params["language"],
                audit_file=args.audit,
                products_file=args.products,
                params=params,
                speed_file=args.speed,
                references=references(params),
                failures_dir=state_dir("failures"),
            ),
        )
        log_comparison(args.out, args.runs, load_section(args.params, TrackingParams))


if __name__ == "__main__":
    main()
