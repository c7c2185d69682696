"""What `bakeoff explain` does: why candidates classify new photos as they do, with figures and raw maps of each."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from bakeoff.core.errors import BakeoffError, EvaluationError, ParamsError, unknown_name
from bakeoff.core.machine import ComputeParams
from bakeoff.core.names import clean_label, visible
from bakeoff.core.progress import progress_bar, screen
from bakeoff.core.section import load_section
from bakeoff.data.decode import Rejection
from bakeoff.data.photo import open_packed, repair_photo
from bakeoff.data.products import Photos
from bakeoff.data.table import load_catalogue
from bakeoff.deploy.explanation.files import Answer, write_answer, write_comparison
from bakeoff.deploy.prediction.candidates import TrainedCandidate, find_candidate
from bakeoff.deploy.prediction.scoring import read_files
from bakeoff.deploy.prediction.sources import is_table, list_photos
from bakeoff.evaluation.calibration import apply_temperature
from bakeoff.interpret.explain import background, explain, warn_of
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.opening import open_subject
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.photos import safe_name
from bakeoff.interpret.subject import Subject

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

    @property
    def names(self) -> list[str | None]:
        """The candidates' names, each once; None = the one that the study chose."""
        return list(dict.fromkeys(filter(None, map(str.strip, (self.candidates or "").split(","))))) or [None]


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
    methods = _choose_methods(options.methods, params)
    candidates = [find_candidate(project, name, seed=options.seed) for name in options.names]
    targets = [class_of(candidate, options.target) for candidate in candidates]
    session = _Session(project, options.output, params, compute, methods, _list_all(sources))
    if options.output.is_file():
        raise ParamsError(f"--output {options.output} is a file; name a folder.")
    files = [f"{one.name}.png" for one in candidates] + [_COMPARISON] * (len(candidates) > 1)
    for name, file in product([] if options.force else session.photos["name"], files):
        if (path := options.output / name / file).exists():
            raise ParamsError(f"{path} exists and stays as it is; name another folder with --output, or add --force.")
    problems = []
    try:
        for candidate, target in zip(candidates, targets, strict=True):
            try:
                session.ask(candidate, target)
            except BakeoffError as error:  # costs the candidate the answers that were to follow
                problems.append(f"{candidate.name}: {error}")
        for (name, title), made in session.compared.items():
            write_comparison(made, options.output / name / _COMPARISON, title)
    finally:
        session.tell()
    if problems := [*problems, *session.refusals()]:
        raise EvaluationError(" ".join(problems))


