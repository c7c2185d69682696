"""How far one trained candidate's heat maps can be believed, method by method, on a few test photos.

Command: python stages/faithfulness.py --training runs/swin_t-frozen/seed_0/training --catalogue data/catalogue \
    --splits data/splits/splits.parquet --out runs/swin_t-frozen/seed_0/faithfulness
Expected: on two CPU cores some 10,000 forward passes for three methods and `quick`'s 24 photos, 5 minutes
(EfficientNet-Lite0) to an hour (MambaVision-B). Result: faithfulness.json and figures/faithfulness.png.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import load_section
from bakeoff.data.table import load_catalogue
from bakeoff.faithfulness.params import FaithfulnessParams
from bakeoff.faithfulness.run import measure_faithfulness
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.run import read_candidate
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.params import TrackingParams


def main() -> None:
    """Measure the candidate's methods and mirror the result to MLflow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("training", "catalogue", "splits", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    args = parser.parse_args()
    with exit_cleanly():
        params, interpret = load_section(args.params, FaithfulnessParams), load_section(args.params, InterpretParams)
        compute = load_section(args.params, ComputeParams)
        candidate = read_candidate(args.training, load_catalogue(args.catalogue, args.splits))
        measure_faithfulness(candidate, args.out, params=params, interpret=interpret, compute=compute)
        replay(args.out.parent, params=load_section(args.params, TrackingParams))


if __name__ == "__main__":
    main()
