"""A copy of this project in a folder of its own, as a fresh clone, with the environments that run the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMALL = [  # seconds, not minutes: the smallest networks timm has, next to no steps
    "training.frozen.epochs=2",
    "training.finetune.max_steps=2",
    "baseline.image_size=32",
    "baseline.network=efficientnet_b0",
    "baseline.frozen.epochs=1",
    "evaluate.n_bootstrap=200",
    "evaluate.n_bootstrap_ece=100",
    "throughput.batch_sizes=[1,2]",
    "throughput.budget_s=1",
    "throughput.rounds=1",
    "interpret.integrated_gradients.steps=2",
    "interpret.occlusion.window_px=32",
    "interpret.occlusion.stride_px=32",
    "interpret.parts.max_rows=4",
    "compare.n_bootstrap=200",
    "tracking.system_metrics=false",
    "compute.threads=1",
    "weights.sources=[folder,package]",
]
TINY = ["dataset=synthetic", "dataset.synthetic.n_per_class=8", "dataset.synthetic.image_px=64", *SMALL]


class Project:
    """Runs commands in the copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logged: dict[str, float] = {}
        self.said = ""
        self.environment = {
            **os.environ,
            "BAKEOFF_PYTHON_TORCH": sys.executable,
            "BAKEOFF_PYTHON_TF": os.environ.get("BAKEOFF_PYTHON_TF", str(ROOT / ".venv-tf" / "bin" / "python")),
            "PYTHONPATH": str(folder / "src"),
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        for name in ("BAKEOFF_ROOT", "MLFLOW_TRACKING_URI", "PYTHONDONTWRITEBYTECODE"):
            self.environment.pop(name, None)

    @classmethod
    def create(cls, folder: Path) -> Project:
        """Copy what git tracks (and would track) into `folder` and commit it there."""
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file() and name != "dvc.lock":  # a study of our own is not the project
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        project = cls(folder)
        project.git("init", "-q", "-b", "main")
        project.commit("start")
        return project

    def clone(self, folder: Path) -> Project:
        """Return a git clone of this copy."""
        subprocess.run(["git", "clone", "-q", str(self.folder), str(folder)], check=True, capture_output=True)
        return Project(folder)

    def git(self, *arguments: str) -> str:
        """Run git and return what it prints."""
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def commit(self, message: str) -> None:
        """Commit everything; the identity is written into the copy because DVC's experiments need it."""
        self.git("config", "user.name", "test")
        self.git("config", "user.email", "test@example.org")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def dvc(self, *arguments: str, ok: bool = True) -> str:
        """Run dvc and return everything it prints."""
        return self._run([sys.executable, "-m", "dvc", *arguments], ok=ok)

    def bakeoff(self, *arguments: str, ok: bool = True) -> str:
        """Run the product's command line and return everything it prints."""
        return self._run([sys.executable, "-m", "bakeoff.cli", *arguments], ok=ok)

    def _run(self, command: list[str], *, ok: bool) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ok:
            assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout
