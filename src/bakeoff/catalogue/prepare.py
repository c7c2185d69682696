"""Judge every product of a source, pack the sound ones, and account for the others: accepted + rejected = read."""

import hashlib
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from bakeoff.catalogue.fetch import effective_dataset
from bakeoff.catalogue.measures import AUDITED
from bakeoff.catalogue.pack import Packed, PackedPhotos, pack_bytes, packing_folder
from bakeoff.catalogue.params import DatasetParams, PrepareParams
from bakeoff.catalogue.photo_file import PhotoFile
from bakeoff.catalogue.settle import Ledger, settle_duplicates, settle_small_classes
from bakeoff.catalogue.sources import SOURCES, RawProduct
from bakeoff.core.errors import DataError
from bakeoff.core.names import clean_label, find_alike, readable
from bakeoff.core.paths import main_checkout, state_dir
from bakeoff.core.progress import progress_bar
from bakeoff.data.decode import Rejection, locate
from bakeoff.data.store import StoreWriter
from bakeoff.data.table import (
    BOX_COLUMNS,
    DIGESTS,
    HAS,
    MEASURES_FILE,
    PHOTO_OF,
    PRODUCT_COLUMNS,
    TEXT_COLUMNS,
    UNLABELLED,
)
from bakeoff.records.catalogue import Dataset, LabelsRecord, PackLimits, PackParams, SourceRecord


@dataclass(frozen=True)
class Prepared:
    """How many labelled products were read, accepted, and rejected for which reason, and how many have no label."""

    n_read: int
    n_accepted: int
    rejected: dict[str, int]
    n_unlabelled: int = 0

    def __str__(self) -> str:
        told = ", ".join(f"{n} {reason}" for reason, n in self.rejected.items()) or "none"
        unlabelled = f"; {self.n_unlabelled} without a label are in {UNLABELLED}" if self.n_unlabelled else ""
        return f"{self.n_accepted} of {self.n_read} products accepted; rejected: {told}{unlabelled}"


def prepare(source_json: Path, dataset: DatasetParams, params: PrepareParams, out_dir: Path) -> Prepared:
    """Write products, texts and digests .parquet, images.arrow, labels.json and rejected.csv; return the counts.

    The folder appears whole or not at all; an earlier one is replaced. What a killed run packed is not packed again.

    Raises:
        DataError: fewer than two classes are left, or a class is too small and params say `error`.
    """
    source = SourceRecord.read(source_json)
    dataset = effective_dataset(dataset, source)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    packing = PackParams.model_validate(params.model_dump(include=set(PackLimits.model_fields)))
    given = {"files": source.digest, "packing": packing.model_dump()}
    with packing_folder(state_dir("packed"), given, name=dataset.name) as chunks:
        done = chunks / "catalogue"
        shutil.rmtree(done, ignore_errors=True)
        done.mkdir()
        prepared = _prepare_into(done, source, dataset, params, packing)
        if out_dir.exists():
            shutil.rmtree(out_dir)
        shutil.move(done, out_dir)
    return prepared


