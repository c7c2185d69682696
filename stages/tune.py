"""Search for a better recipe of one candidate, by validation alone.

    python stages/tune.py --candidate tf_efficientnet_lite0-frozen

Expected: 100 trials of a frozen head on 422 photos and two CPU cores, three minutes; of fine-tuning, as many trainings.
Result: tuning.json, trials.csv, tuned.yaml (a file for conf/model/) and figures/tuning.png.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.paths import project_root
from bakeoff.core.section import load_section
from bakeoff.tracking.experiments import log_tuning
from bakeoff.tracking.params import TrackingParams
from bakeoff.tuning.command import tune_candidate
from bakeoff.tuning.params import TuneParams


def main() -> None:
    """Read the flags, search, and mirror the trials in MLflow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--candidate", required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with exit_cleanly():
        root = project_root()
        record = tune_candidate(
            root,
            args.candidate,
            load_section(args.params, TuneParams),
            compute=load_section(args.params, ComputeParams),
            scan=load_section(args.params, ScanParams),
            seed=args.seed,
        )
        log_tuning(record, root / "tuning" / args.candidate, load_section(args.params, TrackingParams))


if __name__ == "__main__":
    main()
