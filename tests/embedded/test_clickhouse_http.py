"""The server as clients see it: the official driver, and plain HTTP."""
# ruff: noqa: S608 - the statements are put together from constants

from __future__ import annotations

import datetime
import gzip
import http.client
import io
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import lz4.frame
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, Error

from targets.embedded.clickhouse.handler import INLINE_BYTES
from tests.embedded.clickhouse_process import HEAVY, PASSWORD, USER, Reply, ServerProcess, basic, running, until

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running(tmp_path_factory.mktemp("clickhouse")) as started:
        yield started


@pytest.fixture
def table(server: ServerProcess) -> Iterator[str]:
    assert server.ask("CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a").status == 200
    yield "t"
    assert server.ask("DROP TABLE t").status == 200


def rows(server: ServerProcess, sql: str) -> list[list[str]]:
    reply = server.ask(sql)
    assert reply.status == 200, reply.body
    return [line.split("\t") for line in reply.body.decode().splitlines()]


def code_of(server: ServerProcess, sql: str, settings: dict[str, str] | None = None) -> tuple[int | None, str | None]:
    with server.client() as client, pytest.raises(DatabaseError) as error:
        client.query(sql, settings=settings)
    return error.value.code, error.value.name


def test_ping_needs_no_credentials(server: ServerProcess) -> None:
    for path in ("/ping", "/", "/replicas_status"):
        reply = server.ask(method="GET", path=path, headers={})
        assert (reply.status, reply.body) == (200, b"Ok.\n")
    assert server.ask(path="/nowhere").status == 404


def test_the_driver_reads_types_and_counters(server: ServerProcess) -> None:
    with server.client() as client:
        result = client.query("SELECT number, toString(number), toDate('2024-02-29'), NULL, [1, 2] FROM numbers(2)")
        day = datetime.date(2024, 2, 29)
        assert result.result_rows == [(0, "0", day, None, [1, 2]), (1, "1", day, None, [1, 2])]
        assert int(result.summary["read_rows"]) == 2
        assert int(result.summary["elapsed_ns"]) > 0
        assert str(client.server_version).split(".")[0].isdigit()
        assert client.command("SELECT 5") == 5
        assert client.command("SELECT 'x' WHERE 0") == ""
        assert client.query("SELECT 1 AS one, 'x' AS two LIMIT 0").column_names == ("one", "two")


def test_parameters_of_the_server(server: ServerProcess) -> None:
    values = {"n": 41, "s": "it's\ta \\ text", "long": "ä" * 20_000}  # too long for a URL: sent as a form
    with server.client() as client:
        sql = "SELECT {n:UInt32} + 1, {s:String}, {long:String}"
        assert client.query(sql, parameters=values).result_rows == [(42, values["s"], values["long"])]


def test_inserts_of_the_driver(server: ServerProcess, table: str) -> None:
    many = 200_000
    with server.client() as client:
        assert client.insert(table, [[1, "x\ny'"], [2, ""]], column_names=["a", "s"]).written_rows == 2
        arrow = pa.table({"a": range(10, 10 + many), "s": ["z"] * many})
        assert client.insert_arrow(table, arrow).written_rows == many
        found = client.query(f"SELECT count(), uniqExact(a), max(s), anyIf(s, a = 1) FROM {table}").result_rows
        assert found == [(many + 2, many + 2, "z", "x\ny'")]


def parquet(count: int) -> bytes:
    sink = io.BytesIO()
    data = pa.table({"a": range(count), "s": [os.urandom(8).hex() for _ in range(count)]})
    pq.write_table(data, sink, compression="none")
    return sink.getvalue()


@pytest.mark.parametrize("count", [10, 100_000])
def test_parquet_in_one_body_with_its_statement(server: ServerProcess, table: str, count: int) -> None:
    data = parquet(count)
    assert (len(data) > INLINE_BYTES) == (count > 10)
    with server.client() as client:
        assert client.raw_insert(table, ["a", "s"], data, fmt="Parquet").written_rows == count
        assert client.raw_insert(table, ["a", "s"], io.BytesIO(data), fmt="Parquet").written_rows == count
    assert rows(server, f"SELECT count(), uniqExact(a), uniqExact(s) FROM {table}") == [
        [str(2 * count), str(count), str(count)]
    ]
    uploads = server.directory / "data" / "uploads"
    assert list(uploads.iterdir()) == []


