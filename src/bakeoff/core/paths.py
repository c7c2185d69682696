"""Where the main checkout is and what lives in it; stage inputs and outputs arrive as flags from dvc.yaml instead.

DVC runs queued and `--temp` experiments in copies below `<main checkout>/.dvc/tmp/exps/`. Such a copy has no
environments, no raw data, no MLflow store and no caches: those are always the main checkout's.
"""

import os
from pathlib import Path


def project_root(start: Path | None = None) -> Path:
    """Return the folder with dvc.yaml that holds `start` (default: the working folder), or `start` itself."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    return here


def main_checkout(start: Path | None = None) -> Path:
    """Return the checkout that owns environments, raw data, mlruns/ and .bakeoff/, also from one of DVC's copies.

    The variable BAKEOFF_ROOT overrides it.
    """
    override = os.environ.get("BAKEOFF_ROOT")
    if override:
        return Path(override).resolve()
    return Path(project_root(start).as_posix().split("/.dvc/tmp/exps/", 1)[0])


def state_dir(name: str) -> Path:
    """Return (and make) `.bakeoff/<name>` in the main checkout: checkpoints, features, locks; safe to delete."""
    folder = main_checkout() / ".bakeoff" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def environment_python(environment: str) -> Path:
    """Return the interpreter of `torch` or `tf`: BAKEOFF_PYTHON_<NAME>, else the main checkout's `.venv-<name>`."""
    override = os.environ.get(f"BAKEOFF_PYTHON_{environment.upper()}")
    if override:
        return Path(override)
    return main_checkout() / f".venv-{environment}" / "bin" / "python"


def relative_to_project(path: Path) -> str:
    """Return a path as the records name it: from the project's folder where it lies in it."""
    resolved, root = path.resolve(), project_root()
    return (resolved.relative_to(root) if resolved.is_relative_to(root) else resolved).as_posix()
