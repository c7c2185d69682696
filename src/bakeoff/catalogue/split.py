"""The one split that every candidate shares: stratified, whole groups, the same for the same seed.

Within a class the groups are put in the order of a hash and cut into three stretches, so few products would change
sides when others join; with the earlier split given, none does.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.catalogue.params import SplitParams
from bakeoff.core.errors import DataError
from bakeoff.core.failures import drawing
from bakeoff.data.figures import MAX_BARS, Figure, of_classes, shorten
from bakeoff.data.table import SPLITS, read_products

_COLOURS = {"train": "#0072b2", "validation": "#e69f00", "test": "#009e73"}
_CUT_ORDER = ("test", "validation", "train")


def make_split(products: pd.DataFrame, params: SplitParams, *, previous: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return which product is in which split.

    Args:
        products: `product_id`, `label`, `group_id`; the order of rows does not matter.
        params: the three shares and the seed.
        previous: an earlier split of the same seed (`product_id`, `split`); its products stay where they were, unless a
            new product joins two groups that lay in different splits.

    Returns:
        `product_id`, `split`, in the order of `products`: no group in two splits, every class in all three, the shares
        of a class kept within its largest group wherever it has enough groups.

    Raises:
        DataError: a class has fewer than three groups, or shared groups keep a class out of a split.
    """
    groups = _describe_groups(products, params.seed)
    _require_three_groups(groups)
    pins = _pin(products, previous)
    n_groups = Counter(label for labels in groups["labels"] for label in labels)
    owner = groups["labels"].map(lambda labels: min(labels, key=lambda label: (n_groups[label], label)))
    assigned: dict[int, str] = {}
    for label in sorted(n_groups):
        own = groups[owner == label]
        own_pins = {group: pins[group] for group in own.index if group in pins}
        assigned |= _fill_class(own["size"], own_pins, params) if own_pins else _cut_class(own["size"], params)
    _complete_classes(groups, assigned)
    names = [assigned[int(group)] for group in products["group_id"]]
    return pd.DataFrame({"product_id": products["product_id"].to_list(), "split": names})


def write_split(
    catalogue_dir: Path, params: SplitParams, out_dir: Path, *, previous: Path | None = None
) -> pd.DataFrame:
    """Write splits.parquet, split.json and figures/class_balance.png, and return the split.

    Args:
        catalogue_dir: what `prepare` wrote.
        params: section `split`.
        out_dir: the folder to write.
        previous: an earlier folder of this stage, of the same seed.

    Raises:
        DataError: `previous` is not such a folder or has another seed.
    """
    products = read_products(catalogue_dir)
    split = make_split(products, params, previous=None if previous is None else _read_previous(previous, params.seed))
    out_dir.mkdir(parents=True, exist_ok=True)
    split.to_parquet(out_dir / "splits.parquet", index=False)
    counts = pd.crosstab(products["label"], split["split"]).reindex(columns=list(SPLITS), fill_value=0)
    record = {**params.model_dump(), "counts": {name: counts[name].to_dict() for name in SPLITS}}
    (out_dir / "split.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with drawing(out_dir / "figures" / "class_balance.png", out_dir) as path:
        draw_class_balance(counts).savefig(path, dpi=130)
    return split


def draw_class_balance(counts: pd.DataFrame) -> Figure:
    """Return the share of each class within each split, with the number of products on every bar.

    Args:
        counts: products by class (rows) and split (columns).
    """
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
    axes.set_title("Class balance per split" + of_classes(len(counts)))
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.08)
    axes.legend(loc="lower right", frameon=False)
    return figure


