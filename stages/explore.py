"""`.venv-torch/bin/python stages/explore.py`: about 5 s; 100,000 products 2 min.

Describes the catalogue: class balance by any column, identity, sizes, colour, texts, t-SNE. No trainer depends on it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.section import read_yaml
from bakeoff.explore.page import write_exploration
from bakeoff.explore.run import explore


def main() -> None:
    """Read the flags and the language, explore and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, place, told in (
        ("params", "params.yaml", "for the language"),
        ("catalogue", "data/catalogue", "the folder that prepare wrote"),
        ("audit", "data/audit/audit.json", "its languages are shown"),
        ("splits", "data/splits/splits.parquet", "which product is where"),
        ("map", "data/examination/products.parquet", "places of products by their features, where it exists"),
        ("out", "data/explore", "the folder to write"),
        ("page", "reports/explore.html", "the page to write"),
    ):
        parser.add_argument(f"--{name}", type=Path, default=Path(place), help=told)
    args = parser.parse_args()
    with exit_cleanly():
        language: Any = read_yaml(args.params).get("language")
        record, products = explore(args.catalogue, args.audit, args.splits, args.map)
        record.write(args.out / "explore.json")
        write_exploration(record, products, args.page, language=language, failures_dir=args.out)
        print(f"{record.n_products} products explored: {args.page}")


if __name__ == "__main__":
    main()
