"""The detached process that mends a broken node when its time is over: ``python -I nodewatch.py RECORD``.

Only the standard library, and by path: it must start fast and need nothing that may be gone by then. It ends when
the record is gone, which says that somebody else has mended the node, and removes the record itself otherwise.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ATTEMPTS = 30
PAUSE_SECONDS = 10.0
POLL_SECONDS = 0.5
COMMAND_SECONDS = 300.0


def watch(record: Path, pause: float = PAUSE_SECONDS) -> int:
    """Wait, then mend; 0 when the node is mended, by whomever."""
    try:
        broken = json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0
    while time.time() < broken["due"]:
        if not _is_there(record, broken):
            return 0
        time.sleep(min(POLL_SECONDS, max(0.0, broken["due"] - time.time())))
    for _ in range(ATTEMPTS):
        if not _is_there(record, broken):
            return 0
        if _mend(broken["end"]):
            record.unlink(missing_ok=True)
            return 0
        time.sleep(pause)
    return 1


def _is_there(record: Path, broken: dict[str, object]) -> bool:
    """Whether it is still the record that we were started for."""
    try:
        return bool(json.loads(record.read_text(encoding="utf-8")) == broken)
    except (OSError, ValueError):
        return False


def _mend(command: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S602 - a command line of the user's own
            command,
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    # Whoever starts us waits for this first process only; the one that watches is nobody's child.
    if os.fork():
        os._exit(0)
    sys.exit(watch(Path(sys.argv[1])))
