"""Runs a server on this machine alone until Ctrl-C: the port checked first, the address told when it answers."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence

from bakeoff.core.errors import TrackingError

HOST = "127.0.0.1"


def run_server(
    command: Sequence[str], *, environment: Mapping[str, str], port: int, start_s: float, announce: Callable[[], None]
) -> None:
    """Run a server that answers on /health until it ends or Ctrl-C stops it.

    Args:
        command: its program and arguments; the port among them.
        environment: its variables.
        port: where it will listen on 127.0.0.1.
        start_s: how long to wait for its first answer before its address is no longer told.
        announce: called once it answers.

    Raises:
        TrackingError: it ended with an error.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = subprocess.Popen(list(command), env=dict(environment), start_new_session=True)
    threading.Thread(target=_announce, args=(server, port, start_s, announce), daemon=True).start()
    try:
        status = server.wait()
    except KeyboardInterrupt:
        return
    finally:
        stop_server(server)
    if status:
        raise TrackingError(f"the server ended with status {status}; its own lines above say why.")


def refuse_taken_port(port: int, example: str) -> None:
    """Check that nothing listens on the port.

    Raises:
        TrackingError: something does; `example` is a command with another port.
    """
    if answers(port):
        raise TrackingError(f"port {port} is taken already; stop what runs there or pass another: `{example}`.")


def stop_server(server: subprocess.Popen[bytes]) -> None:
    """End the server and the worker that it started; it leads a process group of its own."""
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def answers(port: int) -> bool:
    """Return whether anything answers HTTP on the port."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=2):
            return True
    except (urllib.error.HTTPError, http.client.HTTPException):
        return True
    except (urllib.error.URLError, OSError):
        return False


def _announce(server: subprocess.Popen[bytes], port: int, start_s: float, announce: Callable[[], None]) -> None:
    deadline_s = time.monotonic() + start_s
    while time.monotonic() < deadline_s and server.poll() is None:
        if answers(port):
            announce()
            return
        time.sleep(0.5)
