"""The one split that every candidate shares: stratified, whole groups, the same for the same seed.

Within a class the groups are put in the order of a hash and cut into three stretches, so few products would change
sides when others join; with the earlier split given, none does. An official split that the source names is kept.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bakeoff.catalogue.params import SplitParams
from bakeoff.core.errors import DataError
from bakeoff.data.table import SPLITS, UNUSED

_CUT_ORDER = ("test", "validation", "train")
_LEAK = "in a group of the official test set"


def make_split(products: pd.DataFrame, params: SplitParams, *, previous: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return which product is in which split.

    - holdout: the shares; an official split is kept, and a split that it lacks is cut from train. A group that spans
      official splits goes to the first of train, validation and test that it lies in.
    - official: as holdout, but the official test set stays whole, and no other product joins it. Products outside it
      whose group lies in it too are unused, or stay where they are.
    - kfold: test is one of `n_folds` folds, and validation is cut from the rest. Official splits are not used.

    A group counts for a class by its products of that class; where these are more than validation or test should hold,
    it goes to train, and the shares are those of the other groups.

    Args:
        products: `product_id`, `label`, `group_id`, and `official_split` where there is one; the order of rows does not
            matter.
        params: method, shares and seed.
        previous: an earlier split of the same seed (`product_id`, `split`); its products stay where they were, unless a
            new product joins two groups that lay in different splits. Not of kfold, whose folds would overlap.

    Returns:
        `product_id`, `split`, in the order of `products`, and, of official, `reason` (null but for unused products): no
        group in two splits, every class in all three, the shares of a class kept within its largest group wherever it
        has enough groups. With official and kfold the test set may lack a class that has no product or fewer groups
        than folds, and validation one of which nothing but a group to train with is left.

    Raises:
        DataError: a class has fewer than three groups or nothing to train with, shared groups or the official split
            keep a class out of a split, the official split has nothing to train with, no test set for official, or a
            fold without a product.
    """
    if params.method == "official":
        return _keep_test(products, params, previous)
    if params.method == "kfold":
        if previous is not None:
            raise DataError("the folds of split.method: kfold are always cut from all products; leave --previous out.")
        folds = assign_folds(products, params.n_folds, seed=params.seed)
        if params.fold not in folds.values():
            raise DataError(
                f"fold {params.fold} has no product: there are fewer groups than split.n_folds ({params.n_folds}); "
                "lower it."
            )
        words = ["test" if folds[group] == params.fold else "train" for group in products["group_id"]]
        products = products.assign(official_split=words)
    _require_three_groups(products)
    return _divide(products, params, previous, whole_test=params.method == "kfold")


def find_leaks(groups: Any, is_test: np.ndarray) -> np.ndarray:
    """Return which products, (N,) bool, are not in test and in a group with one that is."""
    return groups.isin(groups[is_test]).to_numpy() & ~is_test


def _keep_test(products: pd.DataFrame, params: SplitParams, previous: pd.DataFrame | None) -> pd.DataFrame:
    is_test = products["official_split"].isin(["test"]).to_numpy() if "official_split" in products else np.array([])
    if not is_test.any():
        raise DataError(
            "split.method: official needs a source with an official test set, and no product is in one; name the "
            "column (dataset.columns.split), or set split.method: holdout."
        )
    leaks = find_leaks(products["group_id"], is_test)
    left_out = leaks & (params.official_leaks == "drop")
    apart = products["group_id"].where(~leaks, products["group_id"] + products["group_id"].max() + 1)
    used = products.assign(group_id=apart, official_split=products["official_split"].fillna("train"))
    used = used.loc[~left_out, :]
    table = _divide(used, params, previous, whole_test=True)
    split = products[["product_id"]].merge(table, on="product_id", how="left").fillna({"split": UNUSED})
    return split.assign(reason=pd.Series([_LEAK if out else None for out in left_out], dtype="string"))


