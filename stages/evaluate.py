"""How good one trained candidate is: metrics with intervals, calibration, confusions, from its predictions alone.

Command: python stages/evaluate.py --training runs/mamba_t-frozen/seed_0/training --catalogue data/catalogue \
    --splits data/splits/splits.parquet --out runs/mamba_t-frozen/seed_0/evaluation
Expected: 5 s, whatever the candidate. Result: metrics.json; on the stamps a frozen tf_efficientnet_lite0 has about 0.86
test accuracy.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.section import load_section
from bakeoff.data.table import load_catalogue
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.evaluation.run import evaluate_candidate
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.params import TrackingParams


def main() -> None:
    """Judge the candidate and mirror the result to MLflow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("training", "catalogue", "splits", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    args = parser.parse_args()
    with exit_cleanly():
        params = load_section(args.params, EvaluateParams)
        catalogue = load_catalogue(args.catalogue, args.splits, reads=None)
        evaluate_candidate(args.training, catalogue, args.out, params=params)
        replay(args.out.parent, params=load_section(args.params, TrackingParams))


if __name__ == "__main__":
    main()
