"""What the report shows beside the numbers, read from a candidate's folder: heat maps and colour channels."""

from pathlib import Path
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
        path = _figure_path(folder, photo.figure)
        picture = budget.embed(path, max_px=_HEATMAP_PX) if path else None
        if picture:
            found.append(HeatMap(record.candidate.name, photo, picture))
    return found


def _figure_path(folder: Path, figure: str) -> Path | None:
    """Return the figure's file below the interpretation folder, None where there is none."""
    path = (folder / figure).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
