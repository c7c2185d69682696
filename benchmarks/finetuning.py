"""Does fine-tuning pay? Accuracy of a mode minus the frozen candidate's, paired over splits of the demo; CPU seconds.

    PYTHONPATH=src .venv-torch/bin/python benchmarks/finetuning.py [--profile tuned] [--mode partial_2] [--splits N]

tf_efficientnet_lite0 on the stamps, trained as the profile says on one thread; accuracy is on validation and test
products together. CPU seconds are without features, which the frozen candidate has left. Needs a
finished `dvc repro candidates split weights@tf_efficientnet_lite0`. One split by default (two minutes with `quick`);
`--full` is ten.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bakeoff.catalogue.split_folder import write_split
from bakeoff.core.modes import parse_mode
from bakeoff.core.section import validate_section
from bakeoff.data.predictions import read_predictions
from bakeoff.data.table import load_catalogue
from bakeoff.records.settings import CandidateSettings
from bakeoff.study.composition import compose
from bakeoff.study.params import Params
from bakeoff.training.plan import TrainingRequest, plan_training
from bakeoff.training.run import train_candidate

MODEL = "tf_efficientnet_lite0"


def trained(params: Params, mode: str, split_seed: int) -> tuple[float, float]:
    """Return a candidate's accuracy on validation and test products, and the CPU seconds of its training."""
    settings = CandidateSettings.read(Path("data/candidates") / f"{MODEL}.json")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        write_split(Path("data/catalogue"), params.split.model_copy(update={"seed": split_seed}), out / "splits")
        catalogue = load_catalogue(Path("data/catalogue"), out / "splits" / "splits.parquet")
        recipe = params.training.recipe(parse_mode(mode).family, params.own_training(MODEL))
        compute = params.compute.model_copy(update={"threads": 1})
        request = TrainingRequest(settings, parse_mode(mode), 0, recipe, compute, params.scan)
        started = time.process_time()
        train_candidate(plan_training(request, catalogue, weights_dir=Path("weights") / MODEL), out / "training")
        seconds = time.process_time() - started
        predictions = read_predictions(out / "training" / "predictions.parquet")
        hits = [scores.argmax(axis=1) == ids for ids, scores in map(predictions.split, ("validation", "test"))]
        return float(np.concatenate(hits).mean()), seconds


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--mode", default="finetune")
    parser.add_argument("--splits", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="seed of the first split")
    parser.add_argument("--full", action="store_true", help="ten splits")
    args = parser.parse_args()
    params = validate_section(Params, compose(Path(), [f"profile={args.profile}"]), where="conf/")
    found = []
    for seed in range(args.first, args.first + (10 if args.full else args.splits)):
        found.append((*trained(params, "frozen", seed), *trained(params, args.mode, seed)))
        frozen, _, other, seconds = found[-1]
        sys.stderr.write(f"split {seed}: frozen {frozen:.3f}, {args.mode} {other:.3f}, {seconds:.0f} CPU s\n")
    frozen, _, other, seconds = np.array(found).T
    gains = other - frozen
    error = float(gains.std(ddof=1) / len(gains) ** 0.5) if len(gains) > 1 else None
    figures = {
        "gain": round(float(gains.mean()), 4),
        "standard_error": error and round(error, 4),
        "frozen": round(float(frozen.mean()), 4),
        "cpu_s": round(float(np.median(seconds))),
        "gains": gains.round(3).tolist(),
    }
    bars = {"quick": {"gain": 0, "cpu_s": 60}, "tuned": {"gain": 0.02, "cpu_s": 500}}
    bars = bars.get(args.profile, {}) if args.mode == "finetune" else {}
    told = {"benchmark": "finetuning", "profile": args.profile, "mode": args.mode}
    print(json.dumps(told | {"figures": figures, "bars": bars}))


if __name__ == "__main__":
    main()
