"""What an edit runs again: a written table of rooms, texts, data and choices, held against `dvc status` in a clone.

Nothing is trained: every output is a dummy that `dvc commit` takes for the result of the code as it is.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.project import Project

pytestmark = [pytest.mark.torch, pytest.mark.slow]  # dvc lives in .venv-torch
MODEL = "mobilenetv2"
PAIR = f"{MODEL}-frozen+tfidf_svm-original-mean"
ALL = {
    *("candidates", "fetch", "prepare", "audit", "split", "examine", "explore"),
    *("weights", "weights_text", "weights_baseline"),
    *("baseline_tf", "train_torch", "train_text", "fuse"),
    *("evaluate", "evaluate_text", "evaluate_pair", "evaluate_baseline"),
    *("interpret", "interpret_baseline", "interpret_text"),
    *("faithfulness", "faithfulness_baseline", "throughput", "compare"),
}
TRAINERS = {"train_torch", "train_text", "baseline_tf"}
EVALUATE = {"evaluate", "evaluate_text", "evaluate_pair", "evaluate_baseline"}
HEAT_MAPS = {"interpret", "interpret_baseline", "faithfulness", "faithfulness_baseline"}
INTERPRET = {*HEAT_MAPS, "interpret_text"}
WEIGHTS = {"weights", "weights_text", "weights_baseline"}
LATER = {*TRAINERS, "fuse", *EVALUATE, *INTERPRET, "examine", "explore"}
"""What reads the split catalogue."""
CATALOGUE = {"fetch", "prepare", "audit", "split", "explore"}
TELLING = {"explore", "compare"}
OF_TORCH = {"train_torch", *INTERPRET, "throughput", "examine"}
OF_TF = {"baseline_tf", "interpret_baseline", "faithfulness_baseline", "throughput"}

ROOMS = {
    "core": ALL,
    "records": ALL,
    "data": ALL - set(WEIGHTS),
    "catalogue": {*CATALOGUE, "examine"},
    "scan": {"candidates", *WEIGHTS, *OF_TORCH, "train_text", "fuse"},
    "backbones": {"candidates", *WEIGHTS, *OF_TORCH, "train_text", "fuse"},
    "weights": {*WEIGHTS, "throughput", "interpret_text"},
    "learning": {"candidates", *WEIGHTS, *TRAINERS, "fuse", *INTERPRET, "throughput", "examine"},
    "training": {*OF_TORCH, "train_text", "fuse"},
    "baseline_tf": OF_TF,
    "predictors": {*INTERPRET, "throughput", "fuse"},
    "text": {"candidates", "train_text", "interpret_text", "throughput", "fuse"},
    "fusion": {"fuse"},
    "statistics": {"examine", *EVALUATE, *INTERPRET, *TELLING},
    "evaluation": {*EVALUATE, *TELLING},
    "interpret": {*INTERPRET, "compare"},
    "faithfulness": {"faithfulness", "faithfulness_baseline"},
    "examination": {"examine"},
    "speed": {"throughput"},
    "decision": TELLING,
    "explore": {"explore"},
    "report": TELLING,
    "study": {"compare"},
    "locale": TELLING,
    "advice": set(),
    "aggregation": set(),
    "cli": set(),
    "data_curve": set(),
    "deploy": set(),
    "tracking": set(),
    "tuning": set(),
}
"""Room of src/bakeoff: the stages that run again where one of its files changed."""
FILES = {
    "README.md": set(),
    "README.fr.md": set(),
    "CHANGELOG.md": set(),
    "docs/decisions.md": set(),
    "tests/conftest.py": set(),
    "tools/stage_deps.py": set(),
    "conf/profile/quick.yaml": {"compare"},  # it prints the choices that compose params.yaml
    "stages/evaluate.py": EVALUATE,
    "stages/throughput.py": {"throughput"},
    "stages/compare.py": {"compare"},
    "data/catalogue/texts.parquet": {
        "audit",
        "explore",
        "train_text",
        "interpret_text",
        "fuse",
        "throughput",
    },  # no image model learns again
    "data/catalogue/digests.parquet": {"audit", "split", "explore"},  # whose split stays the same: nothing is trained
    "data/catalogue/rejected.csv": {"audit"},
    "data/catalogue/measures.parquet": {"audit", "split", "explore", "compare"},
    "data/audit/audit.json": TELLING,
    "data/audit/findings.parquet": {"compare"},  # whose page shows the sheets beside it
    "data/catalogue/products.parquet": {"audit", "split", *LATER, "throughput", "compare"},
    "data/catalogue/labels.json": {"audit", *LATER, "throughput"},
    "data/catalogue/images.arrow": {
        "audit",
        "split",
        *(LATER - {"explore", "train_text", "interpret_text"}),
        "throughput",
    },
    "data/splits/split.json": {"compare"},
    "data/splits/figures/repair.png": {"compare"},
    "data/splits/splits.parquet": {*LATER, "compare"},
    f"data/candidates/{MODEL}.json": {"weights", "train_torch", "throughput", "examine"},
    f"data/recipes/{MODEL}-frozen.json": {"train_torch"},
    f"weights/{MODEL}/record.json": {"train_torch", "interpret", "faithfulness", "examine"},
    "data/candidates/tfidf_svm.json": {"weights_text", "train_text", "throughput", "examine"},
    "weights/tfidf_svm/record.json": {"train_text", "interpret_text", "examine"},
    "runs/tfidf_svm-original/seed_0/training/predictions.parquet": {
        *("evaluate_text", "interpret_text", "fuse", "compare")
    },
    f"runs/{PAIR}/seed_0/training/predictions.parquet": {"evaluate_pair", "compare"},
    "weights/baseline_tf/record.json": {"baseline_tf", "throughput", "examine"},
    "data/examination/examination.json": TELLING,  # the report alone
    "data/examination/products.parquet": TELLING,
    "measurements/throughput.json": {"compare"},
    f"runs/{MODEL}-frozen/seed_0/training/cost.json": {"fuse", "interpret", "faithfulness", "compare"},
    f"runs/{MODEL}-frozen/seed_0/training/predictions.parquet": {
        *("fuse", "evaluate", "interpret", "faithfulness", "compare")
    },
    f"runs/{MODEL}-frozen/seed_0/evaluation/metrics.json": {"compare"},
}
"""File of the project or output of a stage: the stages that run again where it changed."""
PARAMS = {
    ("tracking", "experiment"): set(),
    ("language",): TELLING,
    ("compare", "n_bootstrap"): {"compare"},
    ("text", "cleaning", "full", "min_length"): {"candidates", "compare"},  # which writes each text model's settings
    ("fuse", "stacking_svm", "c"): {"candidates", "fuse", "compare"},
    ("evaluate", "n_bootstrap"): {*EVALUATE, "compare"},
    ("throughput", "budget_s"): {"throughput", "compare"},
    ("examine", "n_folds"): {"examine", "compare"},
    ("interpret", "n_shared"): {*HEAT_MAPS, "compare"},
    ("interpret_text", "n_terms"): {"interpret_text", "compare"},
    ("faithfulness", "rows"): {"faithfulness", "faithfulness_baseline", "compare"},
    ("split", "seed"): {"split", "compare"},
    ("repair", "name"): {"split", "compare"},
    ("training", "defaults", "batch_size"): {"candidates", "examine", "compare"},  # which writes each one's recipe
    ("baseline", "batch_size"): {"baseline_tf", "weights_baseline", "throughput", "compare"},
    ("compute", "threads"): {*TRAINERS, "fuse", *INTERPRET, "throughput", "examine", "compare"},
}
"""Key of params.yaml: the stages that run again where its value changed."""


class Finished:
    """A clone in which every stage has run, by the look of its dvc.lock."""

    def __init__(self, project: Project) -> None:
        self.folder = project.folder
        params = yaml.safe_load((self.folder / "params.yaml").read_text(encoding="utf-8"))
        params |= {"models": [MODEL], "modes": ["frozen", "finetune"], "seeds": [0], "text_models": ["tfidf_svm"]}
        params["fuse"] |= {"first": [f"{MODEL}-frozen"], "second": ["tfidf_svm-original"], "methods": ["mean"]}
        params["faithfulness"] |= {"models": [MODEL], "modes": ["frozen"], "baseline_seeds": [0]}
        (self.folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
        for path in FILES:
            self._write_dummy(path)
        with self.repo() as repo:
            for out in repo.index.outs:
                self._write_dummy(str(Path(out.fs_path).relative_to(self.folder)))
            for stage in repo.index.stages:
                for dep in stage.deps:
                    self._write_dummy(str(Path(dep.fs_path).relative_to(self.folder)))
        with self.repo() as repo:
            repo.commit(force=True)

    @contextlib.contextmanager
    def repo(self) -> Iterator[Any]:
        """Yield the clone as DVC sees it now."""
        from dvc.repo import Repo

        with contextlib.chdir(self.folder), Repo() as repo:
            yield repo

    def _write_dummy(self, name: str) -> None:
        """Write a file of that name where there is nothing; a folder, which has no suffix, gets a file."""
        path = self.folder / name
        target = path if path.suffix else path / "dummy.txt"
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(name, encoding="utf-8")

    def reruns(self) -> dict[str, set[str]]:
        """Return the stages of which something that they read changed, each with its matrix's items."""
        found: dict[str, set[str]] = {}
        with self.repo() as repo:
            for name, changes in repo.status().items():
                if any("changed deps" in change for change in changes if isinstance(change, dict)):
                    stage, _, item = name.partition("@")
                    found.setdefault(stage, set()).add(item)
        return found

    def after(self, path: Path, text: str | bytes) -> dict[str, set[str]]:
        """Return what an edit of a file runs again, and take the edit back."""
        before = path.read_bytes()
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        try:
            return self.reruns()
        finally:
            path.write_bytes(before)


