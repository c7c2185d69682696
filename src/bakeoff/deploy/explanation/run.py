"""What `bakeoff explain` does: why candidates classify new photos as they do, with figures and raw maps of each."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from bakeoff.backbones.names import unknown_name
from bakeoff.core.errors import BakeoffError, EvaluationError, ParamsError
from bakeoff.core.files import replacing
from bakeoff.core.machine import ComputeParams
from bakeoff.core.names import clean_label, visible
from bakeoff.core.progress import progress_bar, screen
from bakeoff.core.section import load_section
from bakeoff.data.decode import Rejection
from bakeoff.data.figures import shorten
from bakeoff.data.photo import open_packed, repair_photo
from bakeoff.data.products import Photos
from bakeoff.data.table import load_catalogue
from bakeoff.deploy.prediction.candidates import TrainedCandidate, find_candidate
from bakeoff.deploy.prediction.scoring import read_files
from bakeoff.deploy.prediction.sources import is_table, list_photos
from bakeoff.evaluation.calibration import apply_temperature
from bakeoff.interpret.explain import Explained, background, explain, most_probable, warn_of
from bakeoff.interpret.figures import Panel, draw_explained, method_title
from bakeoff.interpret.methods import METHODS
from bakeoff.interpret.opening import open_subject
from bakeoff.interpret.params import InterpretParams
from bakeoff.interpret.photos import safe_name
from bakeoff.interpret.subject import Subject

ALL = "all"


@dataclass(frozen=True)
class ExplainOptions:
    """The flags of `bakeoff explain`; several names are separated by commas."""

    candidates: str | None = None
    methods: str | None = None
    target: str | None = None
    seed: int | None = None
    output: Path = Path("explanations")
    force: bool = False


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
    names = list(filter(None, map(str.strip, (options.candidates or "").split(",")))) or [None]
    candidates = [find_candidate(project, name, seed=options.seed) for name in dict.fromkeys(names)]
    targets = [_class_of(candidate, options.target) for candidate in candidates]
    session = _Session(project, options.output, params, compute, methods, _list_all(sources))
    figures = [session.place(name, candidate) for candidate in candidates for name in session.photos["name"]]
    if options.output.is_file():
        raise ParamsError(f"--output {options.output} is a file; name a folder.")
    if not options.force and (held := next((path for path in figures if path.exists()), None)):
        raise ParamsError(f"{held} exists and stays as it is; name another folder with --output, or add --force.")
    problems = []
    try:
        for candidate, target in zip(candidates, targets, strict=True):
            try:
                session.ask(candidate, target)
            except BakeoffError as error:  # costs the candidate the answers that were to follow
                problems.append(f"{candidate.name}: {error}")
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
    rows: list[list[str]] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Why a photo could not be read, by its path."""

    def place(self, name: str, candidate: TrainedCandidate) -> Path:
        """Return where the figure of a photo lies."""
        return self.output / name / f"{candidate.name}.png"

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
                self._keep(candidate, one, image, shares, explained)

    def _keep(
        self,
        candidate: TrainedCandidate,
        photo: dict[Any, str],
        image: np.ndarray,
        shares: np.ndarray,
        explained: dict[tuple[str, int], Explained],
    ) -> None:
        """Write the raw maps (H, W) and the figure of a photo with its probabilities (K,), and keep what is told."""
        labels, figure = candidate.training.labels, self.place(photo["name"], candidate)
        maps = {key: one.map for key, one in explained.items() if one.map is not None}
        why_not = [one.note for one in explained.values() if one.note]
        notes = list(dict.fromkeys([*warn_of(candidate.training), *why_not]))
        self.notes |= dict.fromkeys(f"{candidate.name}: {note}" for note in notes)
        classes = list(dict.fromkeys(label_id for _, label_id in explained))
        said = [f"{shorten(labels[label_id], 60)} {shares[label_id]:.2f}" for label_id in classes]
        with replacing(figure.with_suffix(".npz")) as path, path.open("wb") as stream:
            held: dict[str, Any] = {f"{method}.{label_id}": values for (method, label_id), values in maps.items()}
            np.savez_compressed(stream, **held, photo=image, labels=np.array(labels), probabilities=shares)
        told = [f"explained: {said[0]}; compared with: {said[1]}", f"{candidate.name} · {photo['id']}", *notes]
        shown = [
            Panel(f"{method_title(method)}: {shorten(labels[label_id], 24)}", values, method)
            for (method, label_id), values in maps.items()
        ]
        title = "\n".join(line for text in told for line in wrap(visible(text), 110))
        draw_explained(image, shown, figure, title=title, probabilities=most_probable(labels, shares, classes[0]))
        n_maps = f"{len({method for method, _ in maps})} of {len(self.methods)}"
        self.rows.append([photo["id"], candidate.name, *said, n_maps])

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


def _class_of(candidate: TrainedCandidate, target: str | None) -> int | None:
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
