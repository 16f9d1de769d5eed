"""Ending politely: the first signal reverts what was injected, further ones do not disturb that."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked the run to end; passes every ``except Exception`` so that only ``finally`` sees it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def ending_politely() -> Iterator[None]:
    """Raise ``Interrupted`` in the main thread on the first signal, and ignore the rest with a word."""
    seen = False

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal seen
        if seen:
            sys.stderr.write("already ending: faults are being reverted and processes stopped\n")
            return
        seen = True
        raise Interrupted(number)

    before = {number: signal.signal(number, handle) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
