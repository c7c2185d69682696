"""Name the tests skipped in both environments: such a test proves nothing. In CI (CI=true) one is a failure.

A test that an environment leaves out (`--rooms-of`) is skipped there.

Tests that want hardware this machine lacks, or the option spaCy (223 MB), say so in their skip reason; they are counted
and excused.
"""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ET

EXCUSES = ("no NVIDIA GPU", "fr_core_news_sm")


def outcomes(path: str) -> dict[str, str]:
    """Return {test id: "ran", "skipped" or "excused"} of a JUnit file."""
    cases = ET.parse(path).getroot().iter("testcase")
    named = [case for case in cases if case.get("classname")]  # a module skipped whole has none: it has no tests here
    return {f"{case.get('classname')}::{case.get('name')}": _outcome(case.find("skipped")) for case in named}


def _outcome(skipped: ET.Element | None) -> str:
    if skipped is None:
        return "ran"
    return "excused" if any(one in (skipped.get("message") or "") for one in EXCUSES) else "skipped"


def main(first: str, second: str) -> int:
    """Print the tests that ran in neither environment; return 1 if there are any."""
    one, two = outcomes(first), outcomes(second)
    if "ran" not in one.values() or "ran" not in two.values():
        print("an environment ran no test")
        return 1
    both = {name: {one.get(name, "skipped"), two.get(name, "skipped")} for name in sorted({*one, *two})}
    idle = [name for name, seen in both.items() if seen == {"skipped"}]
    excused = [name for name, seen in both.items() if "ran" not in seen and "excused" in seen]
    print("\n".join(f"ran in neither environment: {name}" for name in idle))
    if excused:
        print(f"left out, as what they need is not here ({', '.join(EXCUSES)}): {len(excused)} tests")
    return 1 if idle and os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
