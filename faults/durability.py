"""Whether acknowledged inserts survive: unique keys written all through an experiment, read back once after it.

What an insert came to is known at two moments, as in Jepsen's set test (Kingsbury, jepsen.io): to its client at once
(acknowledged, refused, unknown) and to everybody when all keys are read. Nothing is tried again here, since a second
attempt at the same key could not be told from a duplicate.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

from benchmarks.openloop import Attempt, OpenLoop, Reply, poisson
from engines import Engine, EngineError, ErrorClass, KeyTable, Outcome, Session
from faults.observer import LONGEST_OBSERVATION

T = TypeVar("T")

RATE = 5.0  # inserts per second (Poisson): each makes a part on disk that has to be merged
CLIENTS = 2
INSERT_SECONDS = 3.0  # from the intended start; so long what an outage held up is still sent after it
STATEMENT_SECONDS = 5.0
READ_LIMIT = 15.0  # seconds in which the keys must have been read
PAUSE = 0.25  # seconds between attempts at that

_ANSWERED = {ErrorClass.ENGINE, ErrorClass.UNAUTHORIZED, ErrorClass.QUEUE_FULL}
_NEVER_SENT = {ConnectionRefusedError.__name__, "gaierror"}  # there was no connection to send it on


@dataclass(frozen=True, slots=True)
class Durability:
    """What became of the inserts of one experiment.

    Attributes:
        acknowledged: the engine answered that it had them.
        refused: it answered with an error, or there was no connection to send them on.
        unknown: no answer: the connection broke, or the deadline passed. May have been written or not.
        lost: acknowledged keys that are not there. This and all below are ``None`` when not measured.
        duplicated: keys that are there more than once.
        unknown_written: of the unknown, those that are there; the others were not written.
        refused_but_written: of the refused, those that are there all the same.
        unexpected: keys that are there and were never sent.
        reason: why it was not measured.
        interrupted_seconds: the longest stretch from one acknowledgement to the next with an attempt between them that
            was not acknowledged, or not even sent; at the end of the record a lower bound. 0 where there is none.
    """

    acknowledged: int = 0
    refused: int = 0
    unknown: int = 0
    lost: int | None = None
    duplicated: int | None = None
    unknown_written: int | None = None
    refused_but_written: int | None = None
    unexpected: int | None = None
    reason: str = ""
    interrupted_seconds: float = 0.0


def resolved(attempts: Sequence[Attempt], found: Mapping[int, int]) -> Durability:
    """Judge every attempt that was sent, whose index is its key, by how many times each key was found."""
    acknowledged, refused, unknown = _by_outcome(attempts)
    return Durability(
        acknowledged=len(acknowledged),
        refused=len(refused),
        unknown=len(unknown),
        lost=len(acknowledged - found.keys()),
        duplicated=sum(count > 1 for count in found.values()),
        unknown_written=len(unknown & found.keys()),
        refused_but_written=len(refused & found.keys()),
        unexpected=len(found.keys() - acknowledged - refused - unknown),
        interrupted_seconds=interruption(attempts),
    )


def unresolved(attempts: Sequence[Attempt], reason: str) -> Durability:
    """What the clients saw, when the keys could not be read."""
    acknowledged, refused, unknown = _by_outcome(attempts)
    return Durability(
        len(acknowledged), len(refused), len(unknown), reason=reason, interrupted_seconds=interruption(attempts)
    )


def interruption(attempts: Sequence[Attempt]) -> float:
    """Seconds of the longest stretch without an acknowledgement in which there was an insert to acknowledge."""
    if not attempts:
        return 0.0
    longest, missed = 0.0, False
    since = min(attempt.intended for attempt in attempts)
    for attempt in sorted(attempts, key=lambda one: one.finished):
        if attempt.outcome is not Outcome.OK:
            missed = True
            continue
        if missed:
            longest = max(longest, attempt.finished - since)
        since, missed = attempt.finished, False
    return max(longest, attempt.finished - since) if missed else longest


def _by_outcome(attempts: Sequence[Attempt]) -> tuple[set[int], set[int], set[int]]:
    """Keys of the (acknowledged, refused, unknown) attempts; an arrival for which no client was free sent none."""
    sent = [attempt for attempt in attempts if not attempt.dropped]

    def keys(outcome: Outcome) -> set[int]:
        return {attempt.index for attempt in sent if attempt.outcome is outcome}

    return keys(Outcome.OK), keys(Outcome.FAILED), keys(Outcome.UNKNOWN)


class InsertClient:
    """Writes the key of each arrival, one attempt each; a session that failed is not used again."""

    def __init__(self, engine: Engine, table: KeyTable) -> None:
        self._engine = engine
        self._table = table
        self._session: Session | None = None

    def attempt(self, index: int, deadline: float) -> Reply:
        """Insert the key ``index``; only the engine's own answer makes it acknowledged or refused."""
        try:
            if self._session is None:
                self._session = self._engine.connect()
            self._table.insert(self._session, index, deadline=deadline)
        except EngineError as error:
            self.close()
            refused = error.error_class in _ANSWERED or error.name in _NEVER_SENT
            outcome = Outcome.FAILED if refused else Outcome.UNKNOWN
            return Reply("insert", outcome, error.error_class.value, f"{error.name}: {error}")
        return Reply("insert", Outcome.OK)

    def close(self) -> None:
        """Release the session, if any."""
        if self._session is not None:
            self._session.close()
            self._session = None