def test_compressed_bodies(server: ServerProcess, table: str) -> None:
    csv = b"".join(b'%d,"line\n%d;"\n' % (n, n) for n in range(1000))
    for encoding, data in (("gzip", gzip.compress(csv)), ("lz4", lz4.frame.compress(csv))):
        sql = f"INSERT INTO {table} SETTINGS max_insert_threads = 1 FORMAT CSV"
        reply = server.ask(data, headers={**basic(), "Content-Encoding": encoding}, query=sql)
        assert reply.status == 200, reply.body
    assert rows(server, f"SELECT count(), countIf(s = 'line\\n7;') FROM {table}") == [["2000", "2"]]


def test_values_and_selects_insert(server: ServerProcess, table: str) -> None:
    assert server.ask(f"INSERT INTO {table} VALUES (1, 'a'), (1 + 1, upper('b'))").status == 200
    assert server.ask("(3, 'c')", query=f"INSERT INTO {table} VALUES").status == 200
    assert server.ask(f"INSERT INTO {table} SELECT 4, 'd'").status == 200
    many = ",".join(f"({number}, 'x')" for number in range(100, 200_000))
    assert len(many) > INLINE_BYTES
    assert server.ask(f"INSERT INTO {table} VALUES {many}").status == 200
    assert rows(server, f"SELECT groupArray(s) FROM (SELECT s FROM {table} WHERE a < 10 ORDER BY a)") == [
        ["['a','B','c','d']"]
    ]
    assert rows(server, f"SELECT count() FROM {table}") == [[str(4 + 199_900)]]


def test_body_and_url_make_one_statement(server: ServerProcess) -> None:
    assert server.ask("FROM numbers(3)", query="SELECT sum(number)").body == b"3\n"
    assert server.ask(method="GET", query="SELECT 7").body == b"7\n"
    assert server.ask("SELECT 1 AS a", default_format="JSONEachRow").body == b'{"a":1}\n'


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELEC 1", 400, "62"),
        ("", 400, "62"),
        ("-- nothing", 400, "62"),
        ("SELECT * FROM nowhere", 404, "60"),
        ("SELECT nothing", 404, "47"),
        ("USE nowhere", 404, "81"),
        ("SELECT throwIf(1)", 500, "395"),
        ("INSERT INTO nowhere FORMAT CSV\n1", 404, "60"),
        ("SELECT '" + "x" * (INLINE_BYTES + 1) + "'", 413, "161"),
    ],
)
def test_errors_have_the_official_numbers(server: ServerProcess, sql: str, status: int, code: str) -> None:
    reply = server.ask(sql)
    assert (reply.status, reply.code) == (status, code)
    assert reply.body.startswith(f"Code: {code}. DB::Exception: ".encode())


def test_errors_reach_the_driver_by_name(server: ServerProcess) -> None:
    assert code_of(server, "SELEC 1") == (62, "SYNTAX_ERROR")
    assert code_of(server, "SELECT * FROM nowhere") == (60, "UNKNOWN_TABLE")
    assert code_of(server, "SELECT 1", {"no_such_setting": "1"}) == (115, "UNKNOWN_SETTING")
    assert code_of(server, HEAVY, {"max_execution_time": "1"}) == (159, "TIMEOUT_EXCEEDED")


@pytest.mark.parametrize(
    ("headers", "parameters", "status", "code"),
    [
        ({}, {}, 401, "194"),
        (basic(password="wrong"), {}, 403, "516"),
        (basic(user="nobody"), {}, 403, "516"),
        (basic(user="default", password=""), {}, 401, "194"),
        ({"X-ClickHouse-User": USER, "X-ClickHouse-Key": "wrong"}, {}, 403, "516"),
        ({}, {"user": USER, "password": "wrong"}, 403, "516"),
    ],
)
def test_wrong_and_missing_credentials(
    server: ServerProcess, headers: dict[str, str], parameters: dict[str, str], status: int, code: str
) -> None:
    reply = server.ask("SELECT 1", headers=headers, parameters=parameters)
    assert (reply.status, reply.code) == (status, code)
    assert reply.body != b"1\n"


