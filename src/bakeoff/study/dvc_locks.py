"""Locks that DVC processes left behind: one that is killed outright cannot take its entries out of .dvc/tmp/rwlock.

DVC skips entries of processes that are gone, but stops where the number now belongs to another process or to a zombie
(as in a container without an init process), and where the file was cut short.
"""

import json
from pathlib import Path
from typing import Any

from bakeoff.core.files import replacing

_FILES = (".dvc/tmp/rwlock", ".dvc/tmp/exps/rwlock")


def clear_stale_locks(root: Path) -> list[str]:
    """Remove entries of processes that are gone and return these, `PID 1 (dvc repro)`, an empty text per cut file."""
    return list(dict.fromkeys(process for name in _FILES for process in _clear(root / name)))


def _clear(path: Path) -> list[str]:
    if not path.is_file():
        return []
    from dvc.lock import LockError, make_lock

    try:
        with make_lock(f"{path}.lock", tmp_dir=str(path.parent)):
            return _rewrite(path)
    except LockError:  # somebody is writing it right now, so it is in use
        return []


def _rewrite(path: Path) -> list[str]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        writers: dict[str, dict[str, Any]] = held.get("write", {})
        readers: dict[str, list[dict[str, Any]]] = held.get("read", {})
        everyone = [*writers.values(), *(info for infos in readers.values() for info in infos)]
        dead = {str(info["pid"]): str(info["cmd"]) for info in everyone if not _runs(info)}
    except (ValueError, AttributeError, TypeError, KeyError):
        path.unlink()
        return [""]
    if dead:
        left = {place: [info for info in infos if str(info["pid"]) not in dead] for place, infos in readers.items()}
        kept = {place: info for place, info in writers.items() if str(info["pid"]) not in dead}
        read = {place: infos for place, infos in left.items() if infos}
        with replacing(path) as partial:
            partial.write_text(json.dumps({"write": kept, "read": read}), encoding="utf-8")
    return [f"PID {pid} ({_short(command)})" for pid, command in dead.items()]


def _runs(info: dict[str, Any]) -> bool:
    """Return whether the process that wrote an entry still runs: its number is taken, by a living process of DVC's."""
    import psutil

    try:
        process = psutil.Process(int(info["pid"]))
        return process.status() != psutil.STATUS_ZOMBIE and "dvc" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # another user's: not ours to judge
        return True


def _short(command: str) -> str:
    """Return `dvc repro …` of a command that begins with the path of DVC's script."""
    first, _, rest = command.partition(" ")
    return f"dvc {rest}".strip() if "dvc" in first else command
