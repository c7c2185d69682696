"""The study as the comparison sees it."""

from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.records.candidate import Candidate
from bakeoff.records.study import StudyLists


@dataclass(frozen=True)
class Study:
    """Which candidates there should be, by name and never by globbing."""

    lists: StudyLists
    unfinished: frozenset[str] = frozenset()
    """Candidates one of whose stages failed in this run: what runs/ still holds of them is older and does not count."""
    choices: Sequence[str] | None = ()
    """What `-S` takes to compose its params.yaml from conf/; None where no choices do."""

    def candidates(self) -> list[Candidate]:
        """Return every training of the study, the baseline's first."""
        return self.lists.candidates()
