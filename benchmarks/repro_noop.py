"""How long does a second `dvc repro` take that has nothing to do? Needs a finished study; five runs, median."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time


def main() -> None:
    """Measure and print one line of JSON."""
    if subprocess.run([sys.executable, "-m", "dvc", "status", "--quiet"], check=False).returncode != 0:
        sys.exit("there is something to run: finish the study first (`make run`)")
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "dvc", "repro"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - started)
    figures = {"median_s": round(statistics.median(seconds), 2), "max_s": round(max(seconds), 2)}
    print(json.dumps({"benchmark": "repro_noop", "figures": figures, "bars": {"median_s": 8}}))


if __name__ == "__main__":
    main()
