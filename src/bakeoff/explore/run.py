"""What is in a catalogue, and how it is distributed, by the tables of prepare, audit, split and, if there, examine."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.catalogue.findings.base import Column, Table, find_languages, read_examined
from bakeoff.data.table import BOX_COLUMNS, PHOTO_OF, count_values, first_photos, read_divided, source_columns
from bakeoff.records.catalogue import AuditRecord, LabelsRecord, Quantiles
from bakeoff.records.examination import FILE, ExaminationRecord
from bakeoff.records.exploration import ClassFacts, ColumnBalance, ExplorationRecord, ValueCount
from bakeoff.report.page.plot import scale_around

VALUES_SHOWN = 250  # of a column: all of 196 classes
_LAST = ("official_split", "format", "mode")
_NUMBERS_SHOWN, _INTERVALS, _YEARS_FROM = 40, 12, 3
TEXTS_SAMPLED = 20_000
_SIZES_SHOWN = 10
_MEASURED = ("width", "height", "aspect_ratio", "megapixels", "object_share", "characters", "words")
_COLOURS = ("red", "green", "blue", "brightness", "saturation", "red_dominance")


def explore(
    catalogue_dir: Path, audit_file: Path, splits_file: Path, map_file: Path
) -> tuple[ExplorationRecord, Table]:
    """Return what is in a catalogue, and its photos with all that is known of them; of several, the first has the text.

    They get columns x and y from `map_file`, products.parquet of `examine`, which may be missing.
    """
    divided, audit = read_divided(catalogue_dir, splits_file), AuditRecord.read(audit_file)
    photos = _describe_photos(catalogue_dir, map_file)
    products = first_photos(photos)
    columns, left_out = balances(first_photos(divided))
    examined = ExaminationRecord.read_if_there(map_file.with_name(FILE))
    labels, titles = products["label"], products["title"].str.split().str.join(" ").str.casefold().replace("", pd.NA)
    record = ExplorationRecord(
        dataset=LabelsRecord.read(catalogue_dir / "labels.json").dataset,
        n_products=len(products),
        columns=columns,
        columns_left_out=left_out,
        identity={
            "photos": len(photos),
            "product_id": products["product_id"].nunique(),
            **{name: photos[name].nunique() for name in ("image", "digest", "group_id")},
            "titles_of_several_products": int((titles.value_counts() > 1).sum()),
            "titles_of_several_classes": int((labels.groupby(titles).nunique() > 1).sum()),
        },
        group_sizes=count_values(products["group_id"].value_counts()),
        photo_sizes=count_values(photos["width"].astype(str) + " × " + photos["height"].astype(str), _SIZES_SHOWN),
        distributions={name: Quantiles.of(values) for name in _MEASURED if len(values := photos[name].dropna())},
        classes=_describe_classes(photos.assign(split=divided["split"]), audit.rejected_per_class),
        languages=audit.languages,
        n_texts=int(photos["words"].count()),
        n_texts_sampled=int(photos["is_sampled"].sum()),
        mapped_by=examined and examined.model,
    )
    return record, photos


def _describe_photos(catalogue_dir: Path, map_file: Path) -> Table:
    """Return all that is known of each photo, and what follows from it."""
    examined = read_examined(catalogue_dir, rejected=pd.DataFrame())
    photos = examined.products
    is_first = photos.get(PHOTO_OF, photos["product_id"]) == photos["product_id"]
    texts = examined.texts.replace("", pd.NA).where(is_first)
    known = texts.dropna()
    sampled = known.sample(min(len(known), TEXTS_SAMPLED), random_state=0)
    left, top, right, bottom = (photos.get(name, pd.Series(pd.NA, photos.index)) for name in BOX_COLUMNS)
    places = pd.read_parquet(map_file) if map_file.is_file() else pd.DataFrame(columns=["product_id", "x", "y"])
    places = places.set_index("product_id").reindex(photos["product_id"])
    return photos.assign(
        is_first=is_first,
        text=texts,
        characters=texts.str.len(),
        words=texts.str.split().str.len(),
        is_sampled=photos.index.isin(sampled.index),
        language=find_languages(sampled),
        red_dominance=(photos["red"] / photos[["red", "green", "blue"]].sum(axis=1)).fillna(1 / 3),
        object_share=((right - left) * (bottom - top) / photos["width"] / photos["height"]).astype("Float64"),
        x=places["x"].to_numpy(),
        y=places["y"].to_numpy(),
    )


def _describe_classes(photos: Table, n_rejected: dict[str, int]) -> list[ClassFacts]:
    """Return what the products of each class are like, the largest class first."""
    languages, splits = (
        {label: count_values(own) for label, own in photos[name].where(photos["is_first"]).groupby(photos["label"])}
        for name in ("language", "split")
    )
    empty = {
        f"n_without_{name}": photos[name].fillna("").str.strip().eq("") & photos["is_first"]
        for name in ("title", "description")
    }
    sums, means, medians = ({"is_first", *empty}, "sum"), (_COLOURS, "mean"), (("characters", "words"), "median")
    how = {name: how for names, how in (sums, means, medians) for name in names}
    facts: Any = photos.assign(**empty).groupby("label").agg(how).rename(columns={"is_first": "n"})
    facts = facts.sort_values("n", ascending=False, kind="stable").reset_index().astype(object)
    rows = facts.where(facts.notna(), None).to_dict("records")
    counted = [(row, row["label"], n_rejected.get(row["label"], 0)) for row in rows]
    return [ClassFacts(**row, splits=splits[x], languages=languages[x], n_rejected=n) for row, x, n in counted]


def evenness(counts: Any, n_possible: int) -> float:
    """Return the entropy of counts divided by that of `n_possible` equally frequent values: 0 one value, 1 balanced.

    Source: Pielou 1966, doi:10.1016/0022-5193(66)90013-0: J = H / log(S).
    """
    shares = np.asarray(counts, dtype=float) / np.sum(counts)
    shares = shares[shares > 0]
    return abs(float(shares @ np.log(shares))) / np.log(n_possible) if n_possible > 1 else 0.0


def balances(products: Table) -> tuple[list[ColumnBalance], dict[str, int]]:
    """Return the balance of each column of products.parquet and `split`, and those in which hardly a value comes twice.

    Class and split come first, then what the source alone has, then what every source has; columns left out have how
    many values they have. A column of one value is in neither.
    """
    kept = source_columns(products)
    labels, found, left_out = pd.Categorical(products["label"]), list[ColumnBalance](), dict[str, int]()
    for name in ("label", "split", *kept, *_LAST):
        values = pd.Categorical(products[name]) if name == "label" else _grouped(products[name])
        if name in kept and len(values.categories) > len(products) / 2:
            left_out[name] = len(values.categories)
        elif len(values.categories) > 1:
            found.append(_balance(name, values, labels))
    return found, left_out


def _balance(name: str, values: Any, labels: Any) -> ColumnBalance:
    per_class: Table = pd.crosstab(values.codes, labels.codes)  # a row per value, missing ones as -1
    counts: Column = per_class.sum(axis=1)
    known, shown = counts[counts.index >= 0], counts.sort_values(ascending=False, kind="stable")[:VALUES_SHOWN]
    names, rows = {-1: None, **dict(enumerate(map(str, values.categories)))}, list[ValueCount]()
    for code, n in (shown.sort_index() if values.ordered else shown).items():
        own, entropy = per_class.loc[code], evenness(per_class.loc[code], len(labels.categories))
        rows.append(ValueCount(value=names[code], n=int(n), n_classes=int((own > 0).sum()), entropy=entropy))
    measured = {"imbalance": float(known.max() / known.min()), "entropy": evenness(known, len(known))}
    return ColumnBalance(name=name, n_values=len(known), is_ordered=values.ordered, counts=rows, **measured)


def _grouped(column: Column) -> Any:
    """Return values as a Categorical of texts; many numbers as intervals, many days as months or years, in order."""
    texts = column.astype("string").str.strip().replace("", pd.NA)
    known = texts.dropna()
    numbers = pd.to_numeric(known, errors="coerce").astype(float)
    if len(known) and np.isfinite(numbers).all():
        if numbers.nunique() <= _NUMBERS_SHOWN:
            return pd.Categorical(texts, known.loc[numbers.sort_values().index].unique(), ordered=True)
        ticks = scale_around(numbers, 0, 1).ticks(_INTERVALS)
        told = [f"{tick:.12g}" for tick in ticks]
        names = [f"< {told[0]}", *(f"{low} – {high}" for low, high in pairwise(told)), f"≥ {told[-1]}"]
        intervals = pd.cut(numbers, [-np.inf, *ticks, np.inf], right=False, labels=names)
        return pd.Categorical(intervals.reindex(column.index)).remove_unused_categories()
    days = pd.to_datetime(known, errors="coerce", format="ISO8601", utc=True)
    if known.nunique() > _NUMBERS_SHOWN and days.notna().all():
        return pd.Categorical(texts.str[: 4 if days.dt.year.nunique() > _YEARS_FROM else 7], ordered=True)
    return pd.Categorical(texts)
