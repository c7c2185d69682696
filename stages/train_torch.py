"""Train one candidate in one mode: the head alone (frozen) or every weight (finetune).

    python stages/train_torch.py --candidate data/candidates/swin_t.json --recipe data/recipes/swin_t-frozen.json \
        --mode frozen --seed 0 --catalogue data/catalogue --splits data/splits/splits.parquet --weights weights/swin_t \
        --out runs/swin_t-frozen/seed_0/training

Expected with the quick profile on 422 photos and two CPU cores: half a minute to five minutes, most of it the backbone.
Rough result: tf_efficientnet_lite0-frozen near 0.86 test accuracy; random starts near the majority class's 0.35.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.machine import ComputeParams, ScanParams
from bakeoff.core.modes import parse_mode
from bakeoff.core.section import load_section
from bakeoff.data.table import load_catalogue
from bakeoff.learning.recipe import RecipeRecord
from bakeoff.records.settings import CandidateSettings
from bakeoff.tracking.live import live_run
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.params import TrackingParams
from bakeoff.training.parallel import training_processes
from bakeoff.training.plan import TrainingRequest, plan_training
from bakeoff.training.run import help_training, train_candidate


def main() -> None:
    """Read flags and params, train, and mirror the result in MLflow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--candidate", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--mode", type=parse_mode, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--catalogue", type=Path, default=Path("data/catalogue"))
    parser.add_argument("--splits", type=Path, default=Path("data/splits/splits.parquet"))
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with exit_cleanly():
        tracking = load_section(args.params, TrackingParams)
        settings, recipe = CandidateSettings.read(args.candidate), RecipeRecord.read(args.recipe).recipe
        compute, scan = load_section(args.params, ComputeParams), load_section(args.params, ScanParams)
        request = TrainingRequest(settings, args.mode, args.seed, recipe, compute, scan)
        with training_processes(compute, alone=request.uses_features) as is_first:
            plan = plan_training(request, load_catalogue(args.catalogue, args.splits), weights_dir=args.weights)
            if not is_first:
                help_training(plan)
                return
            with live_run(plan.header, tracking) as live:
                train_candidate(plan, args.out, on_epoch=live.log_epoch)
        replay(args.out.parent, params=tracking)


if __name__ == "__main__":
    main()
