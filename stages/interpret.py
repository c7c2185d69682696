"""Why one trained candidate decides as it does: parts of photos, corruptions, heat maps of right and wrong test photos.

Command: python stages/interpret.py --training runs/mamba_t-frozen/seed_0/training --catalogue data/catalogue \
    --splits data/splits/splits.parquet --out runs/mamba_t-frozen/seed_0/interpretation
Expected: `quick` on two CPU cores 14 s (MobileNetV2) to 60 s (MambaVision-B): 3 x 42 forward passes of shuffled photos,
12 gradients and 50 forward passes for each of 3 photos. Result: interpretation.json, parts.json,
robustness.json, overview.json, raw maps and figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import load_section
from bakeoff.data.table import load_catalogue
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.run import interpret_candidate, read_candidate
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.params import TrackingParams


def main() -> None:
    """Explain the candidate and mirror the result to MLflow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("training", "catalogue", "splits", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    args = parser.parse_args()
    with exit_cleanly():
        params, compute = load_section(args.params, InterpretParams), load_section(args.params, ComputeParams)
        catalogue = load_catalogue(args.catalogue, args.splits)
        candidate = read_candidate(args.training, catalogue)
        interpret_candidate(candidate, args.out, params=params, compute=compute)
        replay(args.out.parent, params=load_section(args.params, TrackingParams))


if __name__ == "__main__":
    main()
