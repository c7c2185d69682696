"""How fast every network of the study is: all of them in one session, taking turns. Speed has no weights, mode or seed.

Command: python stages/throughput.py --out measurements/throughput.json, in the project's folder
Expected: throughput.budget_s per network and a few seconds to load each; `quick`, 8 networks, two CPU cores: 3 min.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.speed.command import measure_study


def main() -> None:
    """Measure; `compare` puts the figures into the candidates' MLflow runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with exit_cleanly():
        measure_study(Path.cwd(), args.out)


if __name__ == "__main__":
    main()