def test_a_refused_upload_is_answered(server: ServerProcess) -> None:
    reply = server.ask(bytes(8 * INLINE_BYTES), headers={}, query="INSERT INTO t FORMAT Native")
    assert (reply.status, reply.code) == (401, "194")


def test_other_ways_to_say_who(server: ServerProcess) -> None:
    assert server.ask("SELECT 1", headers={}, user=USER, password=PASSWORD).body == b"1\n"
    reply = server.ask("SELECT 1", headers={"X-ClickHouse-User": USER, "X-ClickHouse-Key": PASSWORD})
    assert reply.body == b"1\n"


def test_get_may_only_read(server: ServerProcess, table: str) -> None:
    for parameters in ({}, {"readonly": "0"}):
        query = f"INSERT INTO {table} VALUES (1, '')"
        reply = server.ask(method="GET", parameters={"query": query, **parameters})
        assert (reply.status, reply.code) == (500, "164")
    assert rows(server, f"SELECT count() FROM {table}") == [["0"]]


def test_headers_of_an_answer(server: ServerProcess) -> None:
    reply = server.ask("SELECT number FROM numbers(10) FORMAT CSV", query_id="my-id")
    assert reply.headers["X-ClickHouse-Query-Id"] == "my-id"
    assert reply.headers["X-ClickHouse-Format"] == "CSV"
    assert reply.headers["X-ClickHouse-Timezone"]
    assert reply.headers["Content-Type"].startswith("text/csv")
    summary = json.loads(reply.headers["X-ClickHouse-Summary"])
    assert (summary["read_rows"], summary["result_rows"]) == ("10", "10")
    assert "X-ClickHouse-Format" not in server.ask("SYSTEM FLUSH LOGS").headers


def test_the_database_of_a_request(server: ServerProcess) -> None:
    assert server.ask("CREATE DATABASE other").status == 200
    try:
        assert server.ask("SELECT currentDatabase()", database="other").body == b"other\n"
        assert server.ask("SELECT currentDatabase()").body == b"default\n"
        assert server.ask("SELECT 1", database="no`where").code == "81"
    finally:
        assert server.ask("DROP DATABASE other").status == 200


def test_requests_do_not_change_each_other(server: ServerProcess) -> None:
    assert server.ask("SET max_threads = 1", session_id="s").status == 200
    assert server.ask("SELECT getSetting('max_block_size')", max_block_size="77", session_id="s").body == b"77\n"
    assert server.ask("SELECT getSetting('max_block_size')", session_id="s").body != b"77\n"


def test_a_connection_is_kept_also_after_errors(server: ServerProcess) -> None:
    with server.connection() as connection:
        connection.connect()
        kept = connection.sock
        for sql, status in ((b"SELECT 1", 200), (b"SELEC", 400), (b"SELECT 2", 200)):
            connection.request("POST", "/", sql, basic())
            response = connection.getresponse()
            response.read()
            assert response.status == status
            assert connection.sock is kept