def _divide(
    products: pd.DataFrame, params: SplitParams, previous: pd.DataFrame | None, *, whole_test: bool
) -> pd.DataFrame:
    """Return `product_id` and `split`; with `whole_test` no group joins the official test set."""
    order = order_groups(products, params.seed)
    counted = {str(label): own.value_counts() for label, own in products.groupby("label")["group_id"]}
    # for each class its products in each of its groups, which are the index
    members: Any = {label: own.loc[sorted(own.index, key=order.__getitem__)] for label, own in counted.items()}
    shares = {name: getattr(params, name) for name in SPLITS}
    official, missing = _official_groups(products)
    fixed = {group: name for group, name in official.items() if name != "train" or not missing}
    pinned = {group: name for group, name in _pin(products, previous).items() if name != "test" or not whole_test}
    assigned = pinned | fixed
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
    held = {group for group, name in fixed.items() if name != "train"}
    _complete_classes(members, assigned, held=held, whole_test=whole_test)
    names = [assigned[int(group)] for group in products["group_id"]]
    return pd.DataFrame({"product_id": products["product_id"].to_list(), "split": names})


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
        large |= set(over.index[: max(0, len(sizes) - len(SPLITS))].tolist())
    return large


def _require_three_groups(products: pd.DataFrame) -> None:
    n_groups = products.groupby("label")["group_id"].nunique()
    if len(small := n_groups[n_groups < len(SPLITS)]):
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
    lacking = {name: share / sum(shares.values()) * sum(sizes) for name, share in shares.items()}
    assigned: dict[int, str] = {}
    for group in sorted(sizes.index.tolist(), key=lambda group: group not in pins):
        assigned[group] = name = pins.get(group) or max(shares, key=lambda split: lacking[split])
        lacking[name] = lacking.get(name, 0) - sizes[group]
    return assigned


def _complete_classes(members: dict[str, Any], assigned: dict[int, str], *, held: set[int], whole_test: bool) -> None:
    """Move whole groups, but none `held`, until every class has one in each split; `whole_test`: none into test."""
    needed = SPLITS[:2] if whole_test else SPLITS
    labels: dict[int, list[str]] = {}
    for label, sizes in members.items():
        for group in sizes.index:
            labels.setdefault(group, []).append(label)
    present = {label: Counter(assigned[group] for group in sizes.index) for label, sizes in members.items()}
    for label in sorted(members, key=lambda label: (len(members[label]), label)):
        for missing in [name for name in needed if not present[label][name]]:
            movable = [
                group
                for group in members[label].index
                if group not in held and all(present[other][assigned[group]] > 1 for other in labels[group])
            ]
            if not movable and whole_test and missing == "validation":
                continue
            if not movable:
                raise DataError(
                    f"class {label!r} has no product left for {missing}: its products share groups with "
                    "other classes', which stay whole, or the official split has them elsewhere. Set "
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


def order_groups(products: pd.DataFrame, seed: int) -> dict[Any, tuple[str, Any]]:
    """Return each group's place in an order of the seed's own, which no other product and no order of rows changes."""
    return {
        group: (hashlib.blake2b(f"{seed}\0{first}".encode(), digest_size=8).hexdigest(), first)
        for group, first in products.groupby("group_id")["product_id"].min().items()
    }


def assign_folds(products: pd.DataFrame, n_folds: int, *, seed: int) -> dict[int, int]:
    """Return the fold of every group: `group_id` to 0 to n_folds - 1.

    Groups of several classes come first, then the largest; each goes to the fold that has least of its classes. So the
    products of a class whose groups are its own differ between folds by its largest group at most, and it lies in
    every fold if it has as many groups. The order of rows does not matter; `seed` is of the order among equals.

    Source: the greedy rule of scikit-learn's StratifiedGroupKFold, with loads per class in place of their variance.
    """
    counts: dict[int, Counter[str]] = {}
    for group, label in sorted(zip(products["group_id"], products["label"], strict=True)):
        counts.setdefault(group, Counter())[label] += 1
    order, totals = order_groups(products, seed), products["label"].value_counts().to_dict()
    loads = {label: [0] * n_folds for label in totals}
    sizes, folds = [0] * n_folds, {}
    for group in sorted(counts, key=lambda group: (-len(counts[group]), -counts[group].total(), order[group])):
        own = counts[group]
        shares = [sum(loads[label][fold] / totals[label] for label in own) for fold in range(n_folds)]
        folds[int(group)] = best = min(range(n_folds), key=lambda fold: (shares[fold], sizes[fold], fold))
        sizes[best] += own.total()
        for label, n in own.items():
            loads[label][best] += n
    return folds