class InsertCheck:
    """Inserts from entering to leaving the context; then ``resolve`` once. Does nothing where there is no table.

    Args:
        engine: the engine under observation.
        name: of the table, unique among runs.
        seed: of the arrivals.
        read_limit: seconds in which the keys must have been read.
    """

    def __init__(self, engine: Engine, name: str, *, seed: int, read_limit: float = READ_LIMIT) -> None:
        self._engine = engine
        self._table = engine.key_table(name)
        self._read_limit = read_limit
        self._problem = ""
        self._loop = OpenLoop(
            # Another seed than the background's: the same one would give the same arrivals, only stretched.
            poisson(RATE, LONGEST_OBSERVATION, seed + 1),
            self._client,
            deadline=INSERT_SECONDS,
            max_in_flight=CLIENTS,
            name=f"inserts-{engine.kind}",
        )

    def __enter__(self) -> Self:
        if self._table is not None:
            try:
                self._on_session(self._table.create)
            except EngineError as error:
                self._problem = f"the table could not be made: {error}"
            else:
                self._loop.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._loop.stop()
        if kind is not None and not issubclass(kind, Exception):
            self._drop()  # interrupted: nobody will ask for the outcome

    def resolve(self) -> Durability | None:
        """Read all keys back and remove the table; ``None`` for an engine without one. Takes at most a few attempts."""
        if self._table is None:
            return None
        attempts = self._loop.attempts()
        if self._problem:
            return unresolved(attempts, self._problem)
        try:
            return resolved(attempts, self._read(self._table))
        except EngineError as error:
            return unresolved(attempts, f"the keys could not be read back within {self._read_limit:g} s: {error}")
        finally:
            self._drop()

    def _read(self, table: KeyTable) -> Mapping[int, int]:
        """The keys, asked for until the engine gives them or the limit is over."""
        end = time.monotonic() + self._read_limit
        while True:
            try:
                return self._on_session(table.read)
            except EngineError:
                if time.monotonic() + PAUSE >= end:
                    raise
            time.sleep(PAUSE)

    def _drop(self) -> None:
        if self._table is not None:
            with contextlib.suppress(EngineError):  # the next run removes what stays
                self._on_session(self._table.drop)

    def _client(self) -> InsertClient:
        assert self._table is not None  # noqa: S101 - the loop starts only with it
        return InsertClient(self._engine, self._table)

    def _on_session(self, call: Callable[..., T]) -> T:
        with self._engine.connect() as session:
            return call(session, deadline=STATEMENT_SECONDS)
