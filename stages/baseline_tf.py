"""Train the TensorFlow baseline, or take over an earlier project's model.

    .venv-tf/bin/python stages/baseline_tf.py --catalogue data/catalogue --splits data/splits/splits.parquet \
        --weights weights/baseline_tf --seed 0 --out runs/baseline_tf/seed_0/training

Expected: about a minute for 422 photos in frozen mode on two CPU cores; accuracy near 0.8 from EfficientNet-Lite0's
weights, the majority's share from random ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.baseline_tf.train import prepare_run, train_baseline
from bakeoff.core.errors import exit_cleanly
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import load_section
from bakeoff.data.table import load_catalogue
from bakeoff.learning.params import BaselineParams
from bakeoff.tracking.live import live_run
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.params import TrackingParams


def main() -> None:
    """Read flags and params, train, and mirror the result in MLflow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--catalogue", type=Path, required=True)
    parser.add_argument("--splits", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with exit_cleanly():
        tracking = load_section(args.params, TrackingParams)
        run = prepare_run(
            load_section(args.params, BaselineParams),
            catalogue=load_catalogue(args.catalogue, args.splits),
            weights_dir=args.weights,
            seed=args.seed,
            compute=load_section(args.params, ComputeParams),
        )
        with live_run(run.header, tracking) as live:
            train_baseline(run, args.out, on_epoch=live.log_epoch)
        replay(args.out.parent, params=tracking)


if __name__ == "__main__":
    main()
