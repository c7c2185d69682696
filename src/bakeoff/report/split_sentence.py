"""How the products were divided, for page, card and note."""

from bakeoff.core.translation import N_, Translator
from bakeoff.records.catalogue import SplitRecord

_METHODS = {
    "holdout": N_("Stratified split (holdout), seed {seed}."),
    "official": N_("Official split: the source’s own test set, whole (seed {seed})."),
    "kfold": N_("Stratified {n_folds}-fold split, seed {seed}: fold {fold} is the test set (counted from 0)."),
}
_COUNTS = {
    "n_moved_from_official_split": N_(
        "{n:,d} products left the official validation or test set, whose groups are elsewhere."
    ),
    "n_unused": N_("{n:,d} products are unused: their groups lie in the official test set."),
    "n_leaks": N_(
        "{n:,d} products of train or validation are in groups with products of the test set (official_leaks: keep), so "
        "accuracies may be too high."
    ),
}


def split_in_words(split: SplitRecord, t: Translator) -> str:
    """Return the method, and what became of products that are alike and in different official splits."""
    told = [t.gettext(_METHODS[split.method], **split.model_dump(include={"seed", "fold", "n_folds"}))]
    if split.repair:
        told.append(t.gettext("Products and photos are repaired: {name}.", name=split.repair.repair.name))
    return " ".join([*told, *(t.gettext(text, n=n) for key, text in _COUNTS.items() if (n := getattr(split, key)))])
