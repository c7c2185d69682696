"""Section `fuse`: which pairs of candidates answer as one, and how; each method's settings by its name."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bakeoff.core.section import PositiveFloat, PositiveInt, Section
from bakeoff.fusion.methods import METHODS
from bakeoff.records.study import PairLists, each_once


def _known(name: str) -> str:
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}; legal methods: {', '.join(METHODS)}")
    return name


class WeightedMeanParams(Section):
    """Of `weighted_mean`."""

    best_for: Literal["log_loss", "accuracy", "log_loss_per_class"]
    """What the weight of the first side is found by; `log_loss_per_class` gives every class its own."""


class LinearParams(Section):
    """Of `stacking_logistic`, `stacking_svm` and `voting_stacking`."""

    c: PositiveFloat
    """Inverse of the regularisation."""
    max_rows: PositiveInt | None
    """Products that it learns from at most, drawn at random; null = all."""


class BoostingParams(Section):
    """Of `stacking_boosting`, as scikit-learn's HistGradientBoostingClassifier names them."""

    library: Literal["scikit-learn", "xgboost"]
    max_iter: PositiveInt
    """Rounds, each with a tree per class."""
    learning_rate: PositiveFloat
    max_leaf_nodes: Annotated[int, Field(ge=2)]
    l2_regularization: Annotated[float, Field(ge=0)]
    max_rows: PositiveInt | None


class EarlyParams(Section):
    """Of every early method, which learns from features."""

    dropout: Annotated[float, Field(ge=0, le=1)]
    """Share of the products that it learns from once more without their first side, and as many without the second."""
    max_rows: PositiveInt | None
    """Products that it learns from at most, drawn at random; null = all."""


class EarlyLinearParams(EarlyParams):
    """Of `early_linear`, a logistic regression."""

    c: PositiveFloat
    """Inverse of the regularisation."""


class EarlyMlpParams(EarlyParams):
    """Of `early_mlp`, as scikit-learn's MLPClassifier names them."""

    hidden: Annotated[list[PositiveInt], Field(min_length=1)]
    """Widths of the hidden layers."""
    alpha: Annotated[float, Field(ge=0)]
    max_iter: PositiveInt


class FuseParams(PairLists, extra="forbid"):
    """Section `fuse`: which candidates answer as one, and each method's settings."""

    methods: Annotated[list[Annotated[str, AfterValidator(_known)]], AfterValidator(each_once)]
    weighted_mean: WeightedMeanParams
    stacking_logistic: LinearParams
    stacking_svm: LinearParams
    stacking_boosting: BoostingParams
    voting_stacking: LinearParams
    early_linear: EarlyLinearParams
    early_mlp: EarlyMlpParams

    def settings(self, method: str) -> Section | None:
        """Return a method's settings; None for a rule without any."""
        return getattr(self, method, None)
