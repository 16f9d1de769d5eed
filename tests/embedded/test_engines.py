"""The adapters on real engines: values, deadlines that end the query on the engine too, broken connections."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from engines import Engine, EngineError, ErrorClass
from runner.checks.clickhouse import LONG_QUERY as CLICKHOUSE_LONG_QUERY
from runner.checks.trino import LONG_QUERY as TRINO_LONG_QUERY
from targets.base import Disturbance
from targets.embedded.target import EmbeddedTarget

pytestmark = pytest.mark.embedded

KINDS = ["trino", "clickhouse"]
LONG_QUERIES = {"trino": TRINO_LONG_QUERY, "clickhouse": CLICKHOUSE_LONG_QUERY}
RUNNING = {
    "trino": "SELECT count(*) FROM system.runtime.queries WHERE query LIKE '%{mark}%'"
    " AND query NOT LIKE '%runtime.queries%' AND state NOT IN ('FINISHED', 'FAILED')",
    "clickhouse": "SELECT count() FROM system.processes WHERE query LIKE '%{mark}%'"
    " AND query NOT LIKE '%system.processes%'",
}
WAIT_LIMIT = 30.0
GIVEN_UP_SECONDS = 8.0  # enough for a cold engine on a busy machine to begin


@pytest.fixture(params=KINDS)
def engine(embedded: EmbeddedTarget, request: pytest.FixtureRequest) -> Engine:
    return next(engine for engine in embedded.engines() if engine.endpoint.kind == request.param)


@pytest.fixture
def disturb(embedded: EmbeddedTarget, engine: Engine) -> Iterator[Callable[[str], None]]:
    def start(name: str) -> None:
        embedded.disturb(engine.endpoint.kind, Disturbance(name, ttl=30))

    yield start
    embedded.restore(engine.endpoint.kind)


def wait_until(condition: Callable[[], bool]) -> bool:
    ends = time.monotonic() + WAIT_LIMIT
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True


def test_health(engine: Engine) -> None:
    health = engine.health()
    assert health.live
    assert health.version
    assert health.active_nodes == (engine.endpoint.expected_nodes if engine.endpoint.kind == "trino" else None)


def test_values(engine: Engine) -> None:
    with engine.connect() as session:
        answer = session.execute(
            "SELECT CAST(7 AS bigint) AS a, CAST('1.50' AS decimal(15, 2)) AS b, CAST('1996-02-29' AS date) AS c,"
            " 'x' AS d, CAST(0.5 AS double) AS e, NULL AS f",
            deadline=30,
        )
    assert answer.columns == ("a", "b", "c", "d", "e", "f")
    assert answer.rows == ((7, Decimal("1.50"), dt.date(1996, 2, 29), "x", 0.5, None),)
    assert [type(value) for value in answer.rows[0]] == [int, Decimal, dt.date, str, float, type(None)]
    assert answer.engine_seconds is not None
    assert 0 <= answer.engine_seconds < 30


def test_a_query_given_up_does_not_run_on(engine: Engine) -> None:
    kind, mark = engine.endpoint.kind, f"given_up_{time.monotonic_ns()}"

    def running() -> int:
        with engine.connect() as session:
            return int(str(session.execute(RUNNING[kind].format(mark=mark), deadline=20).rows[0][0]))

    assert running() == 0  # and a cold engine has this behind it
    started = engine.start(f"{LONG_QUERIES[kind]} /* {mark} */", deadline=GIVEN_UP_SECONDS)
    assert wait_until(lambda: started.state() == "RUNNING")
    with pytest.raises(EngineError) as raised:
        started.wait(WAIT_LIMIT)
    assert raised.value.error_class is ErrorClass.TIMEOUT
    assert wait_until(lambda: running() == 0)


@pytest.mark.parametrize(
    ("disturbance", "error_class"),
    [
        ("refused", ErrorClass.REFUSED),
        ("reset", ErrorClass.RESET),
        ("blackhole", ErrorClass.TIMEOUT),
    ],
)
@pytest.mark.parametrize("connected", [True, False])
def test_a_broken_network(
    engine: Engine, disturb: Callable[[str], None], disturbance: str, error_class: ErrorClass, connected: bool
) -> None:
    with engine.connect() as session:
        if connected:
            session.execute("SELECT 1", deadline=30)
        disturb(disturbance)
        started = time.monotonic()
        with pytest.raises(EngineError) as raised:
            session.execute("SELECT 1", deadline=2)
        assert time.monotonic() - started < 2 * 1.5
    assert raised.value.error_class is error_class


def test_an_engine_out_of_reach_is_not_live(engine: Engine, disturb: Callable[[str], None]) -> None:
    disturb("refused")
    health = engine.health(timeout=2)
    assert not health.live
    assert "ConnectionRefusedError" in health.detail
