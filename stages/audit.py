"""`.venv-torch/bin/python stages/audit.py --catalogue data/catalogue --out data/audit`: about 3 s.

Counts and pictures of what `prepare` accepted and rejected, and what may be wrong with it. No trainer depends on it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.catalogue.audit import audit, list_findings
from bakeoff.core.errors import exit_cleanly


def main() -> None:
    """Read the flags and audit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalogue", type=Path, required=True, help="the folder that prepare wrote")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    args = parser.parse_args()
    with exit_cleanly():
        record = audit(args.catalogue, args.out)
        print(f"{record.n_accepted} products of {len(record.per_class)} classes in {record.n_groups} groups")
        print(list_findings(record))


if __name__ == "__main__":
    main()
