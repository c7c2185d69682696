"""Why one trained candidate decides as it does: importance of R, G and B, heat maps of right and wrong test photos.

Command: python stages/interpret.py --framework torch --training runs/mamba_t-frozen/seed_0/training \
    --evaluation runs/mamba_t-frozen/seed_0/evaluation --catalogue data/catalogue \
    --splits data/splits/splits.parquet --out runs/mamba_t-frozen/seed_0/interpretation
Expected: `quick` on two CPU cores 10 s (MobileNetV2) to 70 s (MambaVision-B): 3 x 42 forward passes of shuffled photos,
12 gradients and 50 forward passes for each of 2 photos. Result: channels.json, attributions.json and their figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import load_section
from bakeoff.data.predictions import read_predictions
from bakeoff.data.table import load_catalogue
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.run import Subject, interpret_candidate, prepare_explainer
from bakeoff.predictors.loading import load_predictor
from bakeoff.records.files import read_training
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.params import TrackingParams


def parse_args() -> argparse.Namespace:
    """Return the paths that dvc.yaml gives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--framework", choices=("torch", "tf"), required=True)
    for name in ("training", "evaluation", "catalogue", "splits", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    return parser.parse_args()


def main() -> None:
    """Explain the candidate and mirror the result to MLflow."""
    args = parse_args()
    with exit_cleanly():
        params = load_section(args.params, InterpretParams)
        compute = load_section(args.params, ComputeParams)
        tracking = load_section(args.params, TrackingParams)
        training = read_training(args.training)
        catalogue = load_catalogue(args.catalogue, args.splits)
        predictions = read_predictions(args.evaluation / "predictions.parquet", catalogue=catalogue)
        predictor = load_predictor(args.framework, args.training, catalogue, batch_size=32, device=compute.device)
        explainer = prepare_explainer(args.framework, predictor, params=params, threads=compute.threads)
        subject = Subject(predictor, catalogue, predictions, training)
        interpret_candidate(subject, explainer, args.out, params=params)
        replay(args.out.parent, params=tracking)


if __name__ == "__main__":
    main()
