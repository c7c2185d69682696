"""data/examination: what a frozen backbone's features say of the products, for the report alone."""

from typing import ClassVar

from bakeoff.core.section import Section
from bakeoff.records.base import Record
from bakeoff.records.catalogue import FindingSummary

FILE, EXAMINED = "examination.json", "products.parquet"
"""A row per product: product_id, label, split; outlier, the mean cosine distance to the 10 nearest; probability, the
cross-validated one of its label; suggested, the most probable label; is_label_error; nearest_train and its similarity,
of validation and test alone; x and y of t-SNE, null beyond the sample."""


class Drift(Section):
    """How differently two splits' products lie in feature space."""

    mmd: float  # the squared maximum mean discrepancy: 0 for one distribution, at most 2
    p_value: float  # how likely products split at random would differ as much
    n_train: int
    n_test: int  # products compared, of a group one


class ExaminationRecord(Record):
    """data/examination/examination.json: counts and thresholds."""

    STAGE: ClassVar[str] = "examine"

    model: str  # whose features
    pretrained: bool
    n_products: int
    accuracy: float  # share of products whose label is the most probable one
    label_errors: dict[str, int]  # split to products whose label is probably wrong
    outliers: FindingSummary
    n_leaks: int  # test products that lie unusually close to a train product
    drift: Drift | None = None  # of test against train; None where either has fewer than two groups
