from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_benchmark_of_this_name_does_not_hide_pythons_module():
    benchmarks = Path(__file__).parents[2] / "benchmarks"
    code = "import statistics; print(statistics.median([1, 2, 4]), statistics.__file__)"
    paths = f"import sys; sys.path[:0] = [{str(benchmarks)!r}, {str(benchmarks.parent / 'src')!r}]; "
    told = subprocess.run([sys.executable, "-c", paths + code], capture_output=True, text=True, check=True).stdout
    assert told.startswith("2 ")
    assert "benchmarks" not in told
