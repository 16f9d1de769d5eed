"""Statements with a known right answer, and the client that sends them and judges what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.openloop import Reply
from engines import Answer, Engine, EngineError, Outcome, ProbeQuery, Row, Session


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement and the judge of its answer: ``problem`` returns an empty string for a right one."""

    name: str
    sql: str
    problem: Callable[[Answer], str]
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExactRows:
    """Judges an answer by its rows, all of them and in this order. Can be handed to another process."""

    rows: tuple[Row, ...]

    def __call__(self, answer: Answer) -> str:
        """See ``Statement.problem``."""
        return "" if answer.rows == self.rows else f"expected {self.rows!r}, got {answer.rows!r}"


def probe_statement(probe: ProbeQuery) -> Statement:
    """The availability probe as a statement."""
    return Statement("probe", probe.sql, ExactRows(probe.expected))


class StatementClient:
    """Sends one of several statements per arrival, one driver attempt each.

    A session that failed is not used again: its connection may be half-dead, and a later statement must not pay
    for an earlier one.

    Args:
        engine: where to send.
        statements: what to send.
        choose: index of the statement for the n-th arrival; the first one without it.
        reconnect: send each over a connection of its own, as a client does that has just come.
    """

    def __init__(
        self,
        engine: Engine,
        statements: Sequence[Statement],
        choose: Callable[[int], int] | None = None,
        *,
        reconnect: bool = False,
    ) -> None:
        self._engine = engine
        self._statements = statements
        self._choose = choose or (lambda _: 0)
        self._reconnect = reconnect
        self._session: Session | None = None

    def attempt(self, index: int, deadline: float) -> Reply:
        """Send the statement of that arrival and judge the answer."""
        statement = self._statements[self._choose(index)]
        try:
            if self._session is None:
                self._session = self._engine.connect()
            answer = self._session.execute(statement.sql, deadline=deadline, settings=statement.settings)
        except EngineError as error:
            self.close()
            return Reply(statement.name, Outcome.FAILED, error.error_class.value, f"{error.name}: {error}")
        if self._reconnect:
            self.close()
        if problem := statement.problem(answer):
            return Reply(statement.name, Outcome.WRONG, "wrong", problem)
        return Reply(statement.name, Outcome.OK)

    def close(self) -> None:
        """Release the session, if any."""
        if self._session is not None:
            self._session.close()
            self._session = None
