"""What the report shows beside the numbers, read from a candidate's folder: heat maps and colour channels."""

from typing import NamedTuple

from bakeoff.decision.collect import Evaluated
from bakeoff.records.interpretation import (
    ATTRIBUTIONS_FILE,
    CHANNELS_FILE,
    AttributionsRecord,
    ChannelsRecord,
    ExplainedPhoto,
)
from bakeoff.report.page.embedding import Budget

_HEATMAP_PX = 960


class HeatMap(NamedTuple):
    """A candidate's explained photo, and its figure as a data URI."""

    candidate: str
    photo: ExplainedPhoto
    picture: str


def read_channels(record: Evaluated) -> ChannelsRecord | None:
    """Return the accuracy lost per shuffled colour channel; None where the candidate was not interpreted."""
    return ChannelsRecord.read_if_there(record.folder / "interpretation" / CHANNELS_FILE)


def read_heat_maps(record: Evaluated, budget: Budget) -> list[HeatMap]:
    """Return the candidate's heat maps with their pictures, as far as the budget goes."""
    folder = record.folder / "interpretation"
    attributions = AttributionsRecord.read_if_there(folder / ATTRIBUTIONS_FILE)
    found = []
    for photo in attributions.items if attributions else ():
        if picture := budget.embed(folder, photo.figure, max_px=_HEATMAP_PX):
            found.append(HeatMap(record.candidate.name, photo, picture))
    return found