def _prepare_into(
    folder: Path, source: SourceRecord, dataset: DatasetParams, params: PrepareParams, packing: PackParams
) -> Prepared:
    reader, root = SOURCES[dataset.kind], main_checkout() / source.root
    images, listed = reader.image_folder(dataset, root), reader.read(dataset, root)
    raw = [product for product in listed if not product.is_unlabelled]
    ledger = Ledger()
    sound = _check_records(raw, dataset, ledger)
    if dataset.crop_to_box is not None and not any(product.box for product in raw):
        raise DataError(f"dataset.crop_to_box needs boxes, and dataset {dataset.name!r} has none; set it to null.")
    if params.require != "image":
        sound = _require_texts(sound, dataset, params, ledger)
    kept = Kept(params, packing, ledger)
    found = _locate_all(sound, (root, images), kept, margin=dataset.crop_to_box)
    packed = PackedPhotos(folder.parent, [photo for _, photo in found if photo], packing)
    table = _pack_all(found, packed, root, kept)
    table = settle_duplicates(table, dataset, ledger)
    table = settle_small_classes(table, params, ledger, at_least=dataset.min_class_size or 0)
    if dataset.photos == "all":
        _name_photos(table)
    labels = _encode_labels(table, dataset, ledger, order=reader.class_order(dataset, root) or [])
    if params.require != "image":
        texts = table[["title", "description"]].fillna("").agg("".join, axis=1)
        table[HAS["image"]], table[HAS["text"]] = table["position"].notna(), texts.str.strip() != ""
    digest = _write_store(table, packed, kept, folder / "images.arrow")
    _write_tables(table, folder)
    _write_unlabelled([product for product in listed if product.is_unlabelled], images, folder)
    rejected = pd.DataFrame(ledger, columns=["product_id", "image", "label", "reason", "detail"])
    rejected.to_csv(folder / "rejected.csv", index=False)
    named = source.model_dump(include={"name", "kind", "licence", "source_url", "fallback_reason"})
    LabelsRecord(labels=labels, dataset=Dataset(**named, digest=digest, prepare=packing)).write(folder / "labels.json")
    if len(table) + len(rejected) != len(raw):
        raise DataError(
            f"{len(raw)} products read, but {len(table)} accepted and {len(rejected)} rejected: please report."
        )
    return Prepared(len(raw), len(table), ledger.reasons(), n_unlabelled=len(listed) - len(raw))


def _check_records(raw: list[RawProduct], dataset: DatasetParams, ledger: Ledger) -> list[RawProduct]:
    """Reject what the source refused, repeated ids, empty and excluded labels; names that print alike become one.

    Further photos of a product, where they are wanted, get its group and its official split.
    """
    seen: dict[str, RawProduct] = {}
    excluded = set(map(clean_label, dataset.exclude_labels))
    known = set(map(clean_label, dataset.classes or []))
    sound = []
    for found in raw:
        product = replace(found, product_id=readable(found.product_id), label=clean_label(found.label or ""))
        first = product if product.refused else seen.setdefault(product.product_id, product)
        is_another = first is not product and not (dataset.photos == "all" and first.label == product.label)
        rules = {
            "duplicate_product_id": (is_another, "an earlier product has this id"),
            "empty_label": (not product.label, "the label is empty"),
            "excluded_label": (product.label in excluded, "listed in dataset.exclude_labels"),
            "unknown_class": (known and product.label not in known, "not listed in dataset.classes"),
        }
        broken = (Rejection(reason, detail) for reason, (is_broken, detail) in rules.items() if is_broken)
        if refused := product.refused or next(broken, None):
            ledger.reject(product, refused)
        elif dataset.photos == "all":
            group, split = first.group or first.product_id, first.official_split
            sound.append(replace(product, group=group, official_split=split))
        else:
            sound.append(product)
    for group in find_alike(str(product.label) for product in sound):
        sys.stderr.write(
            f"bakeoff: WARNING: the labels {', '.join(map(repr, group))} look alike or differ by case alone, and are "
            "classes of their own; where they mean the same, give them one spelling.\n"
        )
    return sound


@dataclass(frozen=True)
class Kept:
    """Which products stay although they have no photo, and what is shown in its place."""

    params: PrepareParams
    packing: PackParams
    ledger: Ledger

    def without(self, product: RawProduct, refusal: Rejection) -> bool:
        """Return whether a product stays for its text; else it is rejected."""
        stays = self.params.require != "image" and _has_text(product)
        if not stays:
            self.ledger.reject(product, refusal)
        return stays

    @cached_property
    def blank(self) -> Packed:
        """A white picture, so that whatever reads or draws photos meets one for each product."""
        side, buffer = self.params.min_side_px, io.BytesIO()
        Image.new("RGB", (side, side), "white").save(buffer, format="PNG")
        packed = pack_bytes(buffer.getvalue(), self.packing)
        assert isinstance(packed, Packed)
        return replace(packed, format="none", mode="none", measures=(math.nan,) * len(AUDITED))


def _has_text(product: RawProduct) -> bool:
    return any(text and text.strip() for text in (product.title, product.description))


