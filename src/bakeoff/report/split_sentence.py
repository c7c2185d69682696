"""How the products were divided, for page, card and note."""

from bakeoff.core.translation import Translator
from bakeoff.records.catalogue import SplitRecord


def split_in_words(split: SplitRecord, t: Translator) -> str:
    """Return the method, and what became of products that are alike and in different official splits."""
    numbers = {"n_folds": split.n_folds, "fold": split.fold, "seed": split.seed}
    told = [
        {
            "holdout": t.gettext("Stratified split (holdout), seed {seed}.", **numbers),
            "official": t.gettext("Official split: the source’s own test set, whole (seed {seed}).", **numbers),
            "kfold": t.gettext(
                "Stratified {n_folds}-fold split, seed {seed}: fold {fold} is the test set (counted from 0).", **numbers
            ),
        }[split.method]
    ]
    if n := split.n_moved_from_official_split:
        told.append(
            t.gettext("{n:,d} products left the official validation or test set, whose groups are elsewhere.", n=n)
        )
    if split.n_unused:
        told.append(
            t.gettext("{n:,d} products are unused: their groups lie in the official test set.", n=split.n_unused)
        )
    if split.n_leaks:
        told.append(
            t.gettext(
                "{n:,d} products of train or validation have near-duplicates in the test set (official_leaks: keep), "
                "so accuracies may be too high.",
                n=split.n_leaks,
            )
        )
    return " ".join(told)
