"""Products that show one picture: more than once, under several labels, or in place of a photo of their own."""

from bakeoff.catalogue.findings.base import Examination, Examined, Finding, repeated, rival_of_each


def exact_duplicates(catalogue: Examined) -> Examination:
    """All but the first of the products whose photos have the same pixels; the measure is how many have them."""
    return repeated(catalogue.products["product_id"], catalogue.products["digest"])


def near_duplicates(catalogue: Examined) -> Examination:
    """All but the first of the different photos in a cluster; the measure is how many they are."""
    products = catalogue.products.drop_duplicates("digest")
    return repeated(products["product_id"], products["cluster"])


def label_conflicts(catalogue: Examined) -> Examination:
    """Products in whose cluster other labels occur; the measure is the share that has this label: its training weight.

    The other product is null where `dataset.duplicates: drop` left this one alone.
    """
    products, weights = catalogue.products, catalogue.products["weight"].astype(float)
    others = rival_of_each(products, products["cluster"])
    return Examination(products["product_id"], weights, weights < 1, 1.0, is_low_worse=True, others=others)


def placeholders(catalogue: Examined) -> Examination:
    """Rejected products whose photo stands in for many; the measure is how many have it."""
    rejected = catalogue.rejected
    n_alike = rejected.groupby("detail")["detail"].transform("size")
    return Examination(rejected["product_id"], n_alike, rejected["reason"] == "placeholder")


FINDINGS: dict[str, Finding] = {
    "exact_duplicate": exact_duplicates,
    "near_duplicate": near_duplicates,
    "label_conflict": label_conflicts,
    "placeholder": placeholders,
}
