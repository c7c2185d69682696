"""`.venv-torch/bin/python stages/fetch.py --out data/source.json`: about 1 minute for the stamps (161 MB), 1 s after.

Gets what the data set's source can get and lists the raw files (796 pictures of 16 folders for the stamps).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.catalogue.fetch import fetch
from bakeoff.catalogue.params import DatasetParams
from bakeoff.core.errors import exit_cleanly
from bakeoff.core.paths import main_checkout
from bakeoff.core.section import load_section


def main() -> None:
    """Read the flags and fetch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--out", type=Path, required=True, help="source.json")
    args = parser.parse_args()
    with exit_cleanly():
        record = fetch(load_section(args.params, DatasetParams), main_checkout(), args.out)
        print(f"{record.name}: {len(record.files)} raw files in {record.root}")


if __name__ == "__main__":
    main()
