"""A project whose stages/in_env.sh starts a small server in the worker's place: real processes, real pipes."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from bakeoff.speed.turns import Timings, Turn, Walks
from speed.fake_machine import DESCRIPTION

TURN = Turn(
    {1: Timings([0.1], 0.1), 8: Timings([0.4], 0.4)}, Walks(1, 1, forward_s=0.1), (50.0, 50.0), "measurement", 1.0
)

SERVER = """
import json, os, sys, time
network = sys.argv[1]
log = open("log.txt", "a")

def tell(what):
    log.write(f"{os.getpid()} {what} {network}\\n")
    log.flush()

def answer(values):
    print(json.dumps(values), flush=True)

tell("start")
if network == "unreadable":
    answer({"problem": "unreadable is missing"})
    raise SystemExit
answer({"ready": json.load(open("description.json")) | {"framework": network}})
for line in sys.stdin:
    tell("turn:" + line.strip())
    if network == "deadly":
        os.close(1); time.sleep(0.5); os._exit(9)  # its pipe ends before it does
    if network == "greedy":
        answer({"problem": "greedy: out of memory"})
        continue
    time.sleep(0.02)
    tell("end")
    answer({"turn": json.load(open("turn.json"))})
"""


def write_project(root: Path, *, models: tuple[str, ...] = ()) -> Path:
    """Write a project of these models, each of whose networks answers with `TURN`; some names misbehave."""
    for folder in ("stages", "data/candidates"):
        (root / folder).mkdir(parents=True)
    for model in models:
        (root / "data" / "candidates" / f"{model}.json").write_text("{}")
    (root / "server.py").write_text(SERVER)
    (root / "turn.json").write_text(json.dumps(asdict(TURN)))
    (root / "description.json").write_text(json.dumps(DESCRIPTION))
    (root / "stages" / "in_env.sh").write_text(f'exec "{sys.executable}" server.py "$4"\n')  # $4: after torch -m MODULE
    return root


def told(root: Path, what: str) -> list[str]:
    """Return the networks of which the log tells something, in order."""
    lines = [line.split() for line in (root / "log.txt").read_text().splitlines()]
    return [network for _, said, network in lines if said.startswith(what)]
