"""Become another program that dies with its parent: ``python shim.py PARENT_PID PROGRAM ARGUMENTS...``.

Linux's parent-death signal survives ``exec``, so the engine itself needs to know nothing of it. Elsewhere this only
starts the program; what a killed supervisor leaves there is ended by the next run (see ``runs.py``).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Arrange for the signal, then replace this process by ``command``."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit("the parent ended before its child started")
    os.execv(command[0], command)  # noqa: S606 - no shell: an absolute program and its arguments


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
