"""Ports that stay ours for a whole run, also while the process that listens on one is being started again.

They lie below the range from which the kernel hands out ports to outgoing connections, so that no client's connection
takes one while its engine is down. A lock file per port keeps runs of one user apart.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from targets.base import TargetError
from targets.embedded.paths import try_lock

HOST = "127.0.0.1"
LOWEST = 15_000
HIGHEST = 29_999  # NodePorts begin at 30000, Linux's ephemeral ports at 32768
ATTEMPTS = 2_000


class PortPool:
    """Reserved loopback ports. The reservation ends with ``close`` or with the process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._locks: list[int] = []
        self._held: list[socket.socket] = []
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def take(self) -> int:
        """Reserve one free port.

        Raises:
            TargetError: no free port was found.
        """
        for port in _candidates():
            lock = try_lock(self._directory / f"{port}.lock")
            if lock is None:
                continue
            if self._hold(port):
                self._locks.append(lock)
                return port
            os.close(lock)
        raise TargetError(f"no free port between {LOWEST} and {HIGHEST} on {HOST}: end something that listens there")

    def _hold(self, port: int) -> bool:
        """Check that the port is free and, where the kernel allows it, keep others from taking it.

        On Linux a socket that is bound with SO_REUSEADDR but does not listen keeps every other program off the port,
        and still lets our engines (which set SO_REUSEADDR too) listen on it. Clients are refused meanwhile.
        """
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        with contextlib.ExitStack() as stack:
            stack.callback(holder.close)
            try:
                with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as strict:
                    strict.bind((HOST, port))  # without SO_REUSEADDR: fails when anybody has it
                if sys.platform == "linux":
                    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    holder.bind((HOST, port))
            except OSError:
                return False
            stack.pop_all()
        if sys.platform == "linux":
            self._held.append(holder)
        else:
            holder.close()
        return True

    def close(self) -> None:
        """Give all ports back; may be called twice."""
        while self._held:
            self._held.pop().close()
        while self._locks:
            os.close(self._locks.pop())


def _candidates() -> Iterator[int]:
    """Distinct ports in random order: two runs that start together rarely try the same one."""
    yield from random.sample(range(LOWEST, HIGHEST + 1), ATTEMPTS)
