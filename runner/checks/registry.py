"""What a functionality check is: a named function, what it is given, and how it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

import requests

from engines import Answer, Endpoint, Engine, EngineError, open_http, shorten
from runner.results import Evidence
from targets.contract import EngineOutput

CHECK_SECONDS = 60.0
"""What one check may take at most, unless it says otherwise."""

STATEMENT_SECONDS = 20.0
POLL_SECONDS = 0.05
EVIDENCE_LIMIT = 30

ANY_ENGINE = "*"


class CheckFailed(Exception):
    """The engine does not do what the check asks for; the message says what it did instead."""


class CheckSkipped(Exception):
    """The check does not apply here; the message says why."""


@dataclass
class Context:
    """What a check is given: one engine, what the outputs document says of it, and where evidence goes.

    ``ends`` is the moment (monotonic clock) at which the check must be done.
    """

    engine: Engine
    output: EngineOutput
    ends: float = math.inf
    evidence: list[Evidence] = field(default_factory=list)

    @property
    def endpoint(self) -> Endpoint:
        """Where the engine answers."""
        return self.engine.endpoint

    def left(self, seconds: float) -> float:
        """``seconds``, or what is left to the check where that is less."""
        return max(0.0, min(seconds, self.ends - time.monotonic()))

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Poll a condition; whether it came to hold in time."""
        ends = time.monotonic() + self.left(seconds)
        while not condition():
            if time.monotonic() >= ends:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def record(self, sent: str, received: str) -> None:
        """Keep one exchange, shortened and without credentials."""
        if len(self.evidence) < EVIDENCE_LIMIT:
            self.evidence.append(Evidence(sent=shorten(sent, self.endpoint), received=shorten(received, self.endpoint)))

    def execute(self, sql: str, *, deadline: float = STATEMENT_SECONDS, engine: Engine | None = None) -> Answer:
        """Run a statement in a session of its own.

        Raises:
            EngineError: it got no answer; recorded as evidence too.
        """
        try:
            with (engine or self.engine).connect() as session:
                answer = session.execute(sql, deadline=deadline)
        except EngineError as error:
            self.record(sql, describe(error))
            raise
        self.record(sql, describe_rows(answer))
        return answer

    def refused(self, sql: str, *, engine: Engine | None = None) -> EngineError:
        """Run a statement that must fail; what it failed with.

        Raises:
            CheckFailed: it did not.
        """
        try:
            answer = self.execute(sql, engine=engine)
        except EngineError as error:
            return error
        raise CheckFailed(f"{sql} was answered: {describe_rows(answer)}")

    def http(self) -> requests.Session:
        """An HTTP session without credentials, see ``engines.open_http``."""
        return open_http(self.endpoint)

    def request(self, http: requests.Session, method: str, url: str, **options: object) -> requests.Response:
        """Send one HTTP request and keep both sides as evidence.

        Args:
            http: the session it is sent with.
            method: GET, POST ...
            url: whole URL.
            options: as for ``requests.Session.request``.

        Raises:
            requests.RequestException: no answer; recorded as evidence too.
        """
        body = options.get("data")
        sent = f"{method} {url}" + (f" {body}" if body else "")
        try:
            response = http.request(method, url, **options)  # type: ignore[arg-type]
        except requests.RequestException as error:
            self.record(sent, f"no answer: {type(error).__name__}: {error}")
            raise
        response.encoding = "utf-8"  # the library guesses from the bytes where the server does not say
        self.record(sent, f"HTTP {response.status_code} {response.text}")
        return response


Function = Callable[[Context], None]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the catalogue; ``engine`` is the kind it applies to, or ``*``."""

    name: str
    engine: str
    description: str
    function: Function
    seconds: float


_catalogue: list[Check] = []


def check(engine: str, description: str, *, seconds: float = CHECK_SECONDS) -> Callable[[Function], Function]:
    """Enter the decorated function into the catalogue.

    Args:
        engine: the engine kind it applies to, or ``ANY_ENGINE``.
        description: one line: what holds when it passes.
        seconds: what it may take at most.
    """

    def enter(function: Function) -> Function:
        _catalogue.append(Check(function.__name__, engine, description, function, seconds))
        return function

    return enter


def catalogue(kind: str) -> list[Check]:
    """The checks for one engine kind: its own, then those for every engine, as they are defined."""
    own = [entry for entry in _catalogue if entry.engine == kind]
    return own + [entry for entry in _catalogue if entry.engine == ANY_ENGINE]


def kinds() -> list[str]:
    """The engine kinds that have checks of their own."""
    return sorted({entry.engine for entry in _catalogue} - {ANY_ENGINE})


def fail(reason: str) -> NoReturn:
    """End the check: it failed."""
    raise CheckFailed(reason)


def expect(holds: bool, reason: str) -> None:
    """Fail for this reason unless the condition holds."""
    if not holds:
        fail(reason)


def describe(error: EngineError) -> str:
    """An error on one line: class, the engine's own name and number, message."""
    number = "" if error.code is None else f" {error.code}"
    return f"{error.error_class.value}: {error.name}{number}: {error}"


def describe_rows(answer: Answer) -> str:
    """An answer on one line."""
    if not answer.columns:
        return "done"
    rows = "; ".join(", ".join(str(value) for value in row) for row in answer.rows[:5])
    more = f" ... {len(answer.rows)} rows" if len(answer.rows) > 5 else ""
    return f"{', '.join(answer.columns)}: {rows}{more}"
