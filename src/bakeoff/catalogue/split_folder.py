"""data/splits/: the split as files, and what they were made from."""

import hashlib
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.catalogue.params import RepairParams, SplitParams
from bakeoff.catalogue.repair_split import BEFORE_REPAIR, draw_repairs, repair_split
from bakeoff.catalogue.split import assign_folds, find_leaks, make_split
from bakeoff.core.errors import DataError
from bakeoff.core.failures import drawing
from bakeoff.data.store import ImageStore
from bakeoff.data.table import PHOTO_OF, SPLITS, UNUSED, first_photos, read_prepared
from bakeoff.records.catalogue import RepairRecord, SplitRecord

N_INNER_FOLDS = 5  # of train, for out-of-fold predictions
_INPUTS = ("product_id", "label", "group_id", "official_split")


def write_split(
    catalogue_dir: Path,
    params: SplitParams,
    out_dir: Path,
    *,
    repair: RepairParams | None = None,
    previous: Path | None = None,
) -> pd.DataFrame:
    """Write splits.parquet, folds.parquet, split.json and figures/, and return the split, repaired.

    folds.parquet has `product_id` and `fold` (int8) of the train products: stratified folds that keep groups whole.

    Raises:
        DataError: `previous` is not an earlier folder of this stage, or has another seed or method.
    """
    photos: Any = read_prepared(catalogue_dir)
    products = first_photos(photos)
    earlier = None if previous is None else _read_previous(previous, params)
    split, repaired = make_split(products, params, previous=earlier), None
    out_dir.mkdir(parents=True, exist_ok=True)
    if products is not photos:
        own = photos[["product_id", PHOTO_OF]].join(split.set_index("product_id"), on=PHOTO_OF)
        split = own.drop(columns=PHOTO_OF)
    if repair and repair.is_on:
        split, repaired = repair_split(catalogue_dir, photos, split, repair)
        if repaired.steps:
            with drawing(out_dir / "figures" / "repair.png", out_dir) as path:
                draw_repairs(split, photos, ImageStore(catalogue_dir / "images.arrow")).savefig(path, dpi=110)
    split.to_parquet(out_dir / "splits.parquet", index=False)
    train = photos.loc[split["split"] == "train", :]
    folds = train["group_id"].map(assign_folds(train, N_INNER_FOLDS, seed=params.seed)).astype("int8")
    train[["product_id"]].assign(fold=folds).to_parquet(out_dir / "folds.parquet", index=False)
    divided: Any = split[split["product_id"].isin(products["product_id"])].reset_index(drop=True)
    record = _record(products, divided, params, repaired, earlier)
    _warn(record)
    record.write(out_dir / "split.json")
    return divided


def _record(
    products: pd.DataFrame,
    split: pd.DataFrame,
    params: SplitParams,
    repaired: RepairRecord | None,
    earlier: pd.DataFrame | None,
) -> SplitRecord:
    is_kfold = params.method == "kfold"
    counts = pd.crosstab(products["label"], split["split"]).reindex(columns=list(SPLITS), fill_value=0)
    names = split["split"].to_numpy(dtype=object)
    leaks = find_leaks(products["group_id"], names == "test") & (names != UNUSED)
    official = products.reindex(columns=["official_split"])["official_split"].astype("string").fillna("")
    moved = official.isin(SPLITS[1:]).to_numpy() & (names != official.to_numpy(dtype=object)) & (names != UNUSED)
    sections = params.model_dump_json() + (repaired.repair.model_dump_json() if repaired else "")
    inputs = [products.reindex(columns=list(_INPUTS)), *([] if earlier is None else [earlier])]
    return SplitRecord(
        method=params.method,
        seed=params.seed,
        fold=params.fold if is_kfold else None,
        n_folds=params.n_folds if is_kfold else None,
        counts={name: counts[name].to_dict() for name in SPLITS},
        n_unused=int((names == UNUSED).sum()) - sum(repaired.dropped.values() if repaired else ()),
        n_leaks=int(leaks.sum()),
        n_moved_from_official_split=0 if is_kfold else int(moved.sum()),
        digest=_digest(split.reindex(columns=["product_id", "split"])),
        inputs=_digest(*inputs, params=sections),
        repair=repaired,
    )


def _digest(*tables: pd.DataFrame, params: str = "") -> str:
    text = "\0".join([*(table.sort_values("product_id").to_csv(index=False) for table in tables), params])
    return hashlib.sha256(text.encode()).hexdigest()


def _warn(record: SplitRecord) -> None:
    """Tell of repair, of official splits that were not kept, of leaks, and of classes without a product in a split."""
    if done := record.repair:
        steps, dropped = (", ".join(f"{n} {what}" for what, n in one.items()) for one in (done.steps, done.dropped))
        sys.stderr.write(f"bakeoff: repair {done.repair.name}: {steps or 'no photo'}; unused: {dropped or 'none'}.\n")
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
    split = pd.read_parquet(table)
    return split.assign(split=split[BEFORE_REPAIR]) if BEFORE_REPAIR in split else split
