"""The one split that every candidate shares: stratified, whole groups, the same for the same seed.

Within a class the groups are put in the order of a hash and cut into three stretches, so few products would change
sides when others join; with the earlier split given, none does. An official split that the source names is kept.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.catalogue.params import SplitParams
from bakeoff.core.errors import DataError
from bakeoff.core.failures import drawing
from bakeoff.core.files import write_json
from bakeoff.data.figures import MAX_BARS, Figure, of_classes, shorten
from bakeoff.data.table import SPLITS, read_products

_COLOURS = {"train": "#0072b2", "validation": "#e69f00", "test": "#009e73"}
_CUT_ORDER = ("test", "validation", "train")


def make_split(products: pd.DataFrame, params: SplitParams, *, previous: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return which product is in which split.

    The official split is kept, and a split that it lacks is cut from train. A group that spans official splits goes to
    the first of train, validation and test that it lies in, so that nothing of train is left in test. A group counts
    for a class by its products of that class; where these are more than validation or test should hold, it goes to
    train, and the shares are those of the other groups.

    Args:
        products: `product_id`, `label`, `group_id`, and `official_split` where there is one; the order of rows does not
            matter.
        params: the three shares and the seed.
        previous: an earlier split of the same seed (`product_id`, `split`); its products stay where they were, unless a
            new product joins two groups that lay in different splits.

    Returns:
        `product_id`, `split`, in the order of `products`: no group in two splits, every class in all three, the shares
        of a class kept within its largest group wherever it has enough groups.

    Raises:
        DataError: a class has fewer than three groups, shared groups or the official split keep a class out of a split,
            or the official split has nothing to train with.
    """
    members = _count_members(products, params.seed)
    _require_three_groups(members)
    shares = {name: getattr(params, name) for name in SPLITS}
    official, missing = _official_groups(products)
    fixed = {group: name for group, name in official.items() if name != "train" or not missing}
    assigned = _pin(products, previous) | fixed
    large = _large_groups(members, min(params.validation, params.test)) - set(assigned)
    assigned |= dict.fromkeys(large, "train")
    done = large | set(fixed)
    for label in sorted(members, key=lambda label: (len(members[label]), label)):
        own = members[label][[group not in done for group in members[label].index]]
        of_train = [group in official for group in own.index]
        for part, allowed in ((own[[not known for known in of_train]], SPLITS), (own[of_train], ("train", *missing))):
            pins = {group: assigned[group] for group in part.index if group in assigned}
            own_shares = {name: shares[name] for name in allowed}
            assigned |= _fill_class(part, pins, own_shares) if pins else _cut_class(part, own_shares)
    _complete_classes(members, assigned, held={group for group, name in fixed.items() if name != "train"})
    names = [assigned[int(group)] for group in products["group_id"]]
    return pd.DataFrame({"product_id": products["product_id"].to_list(), "split": names})


def write_split(
    catalogue_dir: Path, params: SplitParams, out_dir: Path, *, previous: Path | None = None
) -> pd.DataFrame:
    """Write splits.parquet, split.json and figures/class_balance.png, and return the split.

    Raises:
        DataError: `previous` is not an earlier folder of this stage, or has another seed.
    """
    products = read_products(catalogue_dir)
    split = make_split(products, params, previous=None if previous is None else _read_previous(previous, params.seed))
    out_dir.mkdir(parents=True, exist_ok=True)
    split.to_parquet(out_dir / "splits.parquet", index=False)
    counts = pd.crosstab(products["label"], split["split"]).reindex(columns=list(SPLITS), fill_value=0)
    record: dict[str, Any] = {**params.model_dump(), "counts": {name: counts[name].to_dict() for name in SPLITS}}
    held_out = products["official_split"].isin(SPLITS[1:]) if "official_split" in products else False
    if n_moved := int((held_out & (split["split"] != products.get("official_split"))).sum()):
        record["n_moved_from_official_split"] = n_moved
        sys.stderr.write(
            f"bakeoff: WARNING: {n_moved} products are not in their official validation or test split, because nearly "
            "the same photo is in train, or in validation.\n"
        )
    write_json(out_dir / "split.json", record)
    with drawing(out_dir / "figures" / "class_balance.png", out_dir) as path:
        draw_class_balance(counts).savefig(path, dpi=130)
    return split


def draw_class_balance(counts: pd.DataFrame) -> Figure:
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
    axes.set_title("Class balance per split" + of_classes(len(counts)))
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.08)
    axes.legend(loc="lower right", frameon=False)
    return figure


