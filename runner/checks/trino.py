"""Checks of Trino: health, the statement protocol, typed errors, admission, cancellation."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests

from engines import EngineError, ErrorClass
from engines.trino import TrinoEngine, TrinoRunning
from runner.checks.registry import (
    STATEMENT_SECONDS,
    CheckFailed,
    CheckSkipped,
    Context,
    check,
    describe,
    expect,
    fail,
)

KIND = "trino"
QUEUE_SOURCE = "qer-queue-check"
"""The source a resource group with one running and one queued query is chosen by, where the engine has such a group."""

LONG_QUERY = (
    "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) CROSS JOIN UNNEST(sequence(1, 10000)) AS b(y)"
    " CROSS JOIN UNNEST(sequence(1, 10000)) AS c(z) WHERE (x * 31 + y * 17 + z) % 1000003 = 1"
)
"""Runs for longer than any check waits, on one core, without memory and without any table."""

LONG_QUERY_SECONDS = 40.0
QUEUED_SECONDS = 1.0
"""A query QUEUED for this long is held back by its group."""

PAGES = 200
PATH_SHOWN = 60


@check(KIND, "/v1/info says the coordinator has started and is of the version in the outputs document")
def info(context: Context) -> None:
    """The coordinator's public health endpoint."""
    with context.http() as http:
        told = context.request(http, "GET", f"{context.endpoint.url}/v1/info").json()
    expect(told["starting"] is False, "the coordinator says that it is still starting")
    expect(told["coordinator"] is True, "the node that answers is no coordinator")
    version = told["nodeVersion"]["version"]
    expect(version == context.output.version, f"version {version}, the outputs document says {context.output.version}")


@check(KIND, "As many nodes are active as the outputs document declares")
def active_nodes(context: Context) -> None:
    """Coordinator and workers, by the coordinator's own count."""
    expected = context.endpoint.expected_nodes
    answer = context.execute("SELECT node_id, coordinator FROM system.runtime.nodes WHERE state = 'active'")
    expect(len(answer.rows) == expected, f"{len(answer.rows)} nodes are active, {expected} declared")
    expect(sum(bool(row[1]) for row in answer.rows) == 1, "not exactly one of them is a coordinator")


@check(KIND, "The statement protocol leads over nextUri to FINISHED and the right rows")
def statement_protocol(context: Context) -> None:
    """Plain HTTP requests, no driver: POST /v1/statement, then GET whatever nextUri says."""
    probe = context.engine.probe
    rows: list[tuple[object, ...]] = []
    state = ""
    with context.http() as http:
        _log_in(context, http)
        for page in _pages(context, http, probe.sql):
            rows += [tuple(row) for row in page.get("data", ())]
            state = page["stats"]["state"]
            expect("error" not in page, f"the query failed: {page.get('error', {}).get('message')}")
    expect(state == "FINISHED", f"the last state was {state}")
    expect(tuple(rows) == probe.expected, f"{probe.sql} gave {rows}, not {probe.expected}")


@check(KIND, "Credentials are not accepted over plain HTTP")
def plain_http(context: Context) -> None:
    """The same port, spoken to without TLS."""
    if context.endpoint.scheme != "https" or context.endpoint.password is None:
        raise CheckSkipped("the endpoint is not HTTPS with a password")
    url = f"http://{context.endpoint.host}:{context.endpoint.port}/v1/statement"
    with context.http() as http:
        if _is_loopback(context.endpoint.host):  # elsewhere the password itself would cross the network in the clear
            _log_in(context, http)
        try:
            response = context.request(http, "POST", url, data="SELECT 1", headers=_headers(context))
        except requests.RequestException:
            return
    expect(not response.ok, f"answered with HTTP {response.status_code} over plain HTTP")


@check(KIND, "A syntax error is refused as SYNTAX_ERROR")
def syntax_error(context: Context) -> None:
    """The engine's own name for it."""
    _expect_error(context, "SELEC 1", "SYNTAX_ERROR")


@check(KIND, "An unknown table is refused as TABLE_NOT_FOUND")
def unknown_table(context: Context) -> None:
    """In a catalog and schema that exist."""
    schema = "tpch.tiny" if "tpch" in context.endpoint.catalogs else "system.information_schema"
    _expect_error(context, f"SELECT * FROM {schema}.no_such_table", "TABLE_NOT_FOUND")  # noqa: S608


@check(KIND, "An unknown column is refused as COLUMN_NOT_FOUND")
def unknown_column(context: Context) -> None:
    """In a table that exists."""
    _expect_error(context, "SELECT no_such_column FROM system.runtime.nodes", "COLUMN_NOT_FOUND")


@check(KIND, "An expression of mismatched types is refused as TYPE_MISMATCH")
def type_mismatch(context: Context) -> None:
    """Found by the analyser, before anything runs."""
    _expect_error(context, "SELECT 1 + 'one'", "TYPE_MISMATCH")


@check(KIND, "A division by zero fails while running, as DIVISION_BY_ZERO")
def division_by_zero(context: Context) -> None:
    """Found by a worker."""
    _expect_error(context, "SELECT 1 / (x - 1) FROM UNNEST(sequence(1, 3)) AS t(x)", "DIVISION_BY_ZERO")


