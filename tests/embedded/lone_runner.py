"""A runner of its own, started by tests that end it: ``lone_runner.py ENGINE DEED [FILE]``.

Prints one JSON line: for the deed ``early`` as soon as its processes exist, otherwise once its engine is ready. Then
``leave`` closes the target and ``raise`` fails inside it; ``idle`` waits to be ended, and on Ctrl-C writes to FILE
whether the engine still has its full capacity.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from targets.base import MeansError
from targets.embedded import runs
from targets.embedded.config import EmbeddedConfig
from targets.embedded.control import ask
from targets.embedded.messages import Status, StatusRequest
from targets.embedded.target import EmbeddedTarget

LIMIT = 120.0


def _say(status: Status) -> None:
    pids = [status.pid, *(process.pid for process in status.processes if process.pid)]
    sys.stdout.write(json.dumps({"runner": os.getpid(), "supervisor": status.pid, "pids": pids}) + "\n")
    sys.stdout.flush()


def _say_early(expected: int) -> None:
    """As soon as every process of the run exists, long before the engine is ready."""
    give_up = time.monotonic() + LIMIT
    while time.monotonic() < give_up:
        for run in runs.living():
            try:
                status = ask(run.socket, StatusRequest()).status
            except MeansError:  # not listening yet
                continue
            if status and sum(process.pid is not None for process in status.processes) == expected:
                _say(status)
                return
        time.sleep(0.05)


def main(engine: str, deed: str) -> None:
    """Start the engine and do the deed."""
    # A shell starts what it runs in the background with Ctrl-C ignored, and the tests may run there.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if deed == "early":
        threading.Thread(target=_say_early, args=(2 if engine == "trino" else 1,), daemon=True).start()
    with EmbeddedTarget(EmbeddedConfig(engines=(engine,))) as target:
        try:
            if deed != "early":
                _say(target.status())
            if deed == "raise":
                raise RuntimeError("the run failed")
            if deed != "leave":
                time.sleep(600)
        except KeyboardInterrupt:
            if deed == "idle":
                Path(sys.argv[3]).write_text(str(target.full_capacity(engine)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
