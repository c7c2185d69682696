"""Which method of explanation can be believed for which candidate, as a table of the report."""

from collections.abc import Sequence
from typing import NamedTuple

from bakeoff.decision.collect import Evaluated
from bakeoff.interpret.figures import method_title
from bakeoff.records.faithfulness import FAITHFULNESS_FILE, FaithfulnessRecord, MethodFaithfulness


class TrustTable(NamedTuple):
    """The candidates whose heat maps were measured, by name, and every method's title by its name."""

    candidates: dict[str, FaithfulnessRecord]
    titles: dict[str, str]

    @property
    def rows(self) -> list[tuple[str, str, MethodFaithfulness]]:
        """Return candidate, method's title and figures of each that was measured."""
        return [(name, one.title, one) for name, record in self.candidates.items() for one in record.methods.values()]

    @property
    def refusals(self) -> dict[tuple[str, str], list[str]]:
        """Return the candidates that a method cannot be had for, by its title and the reason."""
        found: dict[tuple[str, str], list[str]] = {}
        for candidate, record in self.candidates.items():
            for name, reason in record.refused.items():
                found.setdefault((self.titles[name], reason), []).append(candidate)
        return found


def trust_table(records: Sequence[Evaluated]) -> TrustTable | None:
    """Return the table of the candidates that were measured since they were trained; None where none was."""
    found: dict[str, FaithfulnessRecord] = {}
    for record in records:
        measured = FaithfulnessRecord.read_current(record.folder / "faithfulness" / FAITHFULNESS_FILE)
        if measured and measured.training_key == record.training.key:
            found[record.candidate.name] = measured
    titles = {name: method_title(name) for one in found.values() for name in one.refused}
    titles |= {name: method.title for one in found.values() for name, method in one.methods.items()}
    return TrustTable(found, titles) if found else None
