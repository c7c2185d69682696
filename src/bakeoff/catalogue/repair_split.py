"""A divided catalogue repaired: products that become unused, each photo's steps, what photos are like before and after.

Nothing changes sides, so raw and repaired candidates are judged on the same split.
"""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.catalogue.audit import PER_ROW_SHOWN, draw_rows
from bakeoff.catalogue.findings.rules import OUTLIERS, Outliers
from bakeoff.catalogue.measures import AUDITED, Thumbnail, measure_thumbnail
from bakeoff.catalogue.pack import pack_on_all_cores
from bakeoff.catalogue.params import RepairParams, Threshold
from bakeoff.catalogue.repair import plan_steps, settle_crop
from bakeoff.core.progress import progress_bar
from bakeoff.data.figures import Figure
from bakeoff.data.photo import STEPS, as_image, repair_photo
from bakeoff.data.products import evenly_spaced
from bakeoff.data.store import ImageStore
from bakeoff.data.table import DIGESTS, MEASURES_FILE, PHOTO_OF, REPAIR, SPLITS, UNUSED, first_photos, read_prepared
from bakeoff.records.catalogue import Repair, RepairRecord, SplitRepair

BEFORE_REPAIR = "split_before_repair"  # in splits.parquet: where a product would be without repair
LOOKS = ("sharpness", "saturation", "red_dominance", "brightness", "background_r", "background_g", "background_b")
"""Of `SplitRepair`; red_dominance is R / (R + G + B), neutral at a third."""
_EDGE = 16
_LOW_CONTRAST = Outliers("contrast", "low", 0.02)


def repair_split(
    catalogue_dir: Path, products: Any, split: Any, params: RepairParams
) -> tuple[pd.DataFrame, RepairRecord]:
    """Return the split with `repair` (steps or null), `reason` and `split_before_repair`, and the record of both.

    `products` is products.parquet, `split` what `make_split` returns of it, in the same order.
    """
    table = products.assign(split=split["split"])
    for name in (DIGESTS, MEASURES_FILE):
        table = table.merge(read_prepared(catalogue_dir, name), on="product_id", how="left", validate="one_to_one")
    repair = fit_repair(params, table[table["split"] == "train"])
    dropped = _find_dropped(table, params, repair)
    wanted = table[table["split"].isin(repair.splits) & dropped.isna()]
    plans = [plan_steps(measures, repair) for measures in wanted[list(AUDITED)].to_dict("records")]
    jobs = {at: (row, plan) for at, row, plan in zip(wanted.index, wanted["image"], plans, strict=True) if plan}
    work, results = partial(_repair, store=ImageStore(catalogue_dir / "images.arrow"), repair=repair), []
    with progress_bar() as bar:
        task = bar.add_task("repairing photos", total=len(jobs))
        for result in pack_on_all_cores(work, jobs.values(), n_photos=len(jobs)):
            results.append(result)
            bar.advance(task)
    found = pd.DataFrame(results, index=list(jobs), columns=[REPAIR, "before", "after"])
    steps = found[REPAIR].replace("", None).astype("string").reindex(table.index)
    record = RepairRecord(
        repair=repair,
        steps=dict(Counter(step.partition("=")[0] for one in steps.dropna() for step in one.split())),
        dropped=dropped[first_photos(table.assign(at=table.index))["at"]].value_counts().to_dict(),
        splits=_compare(table, found, steps.notna(), dropped.isna()),
    )
    reason = split["reason"].fillna(dropped) if "reason" in split else dropped
    used = table["split"].where(dropped.isna(), UNUSED)
    repaired = split.assign(split=used, reason=reason, **{BEFORE_REPAIR: table["split"], REPAIR: steps})
    repaired.attrs[REPAIR] = repair.model_dump()  # which pandas writes into a Parquet file's metadata
    return repaired, record


def fit_repair(params: RepairParams, train: Any) -> Repair:
    """Return a repair with its thresholds, by measures.parquet of the train products, which alone decide."""

    def settle(rule: Outliers, given: Threshold) -> float | None:
        return rule.threshold(train[rule.measure].astype(float)) if given == "audit" else given

    dominance = OUTLIERS["colour_dominance"]
    return Repair(
        **params.model_dump(include={"name", "splits", "crop_border", "saturation"}),
        dominance_above=None if params.saturation is None else settle(dominance, "audit"),
        equalise_below=settle(_LOW_CONTRAST, params.equalise_below),
        sharpen_below=settle(OUTLIERS["blurred"], params.sharpen_below),
        reject_below=settle(OUTLIERS["blurred"], params.reject_below),
    )


