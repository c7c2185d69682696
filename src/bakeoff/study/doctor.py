"""What `bakeoff doctor` looks at: everything a study needs, each with the command that fixes it."""

import importlib.metadata
import json
import os
import platform
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Literal, NamedTuple

from packaging.utils import canonicalize_name
from rich.table import Column, Table
from rich.text import Text

from bakeoff.core.errors import BakeoffError
from bakeoff.core.failures import FILE, read_failures
from bakeoff.core.paths import environment_python, main_checkout
from bakeoff.core.progress import screen

Level = Literal["ok", "note", "fix"]
_NEEDED_GIB = 12.0
_PROBES = {
    "torch": "import torch; from bakeoff.backbones.compat import import_timm; timm = import_timm(); "
    "print('torch', torch.__version__, '+ timm', timm.__version__, 'on', "
    "'cuda ' + torch.cuda.get_device_name(0) if torch.cuda.is_available() else 'mps' "
    "if torch.backends.mps.is_available() else 'cpu')",
    "tf": "import os; os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'; import tensorflow as tf; "
    "print('tensorflow', tf.__version__, 'on', 'gpu' if tf.config.list_physical_devices('GPU') else 'cpu')",
}
_LIST_PACKAGES = (
    "import json; from importlib.metadata import distributions; "
    "print(json.dumps([[d.metadata['Name'], d.version] for d in distributions()]))"
)


class Finding(NamedTuple):
    """One thing looked at: its name, level (`ok`, `note`, `fix`), what was found, and what to do."""

    name: str
    level: Level
    found: str
    remedy: str = ""


def examine(root: Path) -> list[Finding]:
    """Return every finding for the project in `root`; nothing is changed."""
    return [
        _system(platform.system()),
        *(_environment(name) for name in ("torch", "tf")),
        *(_pins(root, name) for name in ("torch", "tf")),
        _hub(),
        _disk(root),
        _folder(root),
        *_git(root),
        _dvc(root),
        _params(root),
        _user_files(root),
        _scan(),
        Finding("mlflow", "ok", os.environ.get("MLFLOW_TRACKING_URI") or f"store below {main_checkout() / 'mlruns'}"),
        _failures(root),
    ]


def _scan() -> Finding:
    """Tell whether MambaVision's scan has its compiled kernel for a CPU; compiles it where that was never done."""
    from bakeoff.scan.compiler import why_unavailable

    if reason := why_unavailable():
        remedy = "install g++ for MambaVision's speed on a CPU"
        return Finding("selective scan", "note", f"plain PyTorch on a CPU: {reason}", remedy)
    return Finding("selective scan", "ok", "compiled for this processor")


def _system(name: str) -> Finding:
    """Judge the operating system by Python's name for it."""
    if name == "Windows":
        remedy = "install WSL (`wsl --install`) and clone and run the project inside it"
        return Finding("system", "fix", "Windows itself is not supported: stages run through sh and make", remedy)
    return Finding("system", "ok", f"{name or 'unknown'} {platform.machine()}")


def print_findings(findings: list[Finding]) -> int:
    """Print the findings as a table and return the exit status: 1 where something must be fixed."""
    styles = {"ok": "green", "note": "yellow", "fix": "bold red"}
    columns = (Column(name, overflow="fold") for name in ("", "what", "found", "do"))
    table = Table(*columns, title="bakeoff doctor")
    for item in findings:
        level = item.level.upper() if item.level == "fix" else item.level
        table.add_row(Text(level, styles[item.level]), item.name, item.found, item.remedy)
    screen().print(table)
    return 1 if any(item.level == "fix" for item in findings) else 0


def _environment(name: str) -> Finding:
    python, folder = environment_python(name), f".venv-{name}"
    if not python.is_file():
        return Finding(folder, "fix", f"{python} is missing", "make setup")
    command, seen = [str(python), "-c", _PROBES[name]], os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    try:
        probe = subprocess.run(command, env=seen, capture_output=True, text=True, check=False, timeout=120)
    except subprocess.TimeoutExpired:
        return Finding(folder, "fix", "importing its framework took over 120 s", "try again on a quiet machine")
    if probe.returncode != 0:
        last = (probe.stderr.strip().splitlines() or ["no message"])[-1]
        return Finding(folder, "fix", last, f"rm -r {folder} && make setup")
    return Finding(folder, "ok", probe.stdout.strip())


def _pins(root: Path, environment: str) -> Finding:
    """Compare an environment's packages with the exact versions in its requirements; every difference is named."""
    name, python = f"pins .venv-{environment}", environment_python(environment)
    try:
        installed = _installed_in(python)
    except (OSError, ValueError, subprocess.SubprocessError):
        return Finding(name, "fix", f"{python} cannot be asked for its packages", "make setup")
    try:
        pinned = _pinned(root, _requirements(environment, installed))
    except FileNotFoundError as error:
        return Finding(name, "fix", f"{error.filename} is missing", "git checkout -- 'requirements*.txt'")
    found = {package: installed.get(package, "missing") for package in pinned}
    differing = [package for package, version in pinned.items() if found[package].split("+")[0] != version]
    if wrong := [f"{package} {found[package]} instead of {pinned[package]}" for package in differing]:
        return Finding(name, "fix", "; ".join(wrong), "make setup")
    return Finding(name, "ok", "the installed packages are the pinned ones")


