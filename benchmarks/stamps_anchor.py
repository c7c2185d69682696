"""Does the whole chain still learn? Frozen tf_efficientnet_lite0 on the stamps: mean accuracy over ten split seeds.

An independent pipeline (features + logistic regression) measured 0.857; ours must lie within 0.03. Needs a finished
`prepare` of the stamps, data/candidates and weights/tf_efficientnet_lite0 (`dvc repro`). Two minutes, of which one for
the features. `--full` also trains with three seeds per split.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from bakeoff.catalogue.split_folder import write_split
from bakeoff.core.modes import parse_mode
from bakeoff.data.predictions import read_predictions
from bakeoff.data.table import load_catalogue
from bakeoff.records.settings import CandidateSettings
from bakeoff.study.params import load_params
from bakeoff.training.plan import TrainingRequest, plan_training
from bakeoff.training.run import train_candidate

MODEL = "tf_efficientnet_lite0"
ANCHOR, TOLERANCE = 0.857, 0.03


def test_accuracy(split_seed: int, seed: int) -> float:
    """Train the frozen candidate on one split, as the pipeline does, and return its test accuracy."""
    params = load_params(Path("params.yaml"))
    settings = CandidateSettings.read(Path("data/candidates") / f"{MODEL}.json")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        split = params.split.model_copy(update={"seed": split_seed})
        write_split(Path("data/catalogue"), split, out / "splits")
        catalogue = load_catalogue(Path("data/catalogue"), out / "splits" / "splits.parquet")
        recipe = params.training.recipe("frozen", params.own_training(MODEL))
        request = TrainingRequest(settings, parse_mode("frozen"), seed, recipe, params.compute, params.scan)
        train_candidate(plan_training(request, catalogue, weights_dir=Path("weights") / MODEL), out / "training")
        label_ids, found = read_predictions(out / "training" / "predictions.parquet").split("test")
        return float((found.argmax(axis=1) == label_ids).mean())


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="three training seeds per split instead of one")
    args = parser.parse_args()
    seeds = range(3 if args.full else 1)
    accuracies = [test_accuracy(split_seed, seed) for split_seed in range(10) for seed in seeds]
    mean = statistics.mean(accuracies)
    figures = {
        "mean_test_accuracy": round(mean, 4),
        "standard_error": round(statistics.stdev(accuracies) / len(accuracies) ** 0.5, 4),
        "distance_to_anchor": round(abs(mean - ANCHOR), 4),
        "accuracies": [round(value, 3) for value in accuracies],
    }
    print(json.dumps({"benchmark": "stamps_anchor", "figures": figures, "bars": {"distance_to_anchor": TOLERANCE}}))


if __name__ == "__main__":
    main()
