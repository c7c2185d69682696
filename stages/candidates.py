"""Write the full settings of every backbone in the study, one file each, and tidy runs/ of other studies.

Command: python stages/candidates.py --out data/candidates --runs runs
Expected: 10 s, most of it importing timm. Result: data/candidates/<model>.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.backbones.candidates import candidates_table, write_candidates
from bakeoff.backbones.params import StudyBackbones
from bakeoff.core.errors import exit_cleanly
from bakeoff.core.progress import screen
from bakeoff.core.section import load_top


def main() -> None:
    """Read the flags and the study, write the files, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    args = parser.parse_args()
    with exit_cleanly():
        study = load_top(args.params, StudyBackbones)
        screen().print(candidates_table(write_candidates(study, args.out, args.runs)))


if __name__ == "__main__":
    main()
