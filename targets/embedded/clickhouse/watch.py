"""Clients that wait for an answer: whether they are still there."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator

PERIOD_SECONDS = 0.1


class Clients:
    """Looks after connections whose statement may be cancelled when nobody waits for its answer.

    Args:
        cancel: called with the query id of an abandoned statement.

    Attributes:
        closing: the server takes no more statements.
    """

    def __init__(self, cancel: Callable[[str], None]) -> None:
        self.closing = False
        self._cancel = cancel
        self._waiting: dict[str, socket.socket] = {}
        self._answering = 0
        self._lock = threading.Condition()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Look every ``PERIOD_SECONDS``, in a thread of its own, until ``stop``."""
        threading.Thread(target=self._watch, name="clients", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()

    @contextlib.contextmanager
    def waiting(self, connection: socket.socket, query_id: str | None) -> Iterator[None]:
        """Watch the connection while its statement runs; ``None`` for a statement that has to go on."""
        if query_id is None:
            yield
            return
        with self._lock:
            self._waiting[query_id] = connection
        try:
            yield
        finally:
            with self._lock:
                self._waiting.pop(query_id, None)

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Count a request from its head to the last byte of its answer."""
        with self._lock:
            self._answering += 1
        try:
            yield
        finally:
            with self._lock:
                self._answering -= 1
                self._lock.notify_all()

    def wait_idle(self, seconds: float) -> bool:
        """Wait until every request is answered; false when one still is not after ``seconds``."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._answering, timeout=seconds)

    def _watch(self) -> None:
        while not self._stopped.wait(PERIOD_SECONDS):
            with self._lock:
                gone = [query_id for query_id, connection in self._waiting.items() if is_gone(connection)]
                for query_id in gone:
                    del self._waiting[query_id]
            for query_id in gone:
                self._cancel(query_id)


def is_gone(connection: socket.socket) -> bool:
    """Whether the other end has closed or broken the connection; takes nothing from it."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    if not poll.poll(0):
        return False
    try:
        # Does not wait: there is something to read, be it the end. (A socket with a timeout waits even if told not to.)
        return connection.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True
