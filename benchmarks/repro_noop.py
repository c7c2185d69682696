"""How long does a second `dvc repro` take that has nothing to do? Needs a finished study; five runs, median."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time


def main() -> None:
    """Measure and print one line of JSON."""
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "dvc", "repro"], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - started)
        if "Running stage" in done.stdout:
            sys.exit("a stage ran: finish the study first (`make run`)")
    figures = {"median_s": round(statistics.median(seconds), 2), "max_s": round(max(seconds), 2)}
    print(json.dumps({"benchmark": "repro_noop", "figures": figures, "bars": {"median_s": 10}}))


if __name__ == "__main__":
    main()
