"""What is in a catalogue, from the tables of prepare, audit, split and, where it is there, examine."""

from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.catalogue.findings.base import Table, read_examined
from bakeoff.catalogue.findings.languages import find_languages
from bakeoff.data.table import BOX_COLUMNS, PHOTO_OF, count_values, first_photos, read_divided
from bakeoff.explore.balance import balances
from bakeoff.records.catalogue import AuditRecord, LabelsRecord, Quantiles
from bakeoff.records.examination import FILE, ExaminationRecord
from bakeoff.records.exploration import ClassFacts, ExplorationRecord

TEXTS_SAMPLED = 20_000
_SIZES_SHOWN = 10
_MEASURED = ("width", "height", "aspect_ratio", "megapixels", "object_share", "characters", "words")
_COLOURS = ("red", "green", "blue", "brightness", "saturation", "red_dominance")


def explore(
    catalogue_dir: Path, audit_file: Path, splits_file: Path, map_file: Path
) -> tuple[ExplorationRecord, Table]:
    """Return what is in a catalogue, and its photos with all that is known of them; of several, the first has the text.

    Args:
        catalogue_dir: data/catalogue.
        audit_file: audit.json.
        splits_file: splits.parquet.
        map_file: products.parquet of `examine`, whose columns x and y they get; it may be missing.

    Raises:
        DataError: another file is missing, or is not of this catalogue.
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
