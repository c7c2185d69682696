"""How good and how fast one trained candidate is: predictions, metrics, confusion, throughput.

Command: python stages/evaluate.py --framework torch --training runs/mamba_t-frozen/seed_0/training \
    --catalogue data/catalogue --splits data/splits/splits.parquet --out runs/mamba_t-frozen/seed_0/evaluation
Expected: one forward pass over the catalogue plus throughput.budget_s; `quick` on two CPU cores 25 s (MobileNetV2) to
100 s (MambaVision-B). Result: metrics.json; on the stamps a frozen tf_efficientnet_lite0 has about 0.86 test accuracy.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import load_section
from bakeoff.data.table import load_catalogue
from bakeoff.evaluation.params import EvaluateParams
from bakeoff.evaluation.run import EvaluationSettings, evaluate_candidate
from bakeoff.predictors.loading import load_predictor
from bakeoff.records.files import read_training
from bakeoff.speed.params import ThroughputParams
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.params import TrackingParams


def parse_args() -> argparse.Namespace:
    """Return the paths that dvc.yaml gives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--framework", choices=("torch", "tf"), required=True)
    parser.add_argument("--training", type=Path, required=True)
    parser.add_argument("--catalogue", type=Path, required=True)
    parser.add_argument("--splits", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    return parser.parse_args()


def main() -> None:
    """Judge the candidate and mirror the result to MLflow."""
    args = parse_args()
    with exit_cleanly():
        settings = EvaluationSettings(
            evaluate=load_section(args.params, EvaluateParams),
            throughput=load_section(args.params, ThroughputParams),
            compute=load_section(args.params, ComputeParams),
        )
        tracking = load_section(args.params, TrackingParams)
        training = read_training(args.training)
        catalogue = load_catalogue(args.catalogue, args.splits)
        loading = {"batch_size": settings.evaluate.batch_size, "device": settings.compute.device}
        predictor = load_predictor(args.framework, args.training, catalogue, **loading)
        evaluate_candidate(predictor, catalogue, args.out, training=training, settings=settings)
        replay(args.out.parent, params=tracking)


if __name__ == "__main__":
    main()