@dataclass
class _Session:
    """What is asked of every candidate, and what is told at the end."""

    project: Path
    output: Path
    params: InterpretParams
    compute: ComputeParams
    methods: list[str]
    photos: pd.DataFrame
    figures: dict[tuple[str, str], dict[str, Path]] = field(default_factory=dict)
    """By a photo's name and title, then by candidate."""
    rows: list[list[str]] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Why a photo could not be read, by its path."""

    @property
    def compared(self) -> dict[tuple[str, str], dict[str, Path]]:
        """The figures of photos that several candidates explained."""
        return {photo: made for photo, made in self.figures.items() if len(made) > 1}

    def ask(self, candidate: TrainedCandidate, target: int | None) -> None:
        """Explain a class of each photo, by default the most probable one, and the most probable of the others."""
        n_maps, temperature = 2 * len(self.methods), candidate.calibration.temperature
        prepare, nothing = candidate.training.dataset.prepare, [None] * len(self.photos)
        opened = open_subject(candidate.folder / "training", self.compute, batch_px=self.params.batch_px)
        with opened as subject, progress_bar() as bar:
            _give_background(subject, candidate, self.project)
            task = bar.add_task(candidate.name, total=len(self.photos) * n_maps)
            packed = read_files(list(self.photos["path"]), prepare, malformed=nothing)
            for one, photo in zip(self.photos.to_dict("records"), packed, strict=True):
                if isinstance(photo, Rejection):
                    self.refused[one["path"]] = photo.detail
                    bar.advance(task, n_maps)
                    continue
                image = subject.images(Photos([repair_photo(open_packed(photo.encoded), photo.steps)]))[0]
                shares = apply_temperature(subject.probabilities(image[None]), temperature)[0]
                order = np.argsort(-shares, kind="stable").tolist()
                chosen = order[0] if target is None else target
                classes = (chosen, next(label_id for label_id in order if label_id != chosen))
                explained = {}
                for method, label_id in product(self.methods, classes):
                    explained[method, label_id] = explain(subject, image, label_id, method, self.params)
                    bar.advance(task)
                subject.divided.clear()  # a photo is asked about once
                maps = {key: found.map for key, found in explained.items() if found.map is not None}
                answer = Answer(image, subject.score, list(subject.labels), shares, classes, maps)
                self._keep(candidate, one, answer, [found.note for found in explained.values() if found.note])

    def _keep(self, candidate: TrainedCandidate, photo: Mapping[Any, str], answer: Answer, why_not: list[str]) -> None:
        """Write the raw maps and the figure of a photo, and keep what is told."""
        name, title = photo["name"], photo["id"]
        notes = list(dict.fromkeys([*warn_of(candidate.training), *why_not]))
        self.notes |= dict.fromkeys(f"{candidate.name}: {note}" for note in notes)
        figure = self.output / name / f"{candidate.name}.png"
        write_answer(answer, figure, f"{candidate.name} · {title}", notes)
        self.figures.setdefault((name, title), {})[candidate.name] = figure
        n_maps = f"{len({method for method, _ in answer.maps})} of {len(self.methods)}"
        self.rows.append([title, candidate.name, *answer.said, n_maps])

    def tell(self) -> None:
        """Print what was explained, as far as it went."""
        if not self.rows:
            return
        table = Table(box=box.SIMPLE)
        for column in ("photo", "candidate", "explained", "compared with", "maps"):
            table.add_column(column, overflow="fold")
        for row in self.rows:
            table.add_row(*(Text(visible(cell)) for cell in row))
        screen().print(table)
        lines = [*self.notes, f"{self.output}/<photo>/<candidate>.png has the figures, .npz the raw maps."]
        if self.compared:
            lines.append(f"{self.output}/<photo>/{_COMPARISON} shows the candidates side by side, one scale a method.")
        sys.stdout.write("".join(f"{visible(line)}\n" for line in lines))

    def refusals(self) -> list[str]:
        """Return a sentence where photos could not be read."""
        if not self.refused:
            return []
        title, detail = next(iter(self.refused.items()))
        n = len(self.photos)
        what = "the photo" if n == 1 else f"{len(self.refused)} of {n:,d} photos"
        first = "the first: " if len(self.refused) > 1 else ""
        return [visible(f"{what} could not be read ({first}{title}, {detail}).")]


def _choose_methods(given: str | None, params: InterpretParams) -> list[str]:
    """Return the methods of `--method`: those named, all, or by default those of section `interpret`."""
    if given is None:
        return params.methods
    names = list(dict.fromkeys(name.strip() for name in given.split(",")))
    for name in names:
        if name not in {*METHODS, ALL}:
            raise unknown_name("method", name, [*METHODS, ALL])
    return list(METHODS) if ALL in names else names


def class_of(candidate: TrainedCandidate, target: str | None) -> int | None:
    """Return the index of the class that is to be explained; None for the predicted one."""
    if target is None:
        return None
    labels, wanted = candidate.training.labels, clean_label(target)
    if wanted not in labels:
        raise unknown_name("class", wanted, labels)
    return labels.index(wanted)


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


def _give_background(subject: Subject, candidate: TrainedCandidate, project: Path) -> None:
    """Show the subject train photos of the study; where they are gone, that is said and it keeps its mid-grey."""
    try:
        catalogue = load_catalogue(project / "data" / "catalogue", project / "data" / "splits" / "splits.parquet")
    except BakeoffError as error:
        why = str(error)
    else:
        if catalogue.dataset.digest == candidate.training.dataset.digest:
            subject.background = background(subject, catalogue)
            return
        why = f"data/catalogue is no longer what {candidate.name} was trained on."
    sys.stderr.write(f"{why} Mid-grey stands for the train photos that some methods compare with.\n")
