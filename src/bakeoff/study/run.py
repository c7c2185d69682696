"""Running a whole study: what `make run` does around `dvc repro`."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from rich.table import Table

from bakeoff.core.errors import ParamsError, SetupError
from bakeoff.core.paths import environment_python
from bakeoff.core.progress import screen
from bakeoff.core.section import validate_section
from bakeoff.core.translation import N_, Translator
from bakeoff.decision.choice_record import ChoiceRecord
from bakeoff.records.candidate import BASELINE
from bakeoff.records.catalogue import SourceRecord
from bakeoff.records.weights import read_record, retry_needed
from bakeoff.study.composition import compose, differences
from bakeoff.study.dvc_locks import clear_stale_locks
from bakeoff.study.params import Params, load_params, write_params
from bakeoff.study.user_files import UserFileChange, user_file_changes

_QUICK_MIN_PER_CANDIDATE = 1.7  # two slow CPU cores: 15 candidates took 27 min (docs/benchmarks.md)
_QUICK_MIN_FIXED = 2.0


def run_study(root: Path, *, overrides: list[str], yes: bool) -> int:
    """Run the study that params.yaml (or `overrides`) names, print the answer and return the exit status.

    Raises:
        SetupError: an environment is missing, or a long run was not agreed to.
    """
    for python in map(environment_python, ("torch", "tf")):
        if not python.is_file():
            raise SetupError(f"the environment {python.parents[1]} is missing; run `make setup` in {root}.")
    params = _planned_params(root, overrides)
    t, console = Translator(params.language), screen()
    console.print(expected_time(params, t))
    _agree_to_full(params, yes=yes)
    if stale := clear_stale_locks(root):
        processes = ", ".join(process or t.gettext("its file was cut short") for process in stale)
        console.print(t.gettext("Cleared locks of DVC processes that no longer run: {processes}.", processes=processes))
    if overrides or not (root / "params.yaml").is_file():
        write_params(root, overrides)
    started = time.monotonic()
    if (root / "data" / "source.json").is_file() and fetch_if_changed(root):
        console.print(t.gettext("The raw files changed since the last run."))
    retry_weights(root)
    failed = dvc(root, "repro", "--keep-going") != 0
    left = untaken_user_files(root)  # DVC takes their candidates for up to date
    if failed or left:
        console.print(t.gettext("Some stages failed (see above); comparing what exists."), style="bold red")
        compare_now(root, partial=True, failed_stages=[change.stages[-1] for change in left])
    else:
        show(root)
    console.print(t.gettext("Took {minutes:.1f} min.", minutes=(time.monotonic() - started) / 60))
    return 1 if failed or left else 0


def dvc(root: Path, *arguments: str) -> int:
    """Run DVC with this interpreter in `root` and return its exit status."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=root, env=environment, check=False).returncode


def expected_time(params: Params, t: Translator) -> str:
    """Return the sentence printed before a study: how long it takes on what."""
    study = params.candidates()
    minutes = _QUICK_MIN_FIXED + _QUICK_MIN_PER_CANDIDATE * sum(one.modality == "image" for one in study)
    gaps = {"n": len(study), "minutes": minutes, "profile": params.profile}
    text = N_("{n} candidates, profile quick: about {minutes:.0f} min on two CPU cores, less for what is done already.")
    if params.profile != "quick":
        text = N_(
            "{n} candidates, profile {profile}: {epochs} epochs each. On a GPU minutes per candidate; on a "
            "CPU hours to days."
        )
    return t.gettext(text, epochs=params.training.recipe("finetune", {}).epochs, **gaps)


def fetch_if_changed(root: Path) -> bool:
    """Force the `fetch` stage when the raw files differ from the recorded list; return whether they did."""
    from bakeoff.catalogue.fetch import refetch_needed

    changed = refetch_needed(load_params(root / "params.yaml").dataset, root / "data" / "source.json")
    if changed and dvc(root, "repro", "--single-item", "--force", "fetch") != 0:
        raise SetupError("the fetch stage failed; see its message above.")
    return changed


def retry_weights(root: Path) -> None:
    """Force the weights stage of every backbone whose random start had a reason that may have passed.

    So also where a file of the user's is another than the one that was stored, appeared before it in the order of the
    sources, or is gone; every such file is named on stderr.
    """
    params = load_params(root / "params.yaml")
    stages = {BASELINE: "weights_baseline", **{model: f"weights@{model}" for model in params.models}}
    forced: list[str] = []
    for change in user_file_changes(root, params):
        sys.stderr.write(f"bakeoff: {change}.\n")
        if change.kind != "gone" or params.weights.policy == "require" or change.path.parent.is_dir():
            forced += change.stages
    for model in retry_needed(root / "weights"):
        settings = root / "data" / "candidates" / f"{model}.json"  # missing after an experiment with one model
        if model in stages and (settings.is_file() or model == BASELINE):
            forced.append(stages[model])
    for stage in sorted(set(forced), key=lambda name: (name != "candidates", name)):
        dvc(root, "repro", "--quiet", "--single-item", "--force", stage)


