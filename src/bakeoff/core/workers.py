"""A process in another environment that answers questions over pipes: how it starts and ends."""

import contextlib
import os
import subprocess
from pathlib import Path

from bakeoff.core.errors import EvaluationError
from bakeoff.core.paths import environment_python

ENDING_S = 10


class WorkerProcess:
    """A module run in an environment; questions go to its stdin, and its stdout has nothing but answers."""

    def __init__(self, root: Path, environment: str, module: str, *given: str, purpose: str) -> None:
        """Start `python -m MODULE GIVEN…` in a project's folder; messages name it by `purpose`.

        Raises:
            EvaluationError: the environment is missing.
        """
        self._name = f"the {purpose} process of .venv-{environment}"
        python = environment_python(environment)
        if not python.is_file():
            raise EvaluationError(f"{python} is missing; run `make setup`.")
        self._process = subprocess.Popen(
            ["sh", "stages/in_env.sh", environment, "-m", module, *given],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for whoever asks to handle
        )
        assert self._process.stdin
        assert self._process.stdout
        self._questions, self._answers = self._process.stdin, self._process.stdout

    def send(self, question: bytes) -> None:
        """Write a question; whoever reads the answer learns that the process ended."""
        with contextlib.suppress(BrokenPipeError):
            self._questions.write(question)
            self._questions.flush()

    def ended(self) -> EvaluationError:
        """Return what to raise where there is no answer."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDING_S)  # else `close` kills it, and -9 would tell of a lack of memory
        return EvaluationError(
            f"{self._name} ended without an answer (status {self._process.returncode}; -9 is a machine out of memory); "
            "see its messages above."
        )

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def keep_stdout() -> int:
    """Return a file descriptor of stdout for the answers; what is printed from here on goes to stderr."""
    kept = os.dup(1)
    os.dup2(2, 1)
    return kept