def _require_texts(
    products: list[RawProduct], dataset: DatasetParams, params: PrepareParams, ledger: Ledger
) -> list[RawProduct]:
    """Return the products that `prepare.require` keeps whatever their photos are; a DataError where it cannot."""
    if dataset.photos == "all":
        raise DataError(f"prepare.require: {params.require} is for one photo a product; set dataset.photos: first.")
    if not any(map(_has_text, products)):
        raise DataError(
            f"prepare.require is {params.require}, but no product of dataset {dataset.name!r} has a text; set "
            "dataset.columns.title or .description, or prepare.require: image."
        )
    for product in products if params.require == "text" else ():
        if not _has_text(product):
            ledger.reject(product, Rejection("no_text", "prepare.require is text"))
    return [product for product in products if params.require == "either" or _has_text(product)]


def _locate_all(
    products: list[RawProduct], folders: tuple[Path, Path], kept: Kept, *, margin: float | None
) -> list[tuple[RawProduct, PhotoFile | None]]:
    """Return the products whose photos are there, with them, and those that stay without; `folders` are the data set's
    and that of its photos.

    With a margin, a share of its sides, photos are cropped to their box, which is then one in the crop.
    """
    root, folder = folders
    found = []
    for product in products:
        if isinstance(place := locate(root, root if product.part else folder, product.image_path), Rejection):
            if kept.without(product, place):
                found.append((product, None))
        else:
            box, inside = None, product.box
            if inside and margin is not None:
                left, top, right, bottom = inside
                across, down = (right - left) * margin, (bottom - top) * margin
                box = (left - across, top - down, right + across, bottom + down)
                x, y = (max(0, round(edge)) for edge in box[:2])
                inside = (left - x, top - y, right - x, bottom - y)
            found.append((replace(product, box=inside), PhotoFile(place, product.part, box)))
    return found


def _pack_all(
    found: list[tuple[RawProduct, PhotoFile | None]], packed: PackedPhotos, root: Path, kept: Kept
) -> pd.DataFrame:
    """Pack every photo and return the accepted products with sizes and hashes; without a photo, of a blank one."""
    ledger, n_photos = kept.ledger, sum(photo is not None for _, photo in found)
    if packed.n_packed:
        sys.stderr.write(
            f"bakeoff: {packed.n_packed} of {n_photos} photos were packed by a run that was cut short; "
            "going on from there.\n"
        )
    with progress_bar() as bar:
        task = bar.add_task("packing photos", total=n_photos, completed=packed.n_packed)
        packed.pack(lambda n: bar.advance(task, n))
    rows, results = [], enumerate(packed)
    for product, photo in found:
        position, result = next(results) if photo else (None, kept.blank)
        if isinstance(result, Rejection):
            if not kept.without(product, result):
                continue
            position, result = None, kept.blank
        row = {key: value for key, value in vars(result).items() if key != "encoded"} | {"position": position}
        if position is None:
            row |= {"box": None, "digest": f"none of {product.product_id}"}  # no two of them show the same
        rows.append(vars(product) | row | {"image_path": readable(product.shown_image)})
    if rows and all(row["position"] is None for row in rows):
        raise DataError(
            f"none of {len(rows)} products in {root} has a photo, and baseline_tf, which every study compares with, "
            "learns from photos; set dataset.images and dataset.columns.image."
        )
    if not rows:
        counts = ledger.reasons()
        first = next(
            (f"; the first {reason}: {detail}" for *_, reason, detail in ledger if reason in [*counts][:1]), ""
        )
        listed = ", ".join(f"{n} {name}" for name, n in counts.items()) or "the source lists none"
        raise DataError(f"no usable product in {root}: {listed}{first}.")
    return pd.DataFrame(rows)


def _name_photos(table: Any) -> None:
    """Give each photo of a product an id of its own, the first the product's."""
    product = table["product_id"].copy()
    number = (product.groupby(product).cumcount() + 1).astype(str)
    mark = "#"
    while product.str.contains(mark, regex=False).any():  # so that no photo is called as another product
        mark += "#"
    table[PHOTO_OF] = product
    table["product_id"] = product.where(number == "1", product + mark + number)