def _count_members(products: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Return for each class a Series: its products in each of its groups, which are the index, in hash order."""
    order = {
        group: (hashlib.blake2b(f"{seed}\0{first}".encode(), digest_size=8).hexdigest(), first)
        for group, first in products.groupby("group_id")["product_id"].min().items()
    }
    counted = {str(label): own.value_counts() for label, own in products.groupby("label")["group_id"]}
    return {label: sizes.loc[sorted(sizes.index, key=order.__getitem__)] for label, sizes in counted.items()}


def _official_groups(products: pd.DataFrame) -> tuple[dict[int, str], list[str]]:
    """Return the official split of each group that has one, and the splits that are not among the official ones."""
    known = products[["group_id", "official_split"]].dropna() if "official_split" in products else pd.DataFrame()
    found: dict[int, str] = {}
    if known.empty:
        return found, []
    for name in reversed(SPLITS):  # train last: it takes the groups that lie in several
        found |= dict.fromkeys(known.loc[known["official_split"] == name, "group_id"].tolist(), name)
    missing = [name for name in SPLITS if name not in set(known["official_split"])]
    if "train" in missing:
        raise DataError(
            "the official split has no product to train with; add some, or leave that split out "
            "(dataset.columns.split: null)."
        )
    return found, missing


def _large_groups(members: dict[str, Any], share: float) -> set[int]:
    """Return the groups with more than `share` of a class's products, largest first while three others stay."""
    large: set[int] = set()
    for sizes in members.values():
        over = sizes[sizes > max(1, share * sizes.sum())].sort_values(ascending=False, kind="stable")
        large |= set(over.index[: len(sizes) - len(SPLITS)].tolist())
    return large


def _require_three_groups(members: dict[str, Any]) -> None:
    small = {label: len(sizes) for label, sizes in sorted(members.items()) if len(sizes) < len(SPLITS)}
    if small:
        listed = ", ".join(f"{label!r} ({n})" for label, n in small.items())
        raise DataError(
            f"every class needs at least 3 groups of products, one for each split; too small: {listed}. "
            "Add products, or let `prepare` reject the class (prepare.class_too_small: reject)."
        )


def _cut_class(sizes: Any, shares: Mapping[str, float]) -> dict[int, str]:
    """Cut one class's groups, in hash order, nearest to its shares; each stretch gets one where it can."""
    names = [name for name in _CUT_ORDER if name in shares]
    ends, total = sizes.cumsum().tolist(), sum(sizes)
    cuts = [0]
    for number, _ in enumerate(names[1:], start=1):
        target = sum(shares[name] for name in names[:number]) / sum(shares.values()) * total
        cuts.append(_nearest(ends, target, lowest=cuts[-1] + 1, highest=len(ends) - len(names) + number))
    stretches = zip(names, cuts, [*cuts[1:], len(ends)], strict=True)
    return {int(group): name for name, start, stop in stretches for group in sizes.index[start:stop]}


def _nearest(ends: list[int], target: float, *, lowest: int, highest: int) -> int:
    """Return how many groups to take so that their products come nearest to `target`, within the bounds."""
    highest = max(highest, lowest - 1)  # too few groups: train, which is last, is served first
    candidates = range(min(lowest, highest), highest + 1)
    return min(candidates, key=lambda n: (abs((ends[n - 1] if n else 0) - target), n))


def _fill_class(sizes: Any, pins: Mapping[int, str], shares: Mapping[str, float]) -> dict[int, str]:
    """Keep the pinned groups and give each new one, in hash order, to the split that lacks most of its share."""
    total = sum(sizes)
    lacking = {name: share / sum(shares.values()) * total for name, share in shares.items()}
    for group, name in pins.items():
        lacking[name] = lacking.get(name, 0) - sizes[group]
    assigned = dict(pins)
    for group, size in zip(sizes.index.tolist(), sizes.tolist(), strict=True):
        if group not in pins:
            name = max(shares, key=lambda split: lacking[split])
            assigned[group] = name
            lacking[name] -= size
    return assigned


def _complete_classes(members: dict[str, Any], assigned: dict[int, str], *, held: set[int]) -> None:
    """Move whole groups, but none `held`, until every class has one in each split."""
    labels: dict[int, list[str]] = {}
    for label, sizes in members.items():
        for group in sizes.index:
            labels.setdefault(group, []).append(label)
    present = {label: Counter(assigned[group] for group in sizes.index) for label, sizes in members.items()}
    for label in sorted(members, key=lambda label: (len(members[label]), label)):
        for missing in [name for name in SPLITS if not present[label][name]]:
            movable = [
                group
                for group in members[label].index
                if group not in held and all(present[other][assigned[group]] > 1 for other in labels[group])
            ]
            if not movable:
                raise DataError(
                    f"class {label!r} has no product left for {missing}: its products are near-duplicates of other "
                    "classes' and may not be torn apart, or the official split has them elsewhere. Set "
                    "dataset.duplicates to drop or keep, or list the class in dataset.exclude_labels."
                )
            group = max(movable, key=lambda group: present[label][assigned[group]])
            for other in labels[group]:
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
