"""`python -m bakeoff.deploy.prediction.worker FOLDER`: carries out FOLDER's request in this environment."""

from __future__ import annotations

import sys
from pathlib import Path

from bakeoff.core.errors import exit_cleanly
from bakeoff.deploy.prediction.request import carry_out

if __name__ == "__main__":
    try:
        with exit_cleanly():
            carry_out(Path(sys.argv[1]))
    except KeyboardInterrupt:  # the command that started this says how far it came
        sys.exit(130)
