"""What a table's cell says of a product's class: one level of a category tree, one of several labels."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from bakeoff.catalogue.params import DatasetParams
from bakeoff.core.names import category_levels, split_cell
from bakeoff.data.decode import Rejection


@dataclass(frozen=True)
class LabelRule:
    """How labels are read, by `prepare` and by `monitor` alike."""

    level: int = 1
    """Of a category tree; a tree with fewer levels gives its last one."""
    separator: str | None = None
    """Between the labels of one cell; null = a cell is one label."""
    several: Literal["reject", "first"] = "reject"

    @classmethod
    def of(cls, dataset: DatasetParams) -> Self:
        """Return the rule that params give."""
        return cls(dataset.label_level, dataset.label_separator, dataset.several_labels)

    def read(self, cells: Sequence[str | None]) -> list[str | Rejection | None]:
        """Return each cell's class, null where it is empty, or why it has none; tell of trees with fewer levels."""
        n_short, labels = 0, list[str | Rejection | None]()
        for cell in cells:
            parts = [cell or ""] if self.separator is None else split_cell(cell or "", re.escape(self.separator))
            trees = list(map(category_levels, parts))
            names = [*filter(None, dict.fromkeys(tree[: self.level][-1] for tree in trees))]
            n_short += bool(names) and len(trees[0]) < self.level
            refused = len(names) > 1 and self.several == "reject"
            labels.append(Rejection("several_labels", ", ".join(names)) if refused else next(iter(names), None))
        if n_short:
            sys.stderr.write(
                f"bakeoff: the category tree of {n_short} products has fewer than {self.level} levels "
                "(dataset.label_level); its last level is their class.\n"
            )
        return labels
