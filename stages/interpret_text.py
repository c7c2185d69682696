"""Which words decide for one text candidate: the top terms of each class, and the words of right and wrong test texts.

Command: python stages/interpret_text.py --training runs/minilm-original/seed_0/training --catalogue data/catalogue \
    --splits data/splits/splits.parquet --out runs/minilm-original/seed_0/interpretation
Expected: on two CPU cores 5 s, and of an encoder half a second more for each product of a few words (50 steps).
Result: texts.json; nothing is trained.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import load_section
from bakeoff.data.table import load_catalogue
from bakeoff.interpret.params import InterpretTextParams
from bakeoff.interpret.run import read_candidate
from bakeoff.interpret.texts import interpret_texts
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
        params, compute = load_section(args.params, InterpretTextParams), load_section(args.params, ComputeParams)
        candidate = read_candidate(args.training, load_catalogue(args.catalogue, args.splits, reads="text"))
        interpret_texts(candidate, args.catalogue, args.out, params=params, compute=compute)
        replay(args.out.parent, params=load_section(args.params, TrackingParams))


if __name__ == "__main__":
    main()
