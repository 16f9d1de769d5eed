"""Open-loop arrivals: the schedule does not wait for the engine, and nothing is forgotten."""

import itertools
import threading
import time

import pytest

from benchmarks.openloop import Attempt, OpenLoop, Reply, constant, poisson
from benchmarks.statements import Statement, StatementClient, probe_statement
from engines import Answer, Outcome
from tests.unit.fakes import Script, ScriptedEngine


class Blocking:
    """Answers when released."""

    def __init__(self, release: threading.Event) -> None:
        self._release = release
        self.closed = False

    def attempt(self, index: int, deadline: float) -> Reply:
        self._release.wait(deadline)
        return Reply("block", Outcome.OK)

    def close(self) -> None:
        self.closed = True


def test_arrivals_go_on_while_the_engine_stalls() -> None:
    release = threading.Event()
    clients: list[Blocking] = []

    def client() -> Blocking:
        clients.append(Blocking(release))
        return clients[-1]

    loop = OpenLoop(constant(0.01, 0.2), client, deadline=30, max_in_flight=20)
    loop.start()
    end = time.monotonic() + 30
    while len(clients) < 20 and time.monotonic() < end:
        threading.Event().wait(0.005)
    release.set()
    loop.join()
    attempts = loop.attempts()
    assert len(attempts) == 20
    assert len(clients) == 20
    assert all(client.closed for client in clients)
    assert [a.index for a in attempts] == list(range(20))
    gaps = [later.intended - earlier.intended for earlier, later in itertools.pairwise(attempts)]
    assert gaps == pytest.approx([0.01] * 19)
    assert attempts[0].latency > attempts[-1].latency, "the first arrival waited longest, from its intended start"


def test_arrivals_without_a_free_client_are_dropped_and_counted() -> None:
    class Overdue(Blocking):
        def attempt(self, index: int, deadline: float) -> Reply:
            return super().attempt(index, deadline * 3 if index == 0 else 0)

    loop = OpenLoop(constant(0.005, 0.1), lambda: Overdue(threading.Event()), deadline=0.05, max_in_flight=1)
    loop.start()
    loop.join()
    attempts = loop.attempts()
    assert len(attempts) == loop.offered == 20
    dropped = [attempt for attempt in attempts if attempt.dropped]
    assert dropped
    assert all(attempt.outcome is Outcome.UNKNOWN for attempt in dropped)


def test_a_client_that_raises_is_a_defect_not_a_measurement() -> None:
    class Broken(Blocking):
        def attempt(self, index: int, deadline: float) -> Reply:
            raise RuntimeError("defect")

    loop = OpenLoop(constant(0.01, 0.05), lambda: Broken(threading.Event()), deadline=1, max_in_flight=1)
    loop.start()
    with pytest.raises(RuntimeError, match="defect"):
        loop.join()


def test_poisson_is_seeded_and_keeps_its_rate() -> None:
    first, again, other = (list(poisson(100, 50, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert first == sorted(first)
    assert first[0] > 0 and first[-1] < 50
    assert len(first) == pytest.approx(5000, rel=0.1)


def test_latency_counts_from_the_intended_start() -> None:
    attempt = Attempt(0, "q", intended=10.0, started=11.0, finished=11.5, outcome=Outcome.OK)
    assert (attempt.latency, attempt.service_time) == (1.5, 0.5)


def test_a_failed_session_is_not_used_again() -> None:
    script = Script("refused")
    engine = ScriptedEngine(script)
    client = StatementClient(engine, [Statement("q", "SELECT 1", lambda _: "")])
    assert client.attempt(0, 1.0).outcome is Outcome.FAILED
    first = client._session
    script.become("ok")
    assert client.attempt(1, 1.0).outcome is Outcome.OK
    assert first is None
    assert client._session is not None
    client.close()
    assert client._session is None


def test_probe_statement_judges_rows() -> None:
    statement = probe_statement(ScriptedEngine(Script()).probe)
    assert statement.problem(Answer(("n",), ((25,),))) == ""
    assert "expected ((25,),), got ()" in statement.problem(Answer(("n",), ()))