def untaken_user_files(root: Path) -> list[UserFileChange]:
    """Return the changes that the weights stages could not take up; where a file is gone, `prefer` keeps its copy."""
    params = load_params(root / "params.yaml")
    changes = user_file_changes(root, params)
    return [change for change in changes if change.kind != "gone" or params.weights.policy == "require"]


def print_weights(root: Path) -> None:
    """Print one line per backbone: source, licence, commercial use, and the reason of a random start."""
    if not (folders := sorted(path.parent for path in (root / "weights").glob("*/record.json"))):
        raise SetupError("no weights yet; `bakeoff run` (or `dvc repro weights`) gets them.")
    table = Table("backbone", "source", "licence", "commercial use", title="Weights")
    for folder in folders:
        record = read_record(folder)
        source = f"RANDOM START ({record.reason})" if record.starts_at_random else record.source
        source += ": EfficientNet-Lite0 stands in for EfficientNet-B0" if record.stands_in else ""
        commercial = {True: "yes", False: "NO", None: "see the model card"}[record.commercial_use]
        table.add_row(folder.name, source, record.licence, commercial)
    screen().print(table)


def unfinished(root: Path, params: Params) -> list[str]:
    """Return the candidates with a stage that is not up to date: their older results in runs/ must not be compared."""
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode != 0:
        raise SetupError(f"`dvc status` failed: {done.stderr.strip()}")
    return candidates_behind(json.loads(done.stdout), params)


def candidates_behind(stages: Iterable[str], params: Params) -> list[str]:
    """Return the candidates that need one of these stages (`weights@swin_t`, `evaluate@swin_t-frozen-0`), sorted.

    A pair needs what its sides need.
    """
    study = params.candidates()
    found: set[str] = set()
    for stage in stages:
        name, _, item = stage.rpartition(":")[2].partition("@")
        if name in {"weights", "weights_text"}:
            found.update(one.name for one in study if one.model == item)
        elif name in {"train_torch", "train_text", "fuse", "evaluate", "evaluate_text", "evaluate_pair"}:
            found.update(one.name for one in study if item == f"{one.name}-{one.seed}".replace("+", "-"))
        elif name in {"weights_baseline", "baseline_tf", "evaluate_baseline"}:
            found.add(BASELINE)
        elif name in {"candidates", "fetch", "prepare", "split"}:  # what else there is tells of results alone
            found.update(one.name for one in study)
    return sorted(found.union(one.name for one in study if found & {side.name for side in one.sides}))


def compare_now(root: Path, *, partial: bool, failed_stages: Iterable[str] = ()) -> None:
    """Write reports/ from what is in runs/, by the stage's own script, and print the answer.

    With `partial` of what exists: candidates with a stage that is not up to date are listed as failed, and so those of
    `failed_stages`, which failed though DVC takes them for up to date.

    Raises:
        SetupError: the comparison failed; its message is above.
    """
    command = ["sh", "stages/in_env.sh", "torch", "stages/compare.py", "--runs", "runs", "--out", "reports"]
    params = load_params(root / "params.yaml")
    failed = sorted({*unfinished(root, params), *candidates_behind(failed_stages, params)}) if partial else []
    flags = [*(["--partial"] if partial else []), *(["--failed", *failed] if failed else [])]
    if subprocess.run([*command, *flags], cwd=root, check=False).returncode != 0:
        raise SetupError("the comparison failed; see the message above.")
    show(root)


def show(root: Path) -> None:
    """Print the leaderboard, the choice and where everything is."""
    from bakeoff.report.console import print_summary

    print_summary(root / "reports")
    source = SourceRecord.read_current(root / "data" / "source.json")
    if source and source.fallback_reason:
        t = Translator(ChoiceRecord.read(root / "reports" / "choice.json").language)
        told = t.gettext("The generated catalogue was used: the demo photos could not be downloaded here.")
        screen().print(told, style="bold")


def _planned_params(root: Path, overrides: list[str]) -> Params:
    """Return what the study will run with; nothing is written yet."""
    if overrides or not (root / "params.yaml").is_file():
        return validate_section(Params, compose(root, overrides), where="conf/")
    params = load_params(root / "params.yaml")
    if found := differences(root):
        keys = ", ".join(found)
        sys.stderr.write(f"note: params.yaml differs from conf/ in {keys}; `dvc exp run` drops such edits.\n")
    return params


def _agree_to_full(params: Params, *, yes: bool) -> None:
    if params.profile != "full" or yes or _has_gpu():
        return
    sentence = "profile full on a CPU takes hours to days"
    if not sys.stdin.isatty():
        raise ParamsError(f"{sentence}; say so with --yes, or take profile=quick.")
    if input(f"{sentence}. Go on? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise ParamsError("stopped before anything ran; profile=quick fits a CPU.")


def _has_gpu() -> bool:
    from bakeoff.training.device import resolve_device

    return resolve_device("auto").type != "cpu"
