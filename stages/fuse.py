"""Make two trained candidates answer as one.

    python stages/fuse.py --pair tf_efficientnet_lite0-frozen+tfidf_svm-original-stacking_logistic --seed 0 \
        --catalogue data/catalogue --splits data/splits/splits.parquet --runs runs

Expected: seconds; no framework is loaded, but for the features of an early method. Rough result: stacked, a frozen
EfficientNet-Lite0 (0.85) and TF-IDF (0.65) have about 0.9 test accuracy on the stamps.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import load_section
from bakeoff.data.table import load_catalogue
from bakeoff.fusion.params import FuseParams
from bakeoff.fusion.run import fuse
from bakeoff.records.candidate import Candidate
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.params import TrackingParams


def main() -> None:
    """Read flags and params, fuse, and mirror the result in MLflow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    for name in ("catalogue", "splits", "runs"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--pair", required=True, help="<candidate>+<candidate>-<method>")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with exit_cleanly():
        pair, catalogue = Candidate(args.pair, args.seed), load_catalogue(args.catalogue, args.splits, reads=None)
        params, compute = load_section(args.params, FuseParams), load_section(args.params, ComputeParams)
        fuse(pair, catalogue, args.runs, params=params, compute=compute)
        replay(pair.folder(args.runs), params=load_section(args.params, TrackingParams))


if __name__ == "__main__":
    main()
