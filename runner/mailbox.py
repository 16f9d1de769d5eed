"""How a generator's pod is told something from outside: small files, written by a command in its container.

``python -m runner.mailbox put NAME TEXT`` leaves a text, ``begin NAME SECONDS`` the moment to begin at, ``take NAME``
prints what the generator has left. The moment is one of the pod's own clock, so that no two machines' clocks are
compared. Only the standard library, so that a command costs next to nothing beside the load.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

DIRECTORY_VARIABLE = "QER_REPORT_DIR"
ALIVE = "alive"
"""Touched by whoever conducts, so that a generator notices when nobody does any more."""


class Mailbox:
    """Texts by name in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @classmethod
    def here(cls) -> Mailbox:
        """That of this container."""
        return cls(Path(os.environ.get(DIRECTORY_VARIABLE, "report")))

    def put(self, name: str, text: str) -> None:
        """Leave a text, whole or not at all."""
        new = self._directory / f".{name}.{os.getpid()}"
        new.write_text(text, encoding="utf-8")
        new.replace(self._directory / name)

    def get(self, name: str) -> str | None:
        """What was left; ``None`` while there is nothing."""
        try:
            return (self._directory / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def stamp(self, name: str) -> int:
        """Changes whenever the file was written or touched; 0 while there is none."""
        try:
            return (self._directory / name).stat().st_mtime_ns
        except FileNotFoundError:
            return 0


class Patience:
    """Tells when nobody has touched ``ALIVE`` for some seconds; compares no moments but those of one clock."""

    def __init__(self, mailbox: Mailbox, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._mailbox, self._seconds, self._clock = mailbox, seconds, clock
        self._stamp, self._since = mailbox.stamp(ALIVE), clock()

    @property
    def over(self) -> bool:
        """Whether it was too long ago."""
        stamp, now = self._mailbox.stamp(ALIVE), self._clock()
        if stamp != self._stamp:
            self._stamp, self._since = stamp, now
        return now - self._since > self._seconds


def main(arguments: Sequence[str]) -> int:
    """Do what the first argument says."""
    mailbox = Mailbox.here()
    match list(arguments):
        case ["put", name, text]:
            mailbox.put(name, text)
        case ["begin", name, seconds]:
            mailbox.put(name, repr(time.monotonic() + float(seconds)))
        case ["take", name]:
            return _show(name, mailbox.get(name))
        case _:
            sys.stderr.write("usage: python -m runner.mailbox put NAME TEXT | begin NAME SECONDS | take NAME\n")
            return 2
    mailbox.put(ALIVE, "")
    return 0


def _show(name: str, text: str | None) -> int:
    if text is None:
        sys.stderr.write(f"there is no {name}\n")
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