@check(KIND, "A second query of a full resource group waits as QUEUED, a third is refused as QUERY_QUEUE_FULL")
def queueing(context: Context) -> None:
    """Three real queries at once in a group that runs one and queues one."""
    engine = _trino(context)
    with _running(engine) as first:
        _await_running(context, first)
        with _running(engine) as second:
            _expect_queued(context, second)
            error = _third(context, engine)
            context.record(f"third query, source {QUEUE_SOURCE}: SELECT 1", describe(error))
            expect(error.name == "QUERY_QUEUE_FULL", f"the third query failed with {describe(error)}")
            expect(error.error_class is ErrorClass.QUEUE_FULL, f"its class is {error.error_class}")
            states = first.state(), second.state()
            expect(states == ("RUNNING", "QUEUED"), f"the other two did not stay as they were: {states}")


@check(KIND, "A cancelled query ends as USER_CANCELED, for its client and on the engine")
def cancel(context: Context) -> None:
    """A query that would run for minutes."""
    engine = _trino(context)
    running = engine.start(LONG_QUERY, deadline=LONG_QUERY_SECONDS)
    try:
        _await_running(context, running)
    finally:
        running.cancel()
    try:
        answer = running.wait(context.left(STATEMENT_SECONDS))
    except EngineError as error:
        context.record("cancel the running query", describe(error))
        expect(error.name in ("USER_CANCELED", "QUERY_NOT_FOUND"), f"its client was told {describe(error)}")
    else:
        fail(f"the cancelled query was answered: {answer.rows}")
    expect(context.wait_until(lambda: _ended(context, running), STATEMENT_SECONDS), "the engine still runs it")


def _trino(context: Context) -> TrinoEngine:
    assert isinstance(context.engine, TrinoEngine)  # noqa: S101 - what KIND says
    return context.engine


def _headers(context: Context) -> dict[str, str]:
    return {"X-Trino-User": context.endpoint.user, "X-Trino-Source": "qer-check"}


def _log_in(context: Context, http: requests.Session) -> None:
    if context.endpoint.password is not None:
        http.auth = (context.endpoint.user, context.endpoint.password)


def _pages(context: Context, http: requests.Session, sql: str) -> Iterator[dict[str, Any]]:
    method, url, body = "POST", f"{context.endpoint.url}/v1/statement", sql
    for _ in range(PAGES):
        page = _page(http.request(method, url, data=body, headers=_headers(context)))
        data = f", data {page['data']}" if "data" in page else ""
        context.record(
            f"{method} {urlsplit(url).path[:PATH_SHOWN]} {body}",
            f"state {page['stats']['state']}{data}, {'nextUri given' if 'nextUri' in page else 'no nextUri: the end'}",
        )
        yield page
        if "nextUri" not in page:
            return
        method, url, body = "GET", page["nextUri"], ""
        expect(urlsplit(url).netloc == urlsplit(context.endpoint.url).netloc, f"nextUri leads elsewhere: {url}")
    fail(f"no end after {PAGES} pages")


def _page(response: requests.Response) -> dict[str, Any]:
    expect(response.ok, f"HTTP status {response.status_code}")
    page = response.json()
    expect(isinstance(page, dict), "the answer is no JSON object")
    return dict(page)


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):  # a name, not an address
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _expect_error(context: Context, sql: str, name: str) -> None:
    error = context.refused(sql)
    expect(
        error.error_class is ErrorClass.ENGINE and error.name == name and error.code is not None,
        f"refused as {describe(error)}, not as {name}",
    )


@contextlib.contextmanager
def _running(engine: TrinoEngine) -> Iterator[TrinoRunning]:
    """A query of the queue check's source; cancelled at the end."""
    running = engine.start(LONG_QUERY, deadline=LONG_QUERY_SECONDS, source=QUEUE_SOURCE)
    try:
        yield running
    finally:
        running.cancel()


def _third(context: Context, engine: TrinoEngine) -> EngineError:
    third = engine.start("SELECT 1", deadline=STATEMENT_SECONDS, source=QUEUE_SOURCE)
    try:
        answer = third.wait(context.left(STATEMENT_SECONDS))
    except EngineError as error:
        return error
    raise CheckFailed(f"the third query was answered: {answer.rows}")


def _await_running(context: Context, running: TrinoRunning) -> None:
    context.wait_until(lambda: running.state() == "RUNNING" or running.ended, STATEMENT_SECONDS)
    _record_state(context, running)
    if running.ended:
        running.wait(0)
    expect(running.state() == "RUNNING", f"the query's state is {running.state() or 'unknown'}, not RUNNING")


def _expect_queued(context: Context, running: TrinoRunning) -> None:
    """Every query is QUEUED for a moment: one that the group holds back stays so."""
    left = context.wait_until(lambda: running.state() not in ("", "QUEUED") or running.ended, QUEUED_SECONDS)
    _record_state(context, running)
    if running.ended:
        running.wait(0)
    if left:
        raise CheckSkipped(f"the engine has no resource group that runs one query of source {QUEUE_SOURCE} at a time")
    expect(running.state() == "QUEUED", "the coordinator did not answer the second query")


def _record_state(context: Context, running: TrinoRunning) -> None:
    context.record(f"query {running.query_id}: {LONG_QUERY}", f"state {running.state()}")


def _ended(context: Context, running: TrinoRunning) -> bool:
    answer = context.execute(
        f"SELECT state, error_code FROM system.runtime.queries WHERE query_id = '{running.query_id}'"  # noqa: S608
    )
    expect(bool(answer.rows), "the engine does not know the query any more")
    state, error = answer.rows[0]
    if state != "FAILED":
        return False
    expect(error == "USER_CANCELED", f"the engine ended it as {error}, not as USER_CANCELED")
    return True