def _encode_labels(table: pd.DataFrame, dataset: DatasetParams, ledger: Ledger, *, order: Sequence[str]) -> list[str]:
    """Add `label_id` and return the class names in the source's own order; those that it lacks come last, sorted."""
    found = set(table["label"])
    names = [name for name in dict.fromkeys(map(clean_label, order)) if name in found]
    names += sorted(found - set(names))
    if len(names) < 2:
        lost = sorted({(label, reason, detail) for _, _, label, reason, detail in ledger})
        told = "; ".join(f"{label!r}: {reason}, {detail}" for label, reason, detail in lost[:3]) or "none"
        raise DataError(
            f"dataset {dataset.name!r} has {len(names)} usable class(es) ({', '.join(names) or 'none'}); at least two "
            f"are needed to compare classifiers. Check dataset.columns.label. Rejected products: "
            f"{len(ledger)} ({told}{'; …' if len(lost) > 3 else ''})."
        )
    table["label_id"] = pd.Categorical(table["label"], categories=names).codes
    return names


def _write_store(table: pd.DataFrame, packed: PackedPhotos, kept: Kept, target: Path) -> str:
    """Copy the kept pictures in the table's order, add their row as `image`, and return the content's digest.

    Where there is none, `blank`.
    """
    digest = hashlib.sha256()
    rows = []
    with StoreWriter(target) as writer:
        columns = (table[name] for name in ("product_id", "label", "group_id", "position"))
        for product_id, label, group, position in zip(*columns, strict=True):
            encoded = kept.blank.encoded if pd.isna(position) else packed.encoded(int(position))
            rows.append(writer.append(encoded))
            digest.update(json.dumps([product_id, label, int(group)]).encode() + hashlib.sha256(encoded).digest())
    table["image"] = rows
    return digest.hexdigest()


def _write_tables(table: pd.DataFrame, folder: Path) -> None:
    """Write products.parquet, which image classifiers read, and what they do not: texts, digests and measures."""
    table = table.astype(PRODUCT_COLUMNS | TEXT_COLUMNS)
    more = pd.DataFrame(table["more"].tolist(), index=table.index).convert_dtypes()  # which the source alone has
    taken = {PHOTO_OF, *PRODUCT_COLUMNS, *BOX_COLUMNS, *TEXT_COLUMNS, *AUDITED, "split", "digest", "cluster", "repair"}
    taken |= {*HAS.values()}
    if clash := sorted({*more.columns} & taken):
        raise DataError(
            f"dataset.keep: bakeoff has columns called {', '.join(clash)} itself; rename these in the table."
        )
    for name in (name for name in HAS.values() if name in table):
        more[name] = table[name]
    if PHOTO_OF in table:
        more[PHOTO_OF] = table[PHOTO_OF].astype("string")
    if any(box is not None for box in table["box"]):
        boxes = [box or [None] * len(BOX_COLUMNS) for box in table["box"]]
        more[list(BOX_COLUMNS)] = pd.DataFrame(boxes, index=table.index, dtype="Int32")
    table[list(PRODUCT_COLUMNS)].join(more).to_parquet(folder / "products.parquet", index=False)
    table[list(TEXT_COLUMNS)].to_parquet(folder / "texts.parquet", index=False)
    table[["product_id", "digest", "cluster"]].to_parquet(folder / DIGESTS, index=False)
    measures = pd.DataFrame(table["measures"].tolist(), index=table.index, columns=list(AUDITED), dtype="float32")
    table[["product_id"]].join(measures).to_parquet(folder / MEASURES_FILE, index=False)


def _write_unlabelled(products: list[RawProduct], images: Path, folder: Path) -> None:
    """Write the products without a label as a table that `predict` takes, its paths relative to data/catalogue."""
    if products:
        away = os.path.relpath(images, main_checkout() / "data" / "catalogue")
        columns = ["product_id", "image", "title", "description"]
        rows = [(one.product_id, f"{away}/{one.image_path}", one.title, one.description) for one in products]
        pd.DataFrame(rows, columns=columns, dtype="string").to_parquet(folder / UNLABELLED, index=False)
