"""Train one text candidate on the products' titles and descriptions.

    python stages/train_text.py --candidate data/candidates/tfidf_svm.json --variant original --seed 0 \
        --catalogue data/catalogue --splits data/splits/splits.parquet \
        --weights weights/tfidf_svm --out runs/tfidf_svm-original/seed_0/training

Expected: seconds for 422 products, a minute for 85,000 and what encoders take to embed each text, once. Rough result:
TF-IDF and a linear SVM have 0.63 to 0.67 test accuracy on the stamps' names, frozen MiniLM 0.82.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.core.machine import ComputeParams
from bakeoff.core.section import load_section
from bakeoff.data.table import load_catalogue
from bakeoff.records.candidate import Candidate
from bakeoff.records.text import TextSettings
from bakeoff.text.train import plan_text_training, train_text
from bakeoff.tracking.mirror import replay
from bakeoff.tracking.params import TrackingParams


def main() -> None:
    """Read flags and params, train, and mirror the result in MLflow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    for name in ("candidate", "catalogue", "splits", "weights", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--variant", choices=("original", "translated"), required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with exit_cleanly():
        settings, compute = TextSettings.read(args.candidate), load_section(args.params, ComputeParams)
        catalogue = load_catalogue(args.catalogue, args.splits, reads="text")
        candidate = Candidate.of(settings.model, args.variant, args.seed)
        places = {"catalogue_dir": args.catalogue, "weights_dir": args.weights}
        plan = plan_text_training(settings, candidate, catalogue, compute=compute, **places)
        train_text(plan, args.out)
        replay(args.out.parent, params=load_section(args.params, TrackingParams))


if __name__ == "__main__":
    main()
