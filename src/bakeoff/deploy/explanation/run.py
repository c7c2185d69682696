"""What `bakeoff explain` does: why candidates classify new photos as they do, with figures and raw maps of each."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from bakeoff.backbones.names import unknown_name
from bakeoff.core.errors import BakeoffError, EvaluationError, ParamsError
from bakeoff.core.machine import ComputeParams
from bakeoff.core.names import visible
from bakeoff.core.progress import screen
from bakeoff.core.section import load_section
from bakeoff.deploy.explanation.answers import Asked, Said, ask
from bakeoff.deploy.explanation.files import write_answer, write_comparison
from bakeoff.deploy.prediction.candidates import TrainedCandidate, find_candidate
from bakeoff.deploy.prediction.sources import is_table, list_photos
from bakeoff.interpret.explain import warn_of
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.photos import safe_name

ALL = "all"
_COMPARISON = "comparison.png"


@dataclass(frozen=True)
class ExplainOptions:
    """The flags of `bakeoff explain`; several names are separated by commas."""

    candidates: str | None = None
    methods: str | None = None
    target: str | None = None
    seed: int | None = None
    output: Path = Path("explanations")
    force: bool = False


@dataclass
class _Told:
    """What is printed at the end."""

    figures: dict[tuple[str, str], dict[str, Path]] = field(default_factory=dict)
    """By a photo's name and title, then by candidate."""
    rows: list[list[str]] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Why a photo could not be read, by its path."""
    problems: list[str] = field(default_factory=list)


def explain_photos(project: Path, sources: Sequence[Path], options: ExplainOptions) -> None:
    """Write the maps and a figure of every photo for every candidate, and print what they say.

    Raises:
        ParamsError: an unknown method or class, a table, or files that exist while `force` is false.
        DataError: there are no photos.
        EvaluationError: an unknown candidate; or, when the others are done, those that cannot be asked (memory ran out,
            weights are gone) and the photos that cannot be read.
    """
    params = load_section(project / "params.yaml", InterpretParams)
    compute = load_section(project / "params.yaml", ComputeParams)
    asked = Asked(choose_methods(options.methods, params), params, compute, options.target)
    names = list(filter(None, map(str.strip, (options.candidates or "").split(",")))) or [None]
    candidates = [find_candidate(project, name, seed=options.seed) for name in dict.fromkeys(names)]
    for candidate in candidates:
        asked.class_of(candidate)
    photos = _list_all(sources)
    _require_free(options, candidates, photos["name"])
    told = _Told()
    try:
        for candidate in candidates:
            _keep(ask(project, candidate, photos, asked, told.refused), candidate, options, told)
        for (name, title), made in told.figures.items():
            if len(made) > 1:
                write_comparison(made, options.output / name / _COMPARISON, title)
    finally:
        _tell(told, options.output)
    if problems := [*told.problems, *_refusals(told.refused, len(photos))]:
        raise EvaluationError(" ".join(problems))


def _keep(answers: Iterator[Said], candidate: TrainedCandidate, options: ExplainOptions, told: _Told) -> None:
    """Write a candidate's answers as they come; an error costs the candidate those that were to follow."""
    try:
        for name, title, answer in answers:
            notes = list(dict.fromkeys([*warn_of(candidate.training), *answer.notes]))
            told.notes |= dict.fromkeys(f"{candidate.name}: {note}" for note in notes)
            figure = options.output / name / f"{candidate.name}.png"
            write_answer(answer, figure, f"{candidate.name} · {title}", notes)
            told.figures.setdefault((name, title), {})[candidate.name] = figure
            classes = [answer.said(answer.chosen), answer.said(answer.counter)]
            told.rows.append([title, candidate.name, *classes, answer.n_methods])
    except BakeoffError as error:
        told.problems.append(f"{candidate.name}: {error}")


def choose_methods(given: str | None, params: InterpretParams) -> list[str]:
    """Return the methods of `--method`: those named, all, or by default those of section `interpret`.

    Raises:
        ParamsError: there is no such method.
    """
    if given is None:
        return params.methods
    names = list(dict.fromkeys(name.strip() for name in given.split(",")))
    for name in names:
        if name not in {*METHODS, ALL}:
            raise unknown_name("method", name, [*METHODS, ALL])
    return list(METHODS) if ALL in names else names


def _list_all(sources: Sequence[Path]) -> pd.DataFrame:
    """Return the photos' `id`, `path`, and `name` that their files get, which no two share."""
    tables = []
    for source in sources:
        if is_table(source):
            raise ParamsError(f"{source} is a table; give photos, or folders of photos.")
        listed = list_photos(source)
        tables.append(listed.table)
        if listed.left_out:
            sys.stderr.write(f"{listed.left_out}\n")
    table = pd.concat(tables).drop_duplicates("path")
    names = [safe_name(Path(one).stem) for one in table["id"]]
    shared = Counter(name.casefold() for name in names)
    pairs = zip(names, table["path"], strict=True)
    return table.assign(name=[name if shared[name.casefold()] == 1 else safe_name(path) for name, path in pairs])


def _require_free(options: ExplainOptions, candidates: Sequence[TrainedCandidate], names: Iterable[str]) -> None:
    if options.output.is_file():
        raise ParamsError(f"--output {options.output} is a file; name a folder.")
    made = [f"{one.name}.png" for one in candidates] + [_COMPARISON] * (len(candidates) > 1)
    for name, file in product([] if options.force else names, made):
        if (path := options.output / name / file).exists():
            raise ParamsError(f"{path} exists and stays as it is; name another folder with --output, or add --force.")


def _tell(told: _Told, output: Path) -> None:
    """Print what was explained, as far as it went."""
    if not told.rows:
        return
    table = Table(box=box.SIMPLE)
    for column in ("photo", "candidate", "explained", "compared with", "maps"):
        table.add_column(column, overflow="fold")
    for row in told.rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    screen().print(table)
    lines = [*told.notes, f"{output}/<photo>/<candidate>.png has the figures, .npz the raw maps."]
    if any(len(made) > 1 for made in told.figures.values()):
        lines.append(f"{output}/<photo>/{_COMPARISON} shows the candidates side by side, one scale a method.")
    sys.stdout.write("".join(f"{visible(line)}\n" for line in lines))


def _refusals(refused: dict[str, str], n_photos: int) -> list[str]:
    if not refused:
        return []
    title, detail = next(iter(refused.items()))
    what = "the photo" if n_photos == 1 else f"{len(refused)} of {n_photos:,d} photos"
    first = "the first: " if len(refused) > 1 else ""
    return [visible(f"{what} could not be read ({first}{title}, {detail}).")]