def _requirements(environment: str, installed: dict[str, str]) -> list[str]:
    """Return the files that `make setup` installs; .venv-tf holds either TensorFlow for NVIDIA GPUs or for the CPU."""
    if environment == "torch":
        return ["requirements-torch.txt", "requirements-torch-nodeps.txt"]
    on_gpu = "tensorflow" in installed and "tensorflow-cpu" not in installed
    return ["requirements-tf-gpu.txt" if on_gpu else "requirements-tf.txt"]


def _pinned(root: Path, files: list[str]) -> dict[str, str]:
    """Return version by package of requirements files and of those that they include."""
    pinned: dict[str, str] = {}
    for file in files:
        for line in (root / file).read_text(encoding="utf-8").splitlines():
            if line.startswith("-r "):
                pinned |= _pinned(root, [line[3:].strip()])
            elif match := re.match(r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==(\S+)", line):
                pinned[canonicalize_name(match[1])] = match[2]
    return pinned


def _installed_in(python: Path) -> dict[str, str]:
    """Return version by package of another interpreter, from its metadata: no framework is imported."""
    command = [str(python), "-I", "-c", _LIST_PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return {canonicalize_name(name): version for name, version in json.loads(done.stdout)}


def _hub() -> Finding:
    if os.environ.get("HF_HUB_OFFLINE"):
        return Finding("model hub", "note", "HF_HUB_OFFLINE is set", "unset it to fetch pretrained weights")
    try:
        with socket.create_connection(("huggingface.co", 443), timeout=3):
            return Finding("model hub", "ok", "reachable")
    except OSError:
        remedy = "put checkpoints into a folder and set weights.folder in conf/profile/; else starts are random"
        return Finding("model hub", "note", "not reachable", remedy)


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free / 2**30
    found = f"{free:.1f} GiB free"
    if free < 2:
        return Finding("disk", "fix", found, "free some; a study needs about 4 GiB beside the environments")
    if free < _NEEDED_GIB:
        return Finding("disk", "note", found, f"a start from nothing needs {_NEEDED_GIB:.0f} GiB")
    return Finding("disk", "ok", found)


def _folder(root: Path) -> Finding:
    if "#" in str(root) or not str(root).isascii():
        found = f"{root} has # or letters beyond ASCII: `dvc exp run --temp` and `--queue` fail there"
        return Finding("folder", "note", found, "move the project to a plain path before you queue experiments")
    return Finding("folder", "ok", str(root))


def _git(root: Path) -> list[Finding]:
    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)

    head = git("rev-parse", "--short", "HEAD")
    if head.returncode != 0:
        return [
            Finding("git", "fix", "no commit here", "git clone the project, or git init && git add . && git commit")
        ]
    findings = [Finding("git", "ok", head.stdout.strip())]
    if git("var", "GIT_COMMITTER_IDENT").returncode != 0:
        remedy = "git config user.name 'You'; git config user.email you@example.org"
        findings.append(Finding("git identity", "fix", "unset: `dvc exp run` commits its experiments", remedy))
    return findings


def _dvc(root: Path) -> Finding:
    if not (root / ".dvc" / "config").is_file():
        return Finding("dvc", "fix", "no .dvc/config", "git checkout .dvc")
    if "enabled = true" not in (root / ".dvc" / "config").read_text(encoding="utf-8").lower():
        return Finding("dvc", "fix", "hydra is off: -S model=… picks no file of conf/", "dvc config hydra.enabled true")
    return Finding("dvc", "ok", f"{importlib.metadata.version('dvc')}, hydra on")


def _params(root: Path) -> Finding:
    from bakeoff.study.composition import differences

    try:
        found = differences(root)
    except BakeoffError as error:
        return Finding("params.yaml", "fix", str(error), "bakeoff params")
    if found:
        told = f"differs from conf/ in {', '.join(found)}"
        return Finding("params.yaml", "note", told, "`bakeoff params` composes it again")
    return Finding("params.yaml", "ok", "composed from conf/")


def _user_files(root: Path) -> Finding:
    """Look whether the user's own weights files are as they were stored; DVC does not notice."""
    from bakeoff.study.params import load_params
    from bakeoff.study.user_files import user_file_changes

    name = "your weights files"
    try:
        changes = user_file_changes(root, load_params(root / "params.yaml"))
    except BakeoffError as error:
        return Finding(name, "fix", str(error), "mend the file that it names")
    if changes:
        return Finding(name, "note", "; ".join(map(str, changes)), "bakeoff weights --retry (or make run)")
    return Finding(name, "ok", "as stored in weights/, or none")


def _failures(root: Path) -> Finding:
    """Name the figures, pages and mirrors that could not be made, with the files that keep the tracebacks."""
    own = ("data/*", "runs/*/seed_*/*", "reports", "monitoring/*")
    files = [path for folder in own for path in sorted(root.glob(f"{folder}/{FILE}"))]
    files += sorted((main_checkout() / ".bakeoff" / "failures").rglob(FILE))
    found = [(path, failure) for path in files for failure in read_failures(path.parent)]
    if not found:
        return Finding("figures, pages, MLflow", "ok", "nothing failed")
    told = "; ".join(f"{failure.what} ({failure.error}): {os.path.relpath(path, root)}" for path, failure in found)
    again = "`dvc repro --single-item --force STAGE` draws again, `bakeoff sync` repairs MLflow"
    remedy = f"report it with the traceback in that file; {again}"
    return Finding("figures, pages, MLflow", "note", f"not made, no number is lost: {told}", remedy)
