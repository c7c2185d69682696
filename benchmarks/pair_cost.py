"""Is the cost of a pair that of its sides added up? Both asked in one process, against each timed alone beside it.

    PYTHONPATH=src .venv-torch/bin/python benchmarks/pair_cost.py STUDY IMAGE TEXT

A finished study's folder and the names of a PyTorch and a text candidate (seed 0). One product at a time, calls
interleaved: the photo's network, the text's model, and the pair, which asks both and takes the fusion (a stacker learnt
from random answers, whose arithmetic is the same). `pair` over `sum` is what adding up misses, medians of ms.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bakeoff.data.table import load_catalogue
from bakeoff.fusion.fit import Fusion
from bakeoff.fusion.stackers import learn
from bakeoff.predictors.protocol import load_predictor
from bakeoff.records.candidate import Candidate
from bakeoff.text.predictor import load_text_predictor, stored_texts

N_CALLS = 400


class _Linear:
    c, max_rows = 1.0, None


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("image")
    parser.add_argument("text")
    args = parser.parse_args()
    folders = [Candidate(name).folder(args.study / "runs") / "training" for name in (args.image, args.text)]
    photos, texts = load_predictor(folders[0], weights_root=args.study / "weights"), load_text_predictor(folders[1])
    data = args.study / "data"
    catalogue = load_catalogue(data / "catalogue", data / "splits" / "splits.parquet").by_product()
    products = catalogue.at(np.arange(len(catalogue.products)))
    stored = stored_texts(data / "catalogue", texts.settings)
    n_labels, generator = len(photos.labels), np.random.default_rng(0)
    sides = generator.dirichlet(np.ones(n_labels), size=(2, 500))
    learnt = learn("logistic", sides, generator.integers(n_labels, size=500), _Linear(), 0)
    fusion, one = Fusion("stacking_logistic", photos.labels, 500, [], learnt), np.ones(1, dtype=bool)

    def look(row: int) -> np.ndarray:
        return photos.forward(photos.collate([photos.transform(photos.stored(products, row))]))

    def read(row: int) -> np.ndarray:
        return texts.forward(texts.collate([texts.transform(texts.stored(stored, row))]))

    def both(row: int) -> np.ndarray:
        return fusion.apply(look(row), read(row), one, one)

    calls: dict[str, Callable[[int], np.ndarray]] = {"image": look, "text": read, "pair": both}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(N_CALLS + 20):
        for name, call in calls.items():
            start = time.perf_counter()
            call(number % len(stored))
            if number >= 20:  # the first ones find nothing in any cache
                times[name].append(1000 * (time.perf_counter() - start))
    medians = {name: float(np.median(values)) for name, values in times.items()}
    total = medians["image"] + medians["text"]
    told = {name: round(value, 3) for name, value in medians.items()}
    print(json.dumps({"ms": told, "sum": round(total, 3), "pair/sum": round(medians["pair"] / total, 3)}))


if __name__ == "__main__":
    main()
