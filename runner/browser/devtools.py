"""The DevTools protocol over a pair of pipes: JSON messages, each ended by a zero byte.

Pipes rather than a port: nobody else on the machine can talk to the browser, and it ends when its end of the pipe is
closed, so also when this process is killed. (chromedevtools.github.io/devtools-protocol)
"""

from __future__ import annotations

import json
import os
import select
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

CALL_SECONDS = 60.0
"""For one call. Generous: a busy machine may take long, and a call that hangs is an error all the same."""
_PIECE = 1 << 20  # bytes

Message = dict[str, Any]


class BrowserError(Exception):
    """There is no browser, it does not answer, or it cannot do what it was asked for; one line."""


class Connection:
    """Calls and events of one browser, in one thread.

    Args:
        read: descriptor of the pipe that its messages come from.
        write: descriptor of the pipe that ours go to.
    """

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._number = 0
        self._held = b""
        self._events: deque[Message] = deque()

    def call(
        self,
        method: str,
        parameters: Mapping[str, object] | None = None,
        *,
        session: str | None = None,
        seconds: float = CALL_SECONDS,
    ) -> Message:
        """Call a method and wait for what it returns.

        Raises:
            BrowserError: it is refused, or not answered in time.
        """
        self._number += 1
        number = self._number
        message: Message = {"id": number, "method": method, "params": dict(parameters or {})}
        if session is not None:
            message["sessionId"] = session
        self._send(message)
        deadline = time.monotonic() + seconds
        while True:
            answer = self._receive(deadline, method)
            if answer.get("id") != number:
                self._events.append(answer)
            elif "error" in answer:
                raise BrowserError(f"the browser refuses {method}: {answer['error'].get('message', answer['error'])}")
            else:
                return dict(answer["result"])

    def wait(self, wanted: Callable[[Message], bool], what: str, seconds: float = CALL_SECONDS) -> None:
        """Wait for an event that may already have come; events stay to be taken.

        Raises:
            BrowserError: it does not come in time.
        """
        deadline = time.monotonic() + seconds
        while not any(wanted(event) for event in self._events):
            self._events.append(self._receive(deadline, what))

    def take(self, session: str) -> list[Message]:
        """Events of a session that have come since they were last taken."""
        taken = [event for event in self._events if event.get("sessionId") == session]
        self._events = deque(event for event in self._events if event.get("sessionId") != session)
        return taken

    def _send(self, message: Message) -> None:
        data = json.dumps(message).encode() + b"\0"
        try:
            while data:
                data = data[os.write(self._write, data) :]
        except BrokenPipeError as error:
            raise BrowserError("the browser has ended") from error

    def _receive(self, deadline: float, what: str) -> Message:
        while b"\0" not in self._held:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._read], [], [], left)[0]:
                raise BrowserError(f"the browser did not answer in time: {what}")
            piece = os.read(self._read, _PIECE)
            if not piece:
                raise BrowserError(f"the browser has ended: {what}")
            self._held += piece
        text, _, self._held = self._held.partition(b"\0")
        return dict(json.loads(text))
