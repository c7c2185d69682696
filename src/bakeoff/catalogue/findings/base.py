"""What every finding gives: a score per product, which are flagged, and a summary, as cleanlab's Datalab has it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from bakeoff.data.table import DIGESTS, MEASURES_FILE, read_prepared
from bakeoff.records.catalogue import FindingSummary

Table = Column = Any  # a pandas DataFrame and a Series, whose stubs doubt every selection
COLUMNS = {
    "product_id": "string",
    "finding": "string",
    "measure": "float32",
    "threshold": "float32",
    "other_product": "string",
}
"""Of findings.parquet, with their types; `measure` and `threshold` are null where a finding has none."""
_SURE = 0.9


@dataclass(frozen=True)
class Examined:
    """A prepared catalogue as findings see it."""

    products: Table
    """N accepted products, index 0 to N-1: products.parquet with measures, digest, cluster, title and description."""
    rejected: Table  # rejected.csv

    @cached_property
    def languages(self) -> Column:
        """The language of each product's texts, `find_languages`."""
        return find_languages(self.texts)

    @cached_property
    def texts(self) -> Column:
        """Title and description as one text per product, white space evened out; empty where it has neither."""
        joined = self.products["title"].fillna("") + " " + self.products["description"].fillna("")
        return joined.str.split().str.join(" ")


@dataclass(frozen=True)
class Examination:
    """What one finding says of M products; null scores are products that it cannot judge."""

    product_ids: Column
    scores: Column  # the measure, float; which side is the worse one, `is_low_worse` says
    is_flagged: Column
    threshold: float | None = None  # what flagged scores lie beyond; None where no number decides
    is_low_worse: bool = False
    others: Column | None = None  # the product that each one was compared with, by id

    def rows(self, finding: str) -> Table:
        """Return a row of findings.parquet per flagged product, the worst first."""
        rows = pd.DataFrame({"product_id": self.product_ids, "measure": self.scores, "other_product": self.others})
        rows = rows[self.is_flagged].assign(finding=finding, threshold=self.threshold)
        rows = rows.sort_values("measure", ascending=self.is_low_worse, kind="stable")
        return rows[list(COLUMNS)].astype(COLUMNS)

    def summary(self) -> FindingSummary:
        """Return how many are flagged, and beyond which threshold."""
        return FindingSummary(n=int(self.is_flagged.sum()), threshold=self.threshold)


Finding = Callable[[Examined], Examination]


def read_examined(catalogue_dir: Path, rejected: Table) -> Examined:
    """Return what `prepare` wrote, joined by product."""
    products = read_prepared(catalogue_dir)
    for name in (MEASURES_FILE, DIGESTS, "texts.parquet"):
        table = read_prepared(catalogue_dir, name)
        products = products.merge(table, on="product_id", how="left", validate="one_to_one")
    return Examined(products, rejected)


def repeated(product_ids: Column, groups: Column) -> Examination:
    """Flag all but the first product of each group, which is the other one; the measure is the group's size."""
    sizes, first = groups.groupby(groups).transform("size"), product_ids.groupby(groups).transform("first")
    return Examination(product_ids, sizes, groups.duplicated(), 1.0, others=first)


def rival_of_each(products: Table, groups: Column) -> Column:
    """Return for each product the first of its group with another label, by id; null where there is none."""
    ids, labels = products["product_id"], products["label"]
    differs = labels != labels.groupby(groups).transform("first")
    second = ids.where(differs).groupby(groups).transform("first")
    return ids.groupby(groups).transform("first").where(differs, second)


def find_languages(texts: Column) -> Column:
    """Return each text's language as its ISO 639-1 code; null where there is none, or py3langid's model is not sure.

    Equal texts are looked at once. 1,000 descriptions of 200 letters take 0.25 s.

    Source: Lui and Baldwin 2012, langid.py: an off-the-shelf language identification tool, ACL demonstrations.
    """
    guesses = {text: _identifier().classify(text) for text in texts.unique() if text}
    return texts.map({text: code for text, (code, probability) in guesses.items() if probability >= _SURE})


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
