"""An engine's protocol without its driver, where a statement is one HTTP request: for load beyond what a driver can do.

A driver spends its time on what a load generator does with every answer the same way: it parses. Here the request is
made once and sent as bytes, and an answer is parsed only where its bytes have not been seen before.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from engines.base import Answer


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One statement as the bytes of an HTTP/1.1 request on a connection that is kept open; they hold credentials."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WireResponse:
    """What came back: the status, the header block in small letters, the body without its transfer encoding."""

    status: int
    headers: bytes
    body: bytes


class Wire(Protocol):
    """How one engine's statements look as requests. Needs nothing of the driver but its parser."""

    @property
    def context(self) -> ssl.SSLContext | None:
        """Whom to trust; ``None`` for plain HTTP."""
        ...

    def request(self, sql: str, *, deadline: float, settings: Mapping[str, str]) -> WireRequest:
        """The request for a statement.

        Args:
            sql: one statement without a trailing semicolon that gives rows.
            deadline: seconds after which the engine may give up by itself, as its client has.
            settings: engine settings for this statement only.
        """
        ...

    def answer(self, response: WireResponse) -> Answer:
        """The answer that came back.

        Raises:
            EngineError: it is an error, or no answer of this engine.
        """
        ...
