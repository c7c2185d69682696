"""How long does late fusion take? Every method on two candidates' generated answers, learnt and applied.

    PYTHONPATH=src .venv-torch/bin/python benchmarks/fusion.py [--full]

8,500 products x 27 unequal classes by default, 85,000 with `--full` (a minute); 80 % train with out-of-fold answers,
10 % validation. Settings are those of params.yaml. Per method: seconds to `learn`, and to `apply` to all products, the
answers on validation by a fusion that has not seen it included; `cpu` seconds of both; `accuracy` of test, beside the
sides'. `longest` is the slowest method's time.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

from bakeoff.core.section import load_section
from bakeoff.data.predictions import Predictions
from bakeoff.fusion.fit import fit_fusion, fused_probabilities
from bakeoff.fusion.methods import METHODS
from bakeoff.fusion.params import FuseParams

N_CLASSES = 27


def answers(label_ids: np.ndarray, seed: int, knows: float) -> Predictions:
    """Return a side that knows some classes better than others."""
    generator, n = np.random.default_rng(seed), len(label_ids)
    logits = generator.normal(size=(n, N_CLASSES)) * generator.uniform(0.5, 2, size=N_CLASSES)
    logits[np.arange(n), label_ids] += knows
    odds = np.exp(2 * logits)
    splits = np.array(["train"] * 8 + ["validation", "test"])[np.arange(n) % 10]
    table = pd.DataFrame({"product_id": np.arange(n).astype(str), "split": splits, "label_id": label_ids})
    table["loss"] = np.float32(0)
    table["origin"] = np.where(splits == "train", "out_of_fold", "held_out")
    labels = [str(number) for number in range(N_CLASSES)]
    return Predictions(table, (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32), labels)


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="85,000 products instead of 8,500")
    n_products = 85_000 if parser.parse_args().full else 8_500
    shares = 1 / np.arange(3, N_CLASSES + 3)
    label_ids = np.random.default_rng(0).choice(N_CLASSES, n_products, p=shares / shares.sum())
    sides = answers(label_ids, 1, 2.0), answers(label_ids, 2, 1.5)
    params, test = load_section(Path("params.yaml"), FuseParams), (sides[0].products["split"] == "test").to_numpy()

    def accuracy(probabilities: np.ndarray) -> float:
        return round(float((probabilities[test].argmax(axis=1) == label_ids[test]).mean()), 4)

    figures: dict[str, dict[str, float]] = {}
    for method in (name for name, one in METHODS.items() if not one.is_early):  # which learn from features
        start, cpu = time.perf_counter(), time.process_time()
        fusion = fit_fusion(method, *sides, params.settings(method), seed=0)
        learnt = time.perf_counter()
        fused = fused_probabilities(fusion, *sides, params.settings(method), seed=0)
        seconds = {
            "learn_s": learnt - start,
            "apply_s": time.perf_counter() - learnt,
            "cpu_s": time.process_time() - cpu,
        }
        figures[method] = {name: round(value, 2) for name, value in seconds.items()} | {"accuracy": accuracy(fused)}
    longest = max(one["learn_s"] + one["apply_s"] for one in figures.values())
    alone = {"n_products": n_products, "sides_accuracy": [accuracy(one.probabilities) for one in sides]}
    told = {"longest_s": round(longest, 2), **alone, **figures}
    print(json.dumps({"benchmark": "fusion", "figures": told, "bars": {"longest_s": 10}}))


if __name__ == "__main__":
    main()
