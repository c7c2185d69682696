"""How the ranking changes without the test products whose label is probably wrong; the choice stays what it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.resampling import objectives, resampled_metric
from bakeoff.decision.rules import Ranking, pick, preference_costs
from bakeoff.decision.summary import Summary


class Recount(NamedTuple):
    """A candidate's accuracy and rank by it, on all test products and without those whose label is probably wrong."""

    candidate: str
    accuracy: float
    accuracy_without: float
    rank: int
    rank_without: int


@dataclass(frozen=True)
class Recounted:
    """All candidates without the probable label errors."""

    n_errors: int
    rows: list[Recount]
    winner: str | None
    winner_without: str | None

    @property
    def changes_choice(self) -> bool:
        """Whether the rule would choose another candidate."""
        return self.winner != self.winner_without

    def sentence(self, t: Translator) -> str:
        """Return whether the choice would stay; empty where none was made."""
        if self.winner is None:
            return ""
        change = N_("Without {n} test products whose label is probably wrong, {other} would be chosen, not {winner}.")
        same = N_("Without {n} test products whose label is probably wrong, {winner} would be chosen as well.")
        told = change if self.changes_choice else same
        return t.gettext(told, n=self.n_errors, winner=self.winner, other=self.winner_without)


def recount(summaries: Sequence[Summary], ranking: Ranking, outcomes: Outcomes, is_error: np.ndarray) -> Recounted:
    """Return accuracies, ranks and the rule's choice on the test products whose label is not probably wrong.

    Args:
        summaries: of every candidate, in rank order.
        ranking: who may be chosen, by the rule, on all test products.
        outcomes: of every candidate.
        is_error: (N,) bool, in the order of `outcomes`; not all.
    """
    kept = (~is_error)[None].astype(np.float32)
    after = {one.candidate: float(resampled_metric("accuracy", outcomes, one.candidate, kept)[0]) for one in summaries}
    order = sorted(summaries, key=lambda one: (-after[one.candidate], one.comparable_latency_ms, one.candidate))
    ranks = {one.candidate: rank for rank, one in enumerate(order, start=1)}
    rows = [
        Recount(one.candidate, one.accuracy, after[one.candidate], rank, ranks[one.candidate])
        for rank, one in enumerate(summaries, start=1)
    ]
    items, rule = sorted(ranking.eligible, key=lambda item: item.candidate), ranking.rule
    winner = other = ranking.eligible[0].candidate if ranking.eligible else None
    if items and not rule.maximise.is_time:
        values = objectives(items, rule, outcomes, kept)
        other = items[int(pick(values, preference_costs(items, rule), rule.tolerance(int(kept.sum())))[0])].candidate
    return Recounted(int(is_error.sum()), rows, winner, other)
