"""By how much does a test accuracy overstate what new products get, where 15 % of the products are near-duplicates?

    PYTHONPATH=src .venv-torch/bin/python benchmarks/leakage.py [--full]

Catalogues are generated, and 15 % of each one's products are changed copies of others (`CHANGES`). A logistic
regression on 16 x 16 pixels learns from train; its accuracy on test less that on 600 products of another draw is the
overstatement. `random` splits products whatever they show; `ours` is what `prepare` and `split` do, `kfold` the mean
over five folds of the same. Figures are in points of accuracy: mean over catalogues, and a 95 % t interval.
`neighbour_found` is the leak check: how often the nearest train neighbour of a leaked test photo is its own copy.
By default 12 catalogues (under a minute), with `--full` 60.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # small matrices: threads only wait

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance, ImageOps
from scipy import stats
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bakeoff.catalogue.fetch import fetch
from bakeoff.catalogue.params import DatasetParams, PrepareParams, SplitParams, SyntheticParams
from bakeoff.catalogue.prepare import prepare
from bakeoff.catalogue.sources.synthetic import generate
from bakeoff.catalogue.split import make_split
from bakeoff.core.section import read_yaml
from bakeoff.data.table import read_prepared
from bakeoff.examination.space import nearest

ROOT = Path(__file__).resolve().parents[1]
N_PER_CLASS, N_FRESH_PER_CLASS, SIDE_PX, SHARE = (
    40,
    100,
    64,
    0.15,
)  # below 300 products, which are packed in this process
SPLIT_SEEDS = (0, 1)
SPLIT = {"train": 0.6, "validation": 0.1, "test": 0.3}
BARS = {f"{name}_{end}": bar for name in ("ours", "kfold") for end, bar in {"low": [-100, 0], "high": [0, 100]}.items()}


def crop(picture: Image.Image) -> Image.Image:
    """Return the picture without 5 % of each side."""
    edge = round(0.025 * picture.width)
    return picture.crop((edge, edge, picture.width - edge, picture.height - edge))


CHANGES: tuple[Callable[[Image.Image], Image.Image], ...] = (
    lambda picture: Image.open(saved(picture, 60)).convert("RGB"),
    lambda picture: picture.resize((picture.width * 3 // 4, picture.height * 3 // 4)),
    lambda picture: ImageOps.expand(picture, round(0.1 * picture.width), "white"),
    lambda picture: ImageEnhance.Brightness(picture).enhance(1.1),
    crop,
)


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="60 catalogues instead of 12")
    n_catalogues = 60 if parser.parse_args().full else 12
    warnings.simplefilter("ignore", ConvergenceWarning)  # unregularised, on separable classes: it stops all the same
    rows = []
    for seed in range(n_catalogues):
        rows.append(measure(seed))
        print(f"catalogue {seed}: {rows[-1]}", file=sys.stderr, flush=True)
    table = pd.DataFrame(rows)
    figures: dict[str, float] = {"n_catalogues": n_catalogues}
    for name in ("random", "ours", "kfold"):
        figures |= interval(name, 100 * table[name].to_numpy())
    for name in ("fresh_accuracy", "leaked_random", "leaked_ours", "neighbour_found"):
        figures[name] = round(float(table[name].mean()), 3)
    print(json.dumps({"benchmark": "leakage", "figures": figures, "bars": BARS}))


def interval(name: str, values: np.ndarray) -> dict[str, float]:
    """Return mean and 95 % t interval of (J,) values."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    ends = {f"{name}_points": values.mean(), f"{name}_low": values.mean() - half, f"{name}_high": values.mean() + half}
    return {key: round(float(value), 2) for key, value in ends.items()}


