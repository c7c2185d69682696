"""Runs a server on this machine alone until Ctrl-C: the port checked first, the address told when it answers."""

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Mapping, Sequence

from bakeoff.core.errors import TrackingError

HOST = "127.0.0.1"
_START_S = 180  # TensorFlow on a busy machine; after that the address is no longer told


def run_server(
    command: Sequence[str], *, environment: Mapping[str, str], port: int, example: str, welcome: str, opens: str = ""
) -> None:
    """Run a server that answers on /health of 127.0.0.1 until it ends or Ctrl-C stops it.

    Once it answers, `welcome` is printed and the address `opens` opened in the browser. A TrackingError where it ended
    with an error, or the port is taken: `example` is a command with another one.
    """
    if answers(port):
        raise TrackingError(f"port {port} is taken already; stop what runs there or pass another: `{example}`.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = subprocess.Popen(list(command), env=dict(environment), start_new_session=True)
    threading.Thread(target=_announce, args=(server, port, welcome, opens), daemon=True).start()
    try:
        status = server.wait()
    except KeyboardInterrupt:
        return
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)  # it leads a process group of its own, with the worker it started
            server.wait()
    if status:
        raise TrackingError(f"the server ended with status {status}; its own lines above say why.")


def answers(port: int) -> bool:
    """Return whether anything answers HTTP on the port."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=2):
            return True
    except (urllib.error.HTTPError, http.client.HTTPException):
        return True
    except (urllib.error.URLError, OSError):
        return False


def _announce(server: subprocess.Popen[bytes], port: int, welcome: str, opens: str) -> None:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s and server.poll() is None:
        if answers(port):
            sys.stdout.write(welcome)
            sys.stdout.flush()
            if opens:
                webbrowser.open(opens)
            return
        time.sleep(0.5)
