"""Write the full settings of every backbone in the study, one file each, and tidy runs/ of other studies.

Command: python stages/candidates.py --out data/candidates --runs runs
Expected: 10 s, most of it importing timm. Result: data/candidates/<model>.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from bakeoff.backbones.candidates import CandidateRequest, candidates_table, write_candidates
from bakeoff.core.errors import exit_cleanly
from bakeoff.study.params import load_params


def main() -> None:
    """Read the flags and the study, write the files, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    args = parser.parse_args()
    with exit_cleanly():
        params = load_params(args.params)
        request = CandidateRequest(
            params.models, params.modes, params.seeds, params.backbones, params.backbone_defaults
        )
        Console().print(candidates_table(write_candidates(request, args.out, args.runs)))


if __name__ == "__main__":
    main()