@pytest.fixture(scope="module")
def remembered_yaml() -> Iterator[None]:
    """Let DVC parse each text once: it parses params.yaml anew for every stage, which is most of a status."""
    from dvc.utils import strictyaml
    from dvc.utils.serialize import _yaml

    parse = cache(_yaml.parse_yaml)

    def parse_once(text: str, path: str, typ: str = "safe") -> Any:
        return copy.deepcopy(parse(text, path, typ))

    with pytest.MonkeyPatch.context() as patch:
        for module in (_yaml, strictyaml):
            patch.setattr(module, "parse_yaml", parse_once)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory, remembered_yaml) -> Finished:
    return Finished(Project.create(tmp_path_factory.mktemp("reruns") / "project"))


def test_nothing_runs_again_where_nothing_changed(finished):
    with finished.repo() as repo:
        assert repo.status() == {}


def test_the_table_has_every_room_and_every_stage(finished):
    rooms = {path.parent.name for path in (finished.folder / "src" / "bakeoff").glob("*/__init__.py")}
    assert rooms | {"locale"} == set(ROOMS)
    stages = yaml.safe_load((finished.folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert set(stages) == ALL | {"tune"}  # of no candidate by default


@pytest.mark.parametrize("room", ROOMS)
def test_an_edit_of_a_room_runs_its_stages_again(finished, room):
    folder = finished.folder / "src" / "bakeoff" / room
    path = next(path for path in sorted(folder.rglob("*.po" if room == "locale" else "*.py")) if path.name[0] != "_")
    found = finished.after(path, path.read_bytes() + b"\n# a comment\n")
    assert set(found) == ROOMS[room]
    if "train_torch" in found:
        assert found["train_torch"] == {f"{MODEL}-frozen-0", f"{MODEL}-finetune-0"}


@pytest.mark.parametrize("name", FILES)
def test_an_edit_of_a_file_runs_its_readers_again(finished, name):
    path = finished.folder / name
    found = finished.after(path, path.read_bytes() + b"\n# changed\n")
    assert set(found) == FILES[name]
    if name.startswith("runs/"):
        assert {item for stage in ("evaluate", "interpret") for item in found.get(stage, ())} <= {f"{MODEL}-frozen-0"}


@pytest.mark.parametrize("key", PARAMS, ids=".".join)
def test_a_changed_choice_runs_its_readers_again(finished, key):
    path = finished.folder / "params.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    section = values
    for name in key[:-1]:
        section = section[name]
    was = section[key[-1]]
    section[key[-1]] = {"en": "fr", "bakeoff": "other"}.get(was) if isinstance(was, str) else (was or 1) + 1
    assert set(finished.after(path, yaml.safe_dump(values))) == PARAMS[key]


def test_what_tells_and_what_serves_never_trains():
    for room in ("report", "locale", "decision", "evaluation", "speed", "interpret", "tracking", "deploy", "cli"):
        assert not ROOMS[room] & TRAINERS, room
