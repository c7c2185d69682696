"""`.venv-torch/bin/python stages/split.py --catalogue data/catalogue --out data/splits`: about 3 s.

Puts every product into train, validation or test, once for all candidates: stratified, groups kept whole; by default
80/10/10 %, or the source's official split. Then repairs products and photos where
that is switched on: 20 ms for each photo that needs it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.catalogue.params import RepairParams, SplitParams
from bakeoff.catalogue.split_folder import write_split
from bakeoff.core.errors import exit_cleanly
from bakeoff.core.section import load_section


def main() -> None:
    """Read the flags and split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--catalogue", type=Path, required=True, help="the folder that prepare wrote")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    parser.add_argument("--previous", type=Path, help="an earlier such folder whose products keep their split")
    args = parser.parse_args()
    with exit_cleanly():
        params, repair = load_section(args.params, SplitParams), load_section(args.params, RepairParams)
        split = write_split(args.catalogue, params, args.out, repair=repair, previous=args.previous)
        print(", ".join(f"{name} {n}" for name, n in split["split"].value_counts().items()))


if __name__ == "__main__":
    main()
