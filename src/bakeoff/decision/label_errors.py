"""How the ranking changes without the test products whose label is probably wrong; the choice stays what it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from bakeoff.core.translation import N_, Translator
from bakeoff.decision.outcomes import Outcomes
from bakeoff.decision.resampling import objectives, resampled_metric
from bakeoff.decision.rules import Ranking, pick, preference_costs
from bakeoff.decision.summary import Summary
from bakeoff.records.examination import EXAMINED


class Recounted(NamedTuple):
    """The candidates with and without the test products whose label is probably wrong."""

    n_errors: int
    rows: pd.DataFrame
    """candidate, accuracy, accuracy_without, rank_without, in rank order."""
    sentence: str
    """Whether the rule would choose the same; empty where it chose nobody."""
    changes_choice: bool


def read_label_errors(examination_dir: Path | None, product_ids: Sequence[str]) -> np.ndarray:
    """Return which products have a label that is probably wrong, (N,) bool; none where nothing was examined."""
    if examination_dir is None or not (examination_dir / EXAMINED).is_file():
        return np.zeros(len(product_ids), dtype=bool)
    table = pd.read_parquet(examination_dir / EXAMINED, columns=["product_id", "is_label_error"])
    return np.isin(product_ids, table["product_id"][table["is_label_error"]].to_numpy(dtype=str))


def recount(
    summaries: Sequence[Summary], ranking: Ranking, outcomes: Outcomes, is_error: np.ndarray, *, t: Translator
) -> Recounted | None:
    """Return accuracies, ranks and choice without the errors, (N,) bool as `outcomes`; None where all or none are."""
    if is_error.all() or not is_error.any():
        return None
    kept = (~is_error)[None].astype(np.float32)
    after = {one.candidate: float(resampled_metric("accuracy", outcomes, one.candidate, kept)[0]) for one in summaries}
    order = sorted(summaries, key=lambda one: (-after[one.candidate], one.comparable_latency_ms, one.candidate))
    rows = pd.DataFrame(
        [(one.candidate, one.accuracy, after[one.candidate], 1 + order.index(one)) for one in summaries],
        columns=["candidate", "accuracy", "accuracy_without", "rank_without"],
    )
    if not ranking.eligible:
        return Recounted(int(is_error.sum()), rows, "", False)
    rule, winner = ranking.rule, ranking.eligible[0].candidate
    other, items = winner, sorted(ranking.eligible, key=lambda item: item.candidate)
    if not rule.maximise.is_time:
        values = objectives(items, rule, outcomes, kept)
        other = items[int(pick(values, preference_costs(items, rule), rule.tolerance(int(kept.sum())))[0])].candidate
    same = N_("Without the test products whose label is probably wrong, {winner} would be chosen as well.")
    change = N_("Without the test products whose label is probably wrong, {other} would be chosen, not {winner}.")
    sentence = t.gettext(same if other == winner else change, winner=winner, other=other)
    return Recounted(int(is_error.sum()), rows, sentence, other != winner)
