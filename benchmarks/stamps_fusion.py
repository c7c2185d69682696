"""What do texts and pairs add on the stamps? Photo, names and their stacked pair over twenty splits.

    PYTHONPATH=src .venv-torch/bin/python benchmarks/stamps_fusion.py [--text minilm] [--method stacking_logistic]

Frozen tf_efficientnet_lite0 on the photos, a text model on the names, and both as one, trained as the pipeline does on
each of twenty splits; the same five folds of train for the answers that the stacker learns from. Needs a finished
`prepare` of the stamps, data/candidates with the text model and weights/tf_efficientnet_lite0 (`dvc repro`). Five
minutes. `gain` is the pair less the better side of each split, its mean and 95 % interval (Student's t over splits,
which share products: a little too narrow).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

from scipy.stats import t

from bakeoff.catalogue.split_folder import write_split
from bakeoff.core.modes import parse_mode
from bakeoff.data.predictions import read_predictions
from bakeoff.data.table import load_catalogue
from bakeoff.fusion.run import fuse
from bakeoff.records.candidate import Candidate
from bakeoff.records.settings import CandidateSettings
from bakeoff.records.text import TextSettings
from bakeoff.study.params import load_params
from bakeoff.text.train import plan_text_training, train_text
from bakeoff.training.plan import TrainingRequest, plan_training
from bakeoff.training.run import train_candidate

PHOTOS = Candidate("tf_efficientnet_lite0-frozen")
DATA, N_SPLITS = Path("data"), 20


def accuracies(split_seed: int, texts: Candidate, pair: Candidate) -> list[float]:
    """Train the photos' candidate, the texts' and the pair on one split; return their test accuracies."""
    params = load_params(Path("params.yaml"))
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        split = params.split.model_copy(update={"seed": split_seed})
        write_split(DATA / "catalogue", split, Path(folder) / "splits")
        catalogue = load_catalogue(DATA / "catalogue", Path(folder) / "splits" / "splits.parquet")
        settings = CandidateSettings.read(DATA / "candidates" / f"{PHOTOS.model}.json")
        recipe = params.training.recipe("frozen", params.own_training(PHOTOS.model))
        request = TrainingRequest(settings, parse_mode("frozen"), 0, recipe, params.compute, params.scan)
        photos = plan_training(request, catalogue, weights_dir=Path("weights") / PHOTOS.model)
        train_candidate(photos, PHOTOS.folder(runs) / "training")
        words = TextSettings.read(DATA / "candidates" / f"{texts.model}.json")
        places = {"catalogue_dir": DATA / "catalogue", "weights_dir": Path("weights") / texts.model}
        plan = plan_text_training(words, texts, catalogue, compute=params.compute, **places)
        train_text(plan, texts.folder(runs) / "training")
        fuse(pair, catalogue, runs, params=params.fuse, compute=params.compute)
        found = []
        for one in (PHOTOS, texts, pair):
            label_ids, answers = read_predictions(one.folder(runs) / "training" / "predictions.parquet").split("test")
            found.append(float((answers.argmax(axis=1) == label_ids).mean()))
        return found


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path(), help="a folder with params.yaml, data/ and weights/")
    parser.add_argument("--text", default="minilm")
    parser.add_argument("--method", default="stacking_logistic")
    args = parser.parse_args()
    os.chdir(args.study)
    texts = Candidate.of(args.text, "original")
    pair = Candidate.of(f"{PHOTOS.name}+{texts.name}", args.method)
    rows = [accuracies(seed, texts, pair) for seed in range(N_SPLITS)]
    photo, text, both = (statistics.mean(column) for column in zip(*rows, strict=True))
    gains = [one[2] - max(one[:2]) for one in rows]
    half = float(t.ppf(0.975, N_SPLITS - 1)) * statistics.stdev(gains) / N_SPLITS**0.5
    gain = statistics.mean(gains)
    figures = {"photos": photo, "texts": text, "pair": both, "gain": gain, "low": gain - half, "high": gain + half}
    print(json.dumps({name: round(value, 4) for name, value in figures.items()} | {"splits": rows}))


if __name__ == "__main__":
    main()