def draw_repairs(split: Any, products: Any, store: ImageStore) -> Figure:
    """Return a sheet with a row per step: some of the photos that got it, each before and after all of its steps."""
    rows = []
    for step in STEPS:
        own = np.flatnonzero(split[REPAIR].str.contains(rf"\b{step}\b").fillna(False))
        chosen = own[evenly_spaced(len(own), PER_ROW_SHOWN // 2)]
        photos = [(int(products["image"].iloc[at]), steps) for at in chosen for steps in ("", split[REPAIR].iloc[at])]
        rows += [(f"{step}: {len(own):,}", photos)] if photos else []
    return draw_rows(rows, lambda one: repair_photo(store.read(one[0]), one[1]), "Pairs of photos before, after repair")


def _find_dropped(table: Any, params: RepairParams, repair: Repair) -> Any:
    """Return why each product becomes unused, as the audit calls it; no class loses its sharpest product of a split."""
    may = table["split"].isin(params.splits)
    if not params.drop_official_test and "official_split" in table:
        may &= ~(table["official_split"].isin(["test"]) & (table["split"] == "test"))
    has_one_label = table.groupby("cluster")["label"].transform("nunique") == 1
    is_copy = table.duplicated(["split", "digest", "label"]) & (params.exact_duplicates == "drop")
    is_near = table.duplicated(["split", "cluster"]) & has_one_label & (params.near_duplicates == "merge")
    reasons = pd.Series(None, index=table.index, dtype="string")
    reasons = reasons.mask(may & is_near, "near_duplicate").mask(may & is_copy, "exact_duplicate")
    if repair.reject_below is not None:
        sharpest = table[reasons.isna()].groupby(["split", "label"])["sharpness"].idxmax()
        is_blurred = may & (table["sharpness"] < repair.reject_below) & ~table.index.isin(sharpest)
        reasons = reasons.mask(is_blurred & reasons.isna(), "blurred")
    if PHOTO_OF in table:  # a product stays whole
        reasons = reasons.where(reasons.notna().groupby(table[PHOTO_OF]).transform("all"))
    return reasons


def _repair(photo: tuple[int, str], store: ImageStore, repair: Repair) -> tuple[Any, ...]:
    """Return a photo's steps, and AUDITED and the background's R, G and B before and after them."""
    row, plan = photo
    raw = as_image(store.read(row))
    steps = settle_crop(plan, raw, repair)
    change = next((step for step in steps.split() if step.startswith("saturation")), "")
    looks = [
        (*measure_thumbnail(Thumbnail(image), width=raw.width, height=raw.height), *_edge_colour(ground, change))
        for image, ground in ((raw, raw), (as_image(repair_photo(raw, steps)), repair_photo(raw, change)))
    ]
    return steps, *looks


def _edge_colour(image: Any, change: str) -> list[float]:
    """Return the mean R, G and B of 255 of a photo's outer sixteenth, NaN where its colours do not change."""
    if not change:
        return [np.nan] * 3
    pixels = Thumbnail(image).pixels
    is_edge = np.ones(pixels.shape[:2], dtype=bool)
    down, across = (max(1, length // _EDGE) for length in is_edge.shape)
    is_edge[down:-down, across:-across] = False
    return pixels[is_edge].mean(axis=0).tolist()


def _compare(table: Any, found: Any, is_repaired: Any, is_kept: Any) -> dict[str, SplitRepair]:
    """Return each split's means; those of repaired photos are measured as stored, before as after."""
    looks = []
    for name in ("before", "after"):
        measured = table.reindex(columns=[*AUDITED, *LOOKS[-3:]]).astype(float)
        if len(found):
            measured.loc[found.index] = np.array(found[name].tolist())
        red_dominance = measured["red"] / measured[["red", "green", "blue"]].sum(axis=1)
        looks.append(measured.assign(red_dominance=red_dominance.fillna(1 / 3))[list(LOOKS)])
    return {
        name: SplitRepair(
            n=int(own.sum()),
            n_repaired=int((own & is_repaired).sum()),
            before=looks[0][own].mean().dropna().to_dict(),
            after=looks[1][own & is_kept].mean().dropna().to_dict(),
        )
        for name, own in ((name, table["split"] == name) for name in SPLITS)
        if own.any()
    }
