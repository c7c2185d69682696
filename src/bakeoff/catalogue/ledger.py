"""What `prepare` rejects, product by product, for rejected.csv: nothing disappears without a reason."""

import numpy as np
import pandas as pd

from bakeoff.catalogue.sources.base import RawProduct
from bakeoff.core.names import readable
from bakeoff.data.decode import Rejection


class Ledger(list[tuple[str, ...]]):
    """What has been rejected so far: product id, image, label, reason and detail."""

    def reject(self, product: RawProduct, refusal: Rejection) -> None:
        """Note that a product is left out, and why."""
        row = (product.product_id, product.shown_image, product.label or "", refusal.reason, refusal.detail)
        self.append(tuple(map(readable, row)))


def reject_rows(
    table: pd.DataFrame, refused: np.ndarray, reason: str, details: list[str], ledger: Ledger
) -> pd.DataFrame:
    """Reject the rows where `refused` (N,) bool is true, each with its detail, and return the others, renumbered."""
    for position in np.flatnonzero(refused):
        row = table.iloc[position]
        ledger.reject(RawProduct(*row[["product_id", "image_path", "label"]]), Rejection(reason, details[position]))
    return table.iloc[np.flatnonzero(~refused)].reset_index(drop=True)
