from __future__ import annotations

from base64 import b64encode
from email.message import Message

import pytest

from targets.embedded.clickhouse.auth import Credentials
from targets.embedded.clickhouse.errors import ServerError
from targets.embedded.clickhouse.request import build_ask, split_target

ALICE = Credentials("alice", "s3cret:ä")


def headers(values: dict[str, str]) -> Message[str, str]:
    message: Message[str, str] = Message()
    for name, value in values.items():
        message[name] = value
    return message


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        (basic("alice:s3cret:ä"), {}),
        ({"x-clickhouse-user": "alice", "X-ClickHouse-Key": "s3cret:ä"}, {}),
        ({}, {"user": "alice", "password": "s3cret:ä"}),
    ],
)
def test_three_ways_in(given: dict[str, str], parameters: dict[str, str]) -> None:
    ALICE.check(headers(given), parameters)


@pytest.mark.parametrize(
    ("given", "parameters", "code", "status"),
    [
        ({}, {}, 194, 401),
        (basic("alice:"), {}, 194, 401),
        (basic("alice:wrong"), {}, 516, 403),
        (basic("bob:s3cret:ä"), {}, 516, 403),
        (basic("alice"), {}, 194, 401),
        ({"X-ClickHouse-User": "alice", "X-ClickHouse-Key": "wrong"}, {}, 516, 403),
        ({"X-ClickHouse-User": "alice"}, {}, 194, 401),
        ({"Authorization": "Bearer s3cret:ä"}, {}, 516, 403),
        ({"Authorization": "Basic !!!"}, {}, 516, 403),
        ({"Authorization": "Basic " + b64encode(b"\xff:\xff").decode()}, {}, 516, 403),
        ({}, {"user": "alice", "password": "wrong"}, 516, 403),
        (basic("alice:s3cret:ä"), {"user": "alice", "password": "s3cret:ä"}, 516, 403),
        ({"X-ClickHouse-User": "alice", "X-ClickHouse-Key": "s3cret:ä", **basic("alice:s3cret:ä")}, {}, 516, 403),
    ],
)
def test_everybody_else_stays_out(given: dict[str, str], parameters: dict[str, str], code: int, status: int) -> None:
    with pytest.raises(ServerError) as error:
        ALICE.check(headers(given), parameters)
    assert (error.value.code, error.value.status) == (code, status)
    assert "s3cret" not in error.value.body("1").decode()


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(ALICE)


def test_values_are_sorted() -> None:
    path, values = split_target(
        "/?query=SELECT+%7Ba%3AString%7D&param_a=x%20y&database=db&max_threads=2&session_id=s&wait_end_of_query=1"
        "&query_id=q1&default_format=CSV&cancel_http_readonly_queries_on_client_close=1&empty="
    )
    ask = build_ask(values, headers({}), method="POST")
    assert path == "/"
    assert ask.query == b"SELECT {a:String}"
    assert ask.parameters == {"a": "x y"}
    assert ask.settings == {"max_threads": "2", "empty": ""}
    assert (ask.database, ask.query_id, ask.output_format) == ("db", "q1", "CSV")
    assert (ask.readonly, ask.abandonable) == (False, True)


def test_defaults() -> None:
    one, other = (build_ask({}, headers({}), method="GET") for _ in range(2))
    assert (one.query, one.database, one.output_format, one.settings) == (b"", "", "TabSeparated", {})
    assert (one.readonly, one.abandonable) == (True, False)
    assert one.query_id != other.query_id


def test_headers_may_carry_format_and_database() -> None:
    ask = build_ask({}, headers({"X-ClickHouse-Format": "JSON", "X-ClickHouse-Database": "db"}), method="POST")
    assert (ask.output_format, ask.database) == ("JSON", "db")


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"max threads": "1"}, "UNKNOWN_SETTING"),
        ({"a=1, readonly": "0"}, "UNKNOWN_SETTING"),
        ({"": "0"}, "UNKNOWN_SETTING"),
        ({"compress": "1"}, "NOT_IMPLEMENTED"),
        ({"decompress": "1"}, "NOT_IMPLEMENTED"),
        ({"database": "a\0b"}, "BAD_ARGUMENTS"),
    ],
)
def test_values_that_cannot_be_used(values: dict[str, str], name: str) -> None:
    with pytest.raises(ServerError) as error:
        build_ask(values, headers({}), method="POST")
    assert error.value.name == name


@pytest.mark.parametrize(
    ("text", "code", "name", "status", "message"),
    [
        ("Code: 60. DB::Exception: Unknown table 'x'. (UNKNOWN_TABLE)", 60, "UNKNOWN_TABLE", 404, "Unknown table 'x'."),
        (
            "Code: 62. DB::Exception: Syntax error (SQL), here. (SYNTAX_ERROR)",
            *(62, "SYNTAX_ERROR", 400, "Syntax error (SQL), here."),
        ),
        (
            "Code: 115. DB::Exception: Code: 115. DB::Exception: No. (UNKNOWN_SETTING) (version 1). (UNKNOWN_SETTING)",
            *(115, "UNKNOWN_SETTING", 404, "Code: 115. DB::Exception: No. (UNKNOWN_SETTING) (version 1)."),
        ),
        ("Code: 159. DB::Exception: Timeout. (TIMEOUT_EXCEEDED)", 159, "TIMEOUT_EXCEEDED", 408, "Timeout."),
        ("Code: 241. DB::Exception: Memory. (MEMORY_LIMIT_EXCEEDED)", 241, "MEMORY_LIMIT_EXCEEDED", 500, "Memory."),
        ("something else", 1002, "UNKNOWN_EXCEPTION", 500, "something else"),
    ],
)
def test_the_engines_exceptions_are_read(text: str, code: int, name: str, status: int, message: str) -> None:
    error = ServerError.from_engine(text)
    assert (error.code, error.name, error.status, error.message) == (code, name, status, message)


def test_an_answer_reads_like_the_official_servers() -> None:
    error = ServerError.from_engine("Code: 60. DB::Exception: No table. (UNKNOWN_TABLE)")
    assert error.body("26.9") == b"Code: 60. DB::Exception: No table. (UNKNOWN_TABLE) (version 26.9)\n"