def measure(seed: int) -> dict[str, float]:
    """Return overstatements of one catalogue (shares), and how many test products have a copy in train."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        origins = write_catalogue(root / "raw", seed)
        products = grouped(root)
        pictures = [Image.open(root / "raw" / name).convert("RGB") for name in products["product_id"]]
        x, y = features(pictures), products["label"].to_numpy()
        fresh_x, fresh_y = draw(root / "fresh", seed + 100_000, N_FRESH_PER_CLASS)
    products["origin"] = [origins[name] for name in products["product_id"]]
    alone = products.assign(group_id=np.arange(len(products)))
    fresh = features(fresh_x), np.array(fresh_y)
    found: dict[str, list[float]] = {}
    for split_seed in SPLIT_SEEDS:
        for name, table in (("random", alone), ("ours", products)):
            judge(found, name, (x, y), split_of(table, split_seed), products["origin"].to_numpy(), fresh)
    for fold in range(5):
        judge(found, "kfold", (x, y), split_of(products, 0, "kfold", fold), products["origin"].to_numpy(), fresh)
    return {name: float(np.mean(values)) for name, values in found.items() if not name.startswith("leaked_kfold")}


def judge(
    found: dict[str, list[float]],
    name: str,
    data: tuple[np.ndarray, np.ndarray],
    split: np.ndarray,
    origin: np.ndarray,
    fresh: tuple[np.ndarray, np.ndarray],
) -> None:
    """Add to `found` the overstatement of one split and its leaks."""
    (x, y), train, test = data, split == "train", split == "test"
    model = LogisticRegression(C=1e4, max_iter=60).fit(x[train], y[train])
    on_test, on_fresh = model.score(x[test], y[test]), model.score(*fresh)
    found.setdefault(name, []).append(on_test - on_fresh)
    found.setdefault("fresh_accuracy", []).append(on_fresh)
    leaked = np.isin(origin[test], origin[train])
    found.setdefault(f"leaked_{name}", []).append(leaked.mean())
    if name == "random":
        rows, _ = nearest(x[test] - x[train].mean(axis=0), x[train] - x[train].mean(axis=0))
        right = origin[train][rows] == origin[test]
        found.setdefault("neighbour_found", []).append(right[leaked].mean())


def split_of(products: pd.DataFrame, seed: int, method: str = "holdout", fold: int = 0) -> np.ndarray:
    """Return the split of each product, (N,) str."""
    params = {"method": method, "seed": seed, "n_folds": 5, "fold": fold, "official_leaks": "drop"}
    return make_split(products, SplitParams.model_validate(SPLIT | params))["split"].to_numpy(dtype=str)


def grouped(root: Path) -> pd.DataFrame:
    """Return products.parquet of `root`/raw, a folder per class, prepared as a study would."""
    os.environ["BAKEOFF_ROOT"] = str(root)
    params = read_yaml(ROOT / "params.yaml")
    changed = {"name": "folder", "kind": "folder", "root": "raw", "table": None, "images": None, "fallback": None}
    changed |= {"duplicates": "group", "phash_distance": 4, "exclude_labels": []}
    dataset = DatasetParams.model_validate(params["dataset"] | changed)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        fetch(dataset, root, root / "source.json")
        prepare(root / "source.json", dataset, PrepareParams.model_validate(params["prepare"]), root / "catalogue")
    return read_prepared(root / "catalogue")


def write_catalogue(folder: Path, seed: int) -> dict[str, str]:
    """Write a folder per class, `SHARE` of it changed copies; return what each product is a copy of, or itself."""
    pictures, labels = draw(folder.parent / "drawn", seed, N_PER_CLASS)
    rng, origins = np.random.default_rng(seed), {}
    n_copies = round(SHARE / (1 - SHARE) * len(pictures))
    copied = rng.choice(len(pictures), size=n_copies, replace=False)
    names = [f"{label}/{number:04d}.jpg" for number, label in enumerate(labels)]
    named = list(zip(names, pictures, strict=True))
    for name, picture in named:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(saved(picture, 92).getvalue())
        origins[name] = name
    for number in copied:
        name, picture = named[number]
        copy = name.replace(".jpg", "_copy.jpg")
        (folder / copy).write_bytes(saved(CHANGES[rng.integers(len(CHANGES))](picture), 92).getvalue())
        origins[copy] = name
    return origins


def draw(folder: Path, seed: int, n_per_class: int) -> tuple[list[Image.Image], list[str]]:
    """Return pictures of the generated catalogue, without its own duplicates and broken files, and their classes."""
    truths = generate(folder, SyntheticParams(n_per_class=n_per_class, image_px=SIDE_PX, seed=seed))
    sound = {name: truth.label for name, truth in truths.items() if not (truth.broken or truth.duplicate_of)}
    return [Image.open(folder / "Images" / f"{name}.jpg").convert("RGB") for name in sound], list(sound.values())


def features(pictures: list[Image.Image]) -> np.ndarray:
    """Return (N, 768) float32 pixels, 0 to 1."""
    small = [np.asarray(picture.resize((16, 16), Image.Resampling.BOX)) for picture in pictures]
    return np.stack(small).reshape(len(small), -1).astype(np.float32) / 255


def saved(picture: Image.Image, quality: int) -> io.BytesIO:
    """Return the picture as a JPEG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    buffer.seek(0)
    return buffer


if __name__ == "__main__":
    main()
