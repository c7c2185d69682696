"""`python -m bakeoff.prediction.worker FOLDER`: carries out the request in FOLDER in this interpreter's environment."""

from __future__ import annotations

import sys
from pathlib import Path

from bakeoff.errors import exit_cleanly
from bakeoff.prediction.request import carry_out

if __name__ == "__main__":
    try:
        with exit_cleanly():
            carry_out(Path(sys.argv[1]))
    except KeyboardInterrupt:  # the command that started this says how far it came
        sys.exit(130)