def _describe_groups(products: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return one row per group, in hash order: `size` products, `labels` (the classes in it)."""
    grouped = products.groupby("group_id", sort=True)
    groups = pd.DataFrame(
        {
            "size": grouped.size(),
            "labels": grouped["label"].agg(lambda labels: tuple(sorted(set(labels)))),
            "first": grouped["product_id"].min(),
        }
    )
    groups["hash"] = [
        hashlib.blake2b(f"{seed}\0{first}".encode(), digest_size=8).hexdigest() for first in groups["first"]
    ]
    return groups.sort_values(["hash", "first"])


def _require_three_groups(groups: pd.DataFrame) -> None:
    n_groups = Counter(label for labels in groups["labels"] for label in labels)
    small = {label: n for label, n in sorted(n_groups.items()) if n < len(SPLITS)}
    if small:
        listed = ", ".join(f"{label!r} ({n})" for label, n in small.items())
        raise DataError(
            f"every class needs at least 3 groups of products, one for each split; too small: {listed}. "
            "Add products, or let `prepare` reject the class (prepare.class_too_small: reject)."
        )


def _cut_class(sizes: Any, params: SplitParams) -> dict[int, str]:
    """Cut one class's groups, in hash order, nearest to its shares; each stretch gets one where it can."""
    ends = sizes.cumsum().tolist()
    n_groups, total = len(ends), sum(sizes)
    first = _nearest(ends, params.test * total, lowest=1, highest=n_groups - 2)
    second = _nearest(ends, (params.test + params.validation) * total, lowest=first + 1, highest=n_groups - 1)
    stretches = (sizes.index[:first], sizes.index[first:second], sizes.index[second:])
    return {int(group): name for name, stretch in zip(_CUT_ORDER, stretches, strict=True) for group in stretch}


def _nearest(ends: list[int], target: float, *, lowest: int, highest: int) -> int:
    """Return how many groups to take so that their products come nearest to `target`, within the bounds."""
    candidates = range(min(lowest, len(ends)), max(min(lowest, len(ends)), highest) + 1)
    return min(candidates, key=lambda n: (abs((ends[n - 1] if n else 0) - target), n))


def _fill_class(sizes: Any, pins: Mapping[int, str], params: SplitParams) -> dict[int, str]:
    """Keep the pinned groups and give each new one, in hash order, to the split that lacks most of its share."""
    total = sum(sizes)
    lacking = {name: getattr(params, name) * total for name in SPLITS}
    for group, name in pins.items():
        lacking[name] -= sizes[group]
    assigned = dict(pins)
    for group, size in zip(sizes.index.tolist(), sizes.tolist(), strict=True):
        if group not in pins:
            name = max(SPLITS, key=lambda split: lacking[split])
            assigned[group] = name
            lacking[name] -= size
    return assigned


def _complete_classes(groups: pd.DataFrame, assigned: dict[int, str]) -> None:
    """Move whole groups until every class has one in each split (needed where groups hold several classes)."""
    members: dict[str, list[int]] = {}
    for group, labels in zip(groups.index.tolist(), groups["labels"], strict=True):
        for label in labels:
            members.setdefault(label, []).append(group)
    present = {label: Counter(assigned[group] for group in own) for label, own in members.items()}
    for label in sorted(members, key=lambda label: (len(members[label]), label)):
        for missing in [name for name in SPLITS if not present[label][name]]:
            movable = [
                group
                for group in members[label]
                if all(present[other][assigned[group]] > 1 for other in groups.at[group, "labels"])
            ]
            if not movable:
                raise DataError(
                    f"class {label!r} has no product left for {missing}: its products are near-duplicates of other "
                    "classes' and may not be torn apart. Set dataset.duplicates to drop or keep."
                )
            group = max(movable, key=lambda group: present[label][assigned[group]])
            for other in groups.at[group, "labels"]:
                present[other][assigned[group]] -= 1
                present[other][missing] += 1
            assigned[group] = missing


def _pin(products: pd.DataFrame, previous: pd.DataFrame | None) -> dict[int, str]:
    """Return the split that a group's earlier products were in (the most frequent one, in the order of SPLITS)."""
    if previous is None:
        return {}
    known = products.merge(previous, on="product_id")
    counts = pd.crosstab(known["group_id"], known["split"]).reindex(columns=list(SPLITS), fill_value=0)
    return dict(zip(counts.index.tolist(), counts.idxmax(axis=1).astype(str), strict=True))


def _read_previous(folder: Path, seed: int) -> pd.DataFrame:
    record, table = folder / "split.json", folder / "splits.parquet"
    if not (record.is_file() and table.is_file()):
        raise DataError(
            f"an earlier split needs split.json and splits.parquet, {folder} lacks one; leave --previous out."
        )
    earlier = json.loads(record.read_text(encoding="utf-8"))["seed"]
    if earlier != seed:
        raise DataError(f"the split in {folder} has seed {earlier}, split.seed is {seed}; leave --previous out.")
    return pd.read_parquet(table)
