"""data/splits/: the split as files, what they were made from, and a figure of it."""

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.catalogue.folds import assign_folds
from bakeoff.catalogue.params import SplitParams
from bakeoff.catalogue.split import find_leaks, make_split
from bakeoff.core.errors import DataError
from bakeoff.core.failures import drawing
from bakeoff.data.figures import MAX_BARS, Figure, of_classes, shorten
from bakeoff.data.table import PHOTO_OF, SPLITS, UNUSED, first_photos, read_products
from bakeoff.records.catalogue import SplitRecord

N_INNER_FOLDS = 5
"""Of train, for out-of-fold predictions."""
_COLOURS = {"train": "#0072b2", "validation": "#e69f00", "test": "#009e73"}
_INPUTS = ("product_id", "label", "group_id", "official_split")


def write_split(
    catalogue_dir: Path, params: SplitParams, out_dir: Path, *, previous: Path | None = None
) -> pd.DataFrame:
    """Write splits.parquet, folds.parquet, split.json and figures/class_balance.png, and return the split.

    folds.parquet has `product_id` and `fold` (int8) of the train products: stratified folds that keep groups whole.

    Raises:
        DataError: `previous` is not an earlier folder of this stage, or has another seed or method.
    """
    photos: Any = read_products(catalogue_dir)
    products = first_photos(photos)
    earlier = None if previous is None else _read_previous(previous, params)
    split = make_split(products, params, previous=earlier)
    out_dir.mkdir(parents=True, exist_ok=True)
    by_product = split.set_index("product_id")
    of_photos = split if products is photos else photos[["product_id"]].join(by_product, on=photos[PHOTO_OF])
    of_photos.to_parquet(out_dir / "splits.parquet", index=False)
    _make_folds(photos.loc[of_photos["split"] == "train", :], params.seed).to_parquet(
        out_dir / "folds.parquet", index=False
    )
    counts = pd.crosstab(products["label"], split["split"]).reindex(columns=list(SPLITS), fill_value=0)
    record = _record(products, split, counts, params, earlier)
    _warn(record)
    record.write(out_dir / "split.json")
    with drawing(out_dir / "figures" / "class_balance.png", out_dir) as path:
        draw_class_balance(counts, record.title).savefig(path, dpi=130)
    return split


def draw_class_balance(counts: pd.DataFrame, title: str) -> Figure:
    """Return the share of each class within each split, from the numbers of products by class and split (columns)."""
    ordered = counts.loc[counts.sum(axis=1).sort_values().index].tail(MAX_BARS)
    height = 1.6 + 0.55 * len(ordered)
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.add_subplot()
    for offset, name in zip((0.27, 0.0, -0.27), SPLITS, strict=True):
        total = int(counts[name].to_numpy().sum())
        share = 100 * ordered[name] / max(1, total)
        places = [place + offset for place in range(len(ordered))]
        bars = axes.barh(places, share, height=0.25, color=_COLOURS[name], label=f"{name} ({total})")
        axes.bar_label(bars, labels=[str(n) for n in ordered[name]], padding=3, fontsize=8)
    axes.set_yticks(range(len(ordered)), [shorten(label) for label in ordered.index])
    axes.set_xlabel("share of the split, % (bars: number of products)")
    axes.set_title(f"Class balance per split: {title}" + of_classes(len(counts)))
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.08)
    axes.legend(loc="lower right", frameon=False)
    return figure


def _make_folds(train: pd.DataFrame, seed: int) -> pd.DataFrame:
    folds = assign_folds(train, N_INNER_FOLDS, seed=seed)
    own = np.array([folds[group] for group in train["group_id"]], dtype=np.int8)
    return pd.DataFrame({"product_id": train["product_id"], "fold": own})


def _record(
    products: pd.DataFrame, split: pd.DataFrame, counts: pd.DataFrame, params: SplitParams, earlier: pd.DataFrame | None
) -> SplitRecord:
    is_kfold = params.method == "kfold"
    names = split["split"].to_numpy(dtype=object)
    leaks = find_leaks(products["group_id"], names == "test") & (names != UNUSED)
    official = products.reindex(columns=["official_split"])["official_split"].astype("string").fillna("")
    moved = official.isin(SPLITS[1:]).to_numpy() & (names != official.to_numpy(dtype=object)) & (names != UNUSED)
    inputs = [products.reindex(columns=list(_INPUTS)), *([] if earlier is None else [earlier])]
    return SplitRecord(
        method=params.method,
        seed=params.seed,
        fold=params.fold if is_kfold else None,
        n_folds=params.n_folds if is_kfold else None,
        counts={name: counts[name].to_dict() for name in SPLITS},
        n_unused=int((names == UNUSED).sum()),
        n_leaks=int(leaks.sum()),
        n_moved_from_official_split=0 if is_kfold else int(moved.sum()),
        digest=_digest(split.reindex(columns=["product_id", "split"])),
        inputs=_digest(*inputs, params=params.model_dump_json()),
    )


def _digest(*tables: pd.DataFrame, params: str = "") -> str:
    text = "\0".join([*(table.sort_values("product_id").to_csv(index=False) for table in tables), params])
    return hashlib.sha256(text.encode()).hexdigest()


def _warn(record: SplitRecord) -> None:
    """Tell of official splits that were not kept, of leaks, and of classes without a product in a split."""
    told = {
        "products are not in their official validation or test split, because one of their group (nearly the same "
        "photo, or one group in the source) is in train, or in validation": record.n_moved_from_official_split,
        "products are unused, because one of their group is in the official test set": record.n_unused,
        "products of train or validation are in a group with one of the official test set, so accuracies may be "
        "too high (split.official_leaks: drop leaves them out)": record.n_leaks,
    }
    sentences = [f"{n} {text}" for text, n in told.items() if n]
    for name, counts in record.counts.items():
        if lacking := [repr(label) for label, n in counts.items() if not n]:
            sentences.append(f"{name} has no product of {', '.join(lacking[:5])}{', …' if lacking[5:] else ''}")
    sys.stderr.writelines(f"bakeoff: WARNING: {sentence}.\n" for sentence in sentences)


def _read_previous(folder: Path, params: SplitParams) -> pd.DataFrame:
    record, table = folder / "split.json", folder / "splits.parquet"
    if not (record.is_file() and table.is_file()):
        raise DataError(
            f"an earlier split needs split.json and splits.parquet, {folder} lacks one; leave --previous out."
        )
    earlier = SplitRecord.read(record)
    for name in ("seed", "method"):
        had, wanted = getattr(earlier, name), getattr(params, name)
        if had != wanted:
            raise DataError(f"the split in {folder} has {name} {had}, split.{name} is {wanted}; leave --previous out.")
    return pd.read_parquet(table)
