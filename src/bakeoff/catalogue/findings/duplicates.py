"""Products that show one picture: more than once, under several labels, or in place of a photo of their own."""

from bakeoff.catalogue.findings.base import Column, Examination, Examined, Finding, first_of_each, rival_of_each


class ExactDuplicates(Finding):
    """All but the first of the products whose photos have the same pixels; the measure is how many have them."""

    name = "exact_duplicate"

    def examine(self, catalogue: Examined) -> Examination:
        """Return for each product how many have its photo."""
        return _examine_repeated(catalogue.products["product_id"], catalogue.products["digest"])


class NearDuplicates(Finding):
    """Products whose photos are nearly the same as one above them; the measure is how many are alike.

    Exact copies are not told again, nor are products that belong together in the source alone.
    """

    name = "near_duplicate"

    def examine(self, catalogue: Examined) -> Examination:
        """Return for each product how many different photos are as good as its own."""
        products = catalogue.products.drop_duplicates("digest")
        return _examine_repeated(products["product_id"], products["cluster"])


class LabelConflicts(Finding):
    """Products of which the same or nearly the same photo has other labels too.

    The measure is the share of those products that have this label: the training weight that `prepare` gave it. The
    other product is null where `dataset.duplicates: drop` left this one alone.
    """

    name = "label_conflict"

    def examine(self, catalogue: Examined) -> Examination:
        """Return each product's weight."""
        products, weights = catalogue.products, catalogue.products["weight"].astype(float)
        others = rival_of_each(products, products["cluster"])
        return Examination(products["product_id"], weights, weights < 1, 1.0, is_low_worse=True, others=others)


class Placeholders(Finding):
    """Rejected products whose photo stands in for many; the measure is how many have it."""

    name = "placeholder"

    def examine(self, catalogue: Examined) -> Examination:
        """Return for each rejected product how many were rejected for the same."""
        rejected = catalogue.rejected
        n_alike = rejected.groupby("detail")["detail"].transform("size")
        return Examination(rejected["product_id"], n_alike, rejected["reason"] == "placeholder")


def _examine_repeated(product_ids: Column, groups: Column) -> Examination:
    """Return the size of each product's group; all but its first product are flagged, which is the other one."""
    return Examination(
        product_ids,
        groups.groupby(groups).transform("size"),
        groups.duplicated(),
        1.0,
        others=first_of_each(product_ids, groups),
    )
