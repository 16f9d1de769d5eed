"""Checks of ClickHouse: health, typed errors, a round trip through a table of its own, cancellation."""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections.abc import Iterator
from decimal import Decimal

from engines import EngineError, ErrorClass
from runner.checks.registry import STATEMENT_SECONDS, CheckSkipped, Context, check, describe, expect, fail

KIND = "clickhouse"
LONG_QUERY = "SELECT count() FROM numbers(1000000000000) WHERE cityHash64(number) = 1"
"""Runs for longer than any check waits, without memory and without any table."""

LONG_QUERY_SECONDS = 40.0
ENDED_SECONDS = 10.0


@check(KIND, "/ping answers Ok.")
def ping(context: Context) -> None:
    """The public health endpoint, without credentials."""
    with context.http() as http:
        response = context.request(http, "GET", f"{context.endpoint.url}/ping")
    expect(response.ok, f"HTTP status {response.status_code}")
    expect(response.text.strip() == "Ok.", f"it says {response.text.strip()!r}")


@check(KIND, "The version is that in the outputs document")
def version(context: Context) -> None:
    """By the engine's own function."""
    told = str(context.execute("SELECT version()").rows[0][0])
    declared = context.output.version
    expect(told == declared or told.startswith(f"{declared}."), f"version {told}, the outputs document says {declared}")


@check(KIND, "A request that names no user at all is refused")
def anonymous(context: Context) -> None:
    """It would come in as the user ``default``."""
    if context.endpoint.password is None:
        raise CheckSkipped("the outputs document gives this engine no password: it asks for none")
    with context.http() as http:
        response = context.request(http, "POST", context.endpoint.url, data="SELECT 1")
    expect(response.status_code in (401, 403), f"answered with HTTP status {response.status_code}")


@check(KIND, "A syntax error is refused as SYNTAX_ERROR, 62")
def syntax_error(context: Context) -> None:
    """The engine's own name and number for it."""
    _expect_error(context, "SELEC 1", "SYNTAX_ERROR", 62)


@check(KIND, "An unknown table is refused as UNKNOWN_TABLE, 60")
def unknown_table(context: Context) -> None:
    """In a database that exists."""
    _expect_error(context, "SELECT * FROM system.no_such_table", "UNKNOWN_TABLE", 60)


@check(KIND, "An unknown column is refused as UNKNOWN_IDENTIFIER, 47")
def unknown_column(context: Context) -> None:
    """In a table that exists."""
    _expect_error(context, "SELECT no_such_column FROM system.one", "UNKNOWN_IDENTIFIER", 47)


@check(KIND, "An expression of mismatched types is refused as ILLEGAL_TYPE_OF_ARGUMENT, 43")
def type_mismatch(context: Context) -> None:
    """Found by the analyser, before anything runs."""
    _expect_error(context, "SELECT 1 + 'one'", "ILLEGAL_TYPE_OF_ARGUMENT", 43)


@check(KIND, "A division by zero fails while running, as ILLEGAL_DIVISION, 153")
def division_by_zero(context: Context) -> None:
    """Found when the row is reached."""
    _expect_error(context, "SELECT intDiv(1, number - 1) FROM numbers(3)", "ILLEGAL_DIVISION", 153)


@check(KIND, "A table can be made, filled, read and dropped, and values come back as they were")
def round_trip(context: Context) -> None:
    """In a scratch database of its own, dropped afterwards whatever happens."""
    with _scratch_database(context) as database:
        table = f"{database}.round_trip"
        context.execute(
            f"CREATE TABLE {table} (id UInt32, day Date, price Decimal(15, 2), name String, gone Nullable(Int8))"
            " ENGINE = MergeTree ORDER BY id"
        )
        context.execute(f"INSERT INTO {table} VALUES (1, '2020-02-29', 1234.56, 'O''Neill \u00e9', NULL)")  # noqa: S608
        context.execute(f"INSERT INTO {table} SELECT number + 2, '1970-01-01', number / 4, 'n', 7 FROM numbers(999)")  # noqa: S608
        first = context.execute(f"SELECT * FROM {table} WHERE id = 1").rows  # noqa: S608
        expected = (1, dt.date(2020, 2, 29), Decimal("1234.56"), "O'Neill \u00e9", None)
        expect(first == (expected,), f"the first row came back as {first}")
        total = context.execute(f"SELECT count(), uniqExact(id), sum(gone) FROM {table}").rows  # noqa: S608
        expect(total == ((1000, 1000, 6993),), f"1000 rows were acknowledged, there are {total}")
        context.execute(f"DROP TABLE {table} SYNC")
        error = context.refused(f"SELECT * FROM {table}")  # noqa: S608
        expect(error.name == "UNKNOWN_TABLE", f"after DROP the table is refused as {describe(error)}")


@check(KIND, "A cancelled query ends as QUERY_WAS_CANCELLED, for its client and on the engine")
def cancel(context: Context) -> None:
    """A query that would run for minutes."""
    running = context.engine.start(LONG_QUERY, deadline=LONG_QUERY_SECONDS)
    listed = context.wait_until(lambda: running.ended or running.state() == "RUNNING", STATEMENT_SECONDS)
    context.record(f"query {running.query_id}: {LONG_QUERY}", f"state {running.state()}")
    if running.ended:
        fail(f"the query ended before it was cancelled: {running.wait(0).rows}")
    running.cancel()
    if not context.wait_until(lambda: running.ended, ENDED_SECONDS):
        if not listed:
            raise CheckSkipped("the endpoint does not list its running queries, so that none can be cancelled by name")
        fail("the query was asked to end and still runs")
    try:
        answer = running.wait(0)
    except EngineError as error:
        context.record("KILL QUERY", describe(error))
        expect(error.name == "QUERY_WAS_CANCELLED", f"its client was told {describe(error)}")
    else:
        fail(f"the cancelled query was answered: {answer.rows}")
    gone = context.wait_until(lambda: running.state() == "", STATEMENT_SECONDS)
    expect(gone, "the engine still lists it among its queries")


def _expect_error(context: Context, sql: str, name: str, code: int) -> None:
    error = context.refused(sql)
    expect(
        (error.error_class, error.name, error.code) == (ErrorClass.ENGINE, name, code),
        f"refused as {describe(error)}, not as {name}, {code}",
    )


@contextlib.contextmanager
def _scratch_database(context: Context) -> Iterator[str]:
    name = f"qer_check_{secrets.token_hex(4)}"
    context.execute(f"CREATE DATABASE {name}")
    try:
        yield name
    finally:
        context.execute(f"DROP DATABASE IF EXISTS {name} SYNC")