def test_expected_continue_is_sent(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\nAuthorization: {basic()['Authorization']}\r\n"
        connection.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(b"SELECT 1")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_many_at_once_beside_a_heavy_statement(server: ServerProcess) -> None:
    def answers(worker: int) -> list[object]:
        with server.client() as client:
            return [client.command(f"SELECT {worker} * 1000 + {number}") for number in range(10)]

    heavy = threading.Thread(target=server.ask, args=(HEAVY,), kwargs={"query_id": "heavy"})
    heavy.start()
    try:
        with ThreadPoolExecutor(16) as pool:
            for worker, found in enumerate(pool.map(answers, range(16))):
                assert found == [worker * 1000 + number for number in range(10)]
        assert heavy.is_alive()
    finally:
        server.ask("KILL QUERY WHERE query_id = 'heavy'")
        heavy.join(30)
    assert not heavy.is_alive()


def statements_running(server: ServerProcess) -> int:
    return int(rows(server, "SELECT count() - 1 FROM system.processes")[0][0])


def test_kill_query(server: ServerProcess) -> None:
    with ThreadPoolExecutor(1) as pool:
        victim = pool.submit(server.ask, HEAVY, query_id="victim")
        until(lambda: statements_running(server) == 1)
        assert server.ask("SELECT 1", query_id="victim").code == "216"
        assert len(rows(server, "KILL QUERY WHERE query_id = 'victim' SYNC")) == 1
        assert victim.result(30).code == "394"


@pytest.mark.parametrize("leaving", ["1", "0"])
def test_a_reading_statement_ends_with_its_client_if_asked_to(server: ServerProcess, leaving: str) -> None:
    with server.connection() as connection:
        target = f"/?query_id=left&cancel_http_readonly_queries_on_client_close={leaving}"
        connection.request("POST", target, HEAVY, basic())
        until(lambda: statements_running(server) == 1)
    if leaving == "1":
        until(lambda: statements_running(server) == 0)
    else:
        for _ in range(20):
            assert statements_running(server) == 1
        server.ask("KILL QUERY WHERE query_id = 'left' SYNC")


def test_a_client_that_leaves_in_the_middle_disturbs_nobody(server: ServerProcess, table: str) -> None:
    head = f"POST /?query=INSERT+INTO+{table}+FORMAT+CSV HTTP/1.1\r\nAuthorization: {basic()['Authorization']}\r\n"
    for sent in (
        b"POST / HT",
        head.encode() + b"Content-Length: 1000000\r\n\r\n1,2\n",
        head.encode() + b"Transfer-Encoding: chunked\r\n\r\n4\r\n1,2\n\r\n",
        f"POST / HTTP/1.1\r\nAuthorization: {basic()['Authorization']}\r\nContent-Length: 58\r\n\r\n".encode()
        + b"SELECT number, repeat('x', 1000) FROM numbers(100000)     ",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(sent)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        assert server.ask("SELECT 1").body == b"1\n"
    until(lambda: statements_running(server) == 0)
    assert rows(server, f"SELECT count() FROM {table}") == [["0"]]


def test_a_slow_reader_gets_its_answer(server: ServerProcess) -> None:
    with server.connection() as connection:
        connection.request("POST", "/", "SELECT repeat('x', 1000) FROM numbers(20000)", basic())
        response = connection.getresponse()
        time.sleep(0.1)
        assert len(response.read()) == 20_000 * 1001


def test_memory_is_limited(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("small"), "--max-memory-mib", "600") as small:
        reply = small.ask("SELECT length(groupArray(number)) FROM numbers(200000000)")
        assert (reply.status, reply.code) == (500, "241")
        assert small.ask("SELECT 1").body == b"1\n"


def test_malformed_requests(server: ServerProcess) -> None:
    def status(raw: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
            connection.sendall(raw)
            return connection.recv(1000)

    assert b"400" in status(b"nonsense\r\n\r\n")
    authorization = basic()["Authorization"].encode()
    assert status(b"POST / HTTP/1.1\r\nContent-Length: x\r\nAuthorization: %s\r\n\r\n" % authorization) == b""
    reply: Reply = server.ask("SELECT 1", headers={**basic(), "Content-Encoding": "snappy"})
    assert (reply.status, reply.code) == (500, "89")
    assert server.ask("SELECT 1").body == b"1\n"


def test_the_driver_is_told_of_a_broken_connection(server: ServerProcess) -> None:
    with server.client(send_receive_timeout=1) as client, pytest.raises(Error):
        client.query(HEAVY)
    until(lambda: statements_running(server) == 0)
    with pytest.raises(http.client.RemoteDisconnected):
        server.ask(method="POST", headers={**basic(), "Content-Length": "x"})
