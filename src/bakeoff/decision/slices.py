"""Slices of the test products in which a candidate is significantly worse than in the others."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

from bakeoff.data.table import MEASURES_FILE, source_columns
from bakeoff.decision.outcomes import Outcomes
from bakeoff.statistics.binning import equal_mass_bins
from bakeoff.statistics.interval import wilson_intervals
from bakeoff.statistics.paired import holm

COLUMNS = ("candidate", "attribute", "slice", "n", "accuracy", "low", "high", "overall", "p_value", "p_holm")
"""Of slices.csv."""
MIN_PRODUCTS = 10
"""Smaller slices could hardly be told from chance, and each one more weakens the tests of the others."""
_QUARTERS, _ROUNDING = 4, 1e-6


def read_attributes(products_file: Path | None, product_ids: Sequence[str]) -> pd.DataFrame:
    """Return by what the test products are sliced: (N, A) text, null where a product is in no slice.

    These are quarters of each measure, file format and mode, and whatever columns the source has of its own; none
    without products.parquet and measures.parquet beside it.
    """
    if not (products_file and (measures_file := products_file.with_name(MEASURES_FILE)).is_file()):
        return pd.DataFrame(index=list(product_ids))
    products, measures = (pd.read_parquet(path).set_index("product_id") for path in (products_file, measures_file))
    texts = products[["format", "mode", *source_columns(products)]].astype("string").reindex(list(product_ids))
    return texts.join(measures.reindex(texts.index).dropna(axis="columns").apply(_quarters))


def _quarters(values: pd.Series) -> pd.Series:
    """Return each value's quarter of the products as text, its lowest and its highest value."""
    quarters = values.groupby(equal_mass_bins(values.to_numpy(), _QUARTERS))
    low, high = (quarters.transform(end).map("{:.3g}".format) for end in ("min", "max"))
    return low + "\u2013" + high


def find_slices(outcomes: Outcomes, attributes: pd.DataFrame) -> pd.DataFrame:
    """Return every candidate's slices, COLUMNS, the least likely by chance first.

    p is one-sided: how likely a random part of the test products, as large as the slice, holds as many wrong answers.
    It is Fisher's exact test; products of one group count as if all had got the same answer, so that numbers are
    divided by the mean size of a group, and several trainings count by their mean, each rounded against a finding.
    `attributes` (N, A), in the order of `outcomes`, are from `read_attributes`.

    Source:
        A. Agresti, Categorical Data Analysis (2002), section 3.5.1; Holm's correction over a candidate's slices.
    """
    slices = list(_slices(attributes))
    names = pd.DataFrame([name for name, _ in slices], columns=["attribute", "slice"])
    members = np.array([inside for _, inside in slices], dtype=float).reshape(-1, outcomes.n)
    n, copies = members.sum(axis=1), outcomes.n / outcomes.n_effective
    found = []
    for candidate in outcomes.predicted:
        wrong = 1 - outcomes.correct(candidate).mean(axis=0)
        n_wrong = members @ wrong
        least, most = np.floor(n_wrong / copies + _ROUNDING), np.ceil(wrong.sum() / copies - _ROUNDING)
        p_values = hypergeom.sf(least - 1, np.ceil(outcomes.n_effective), most, np.rint(n / copies))
        accuracy = 1 - n_wrong / np.maximum(n, 1)
        low, high = wilson_intervals(accuracy, n / copies)
        values = {"n": n.astype(int), "accuracy": accuracy, "low": low, "high": high, "overall": 1 - wrong.mean()}
        table = names.assign(candidate=candidate, **values, p_value=p_values, p_holm=holm(p_values))
        found.append(table.sort_values(["p_holm", "p_value"], kind="stable"))
    return pd.concat(found, ignore_index=True).loc[:, list(COLUMNS)]


def _slices(attributes: pd.DataFrame) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """Yield attribute, value and (N,) bool of each slice that is large enough and not everything."""
    for name in attributes.columns:
        values = attributes[name]
        for value, n in values.value_counts(sort=False).items():
            if MIN_PRODUCTS <= n < len(values):
                yield (str(name), str(value)), (values == value).fillna(False).to_numpy(dtype=bool)
