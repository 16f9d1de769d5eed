from __future__ import annotations

import time

import pytest

from targets.embedded.clickhouse import sql


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        (b"SELECT 1", b"SELECT"),
        (b"  -- remark; INSERT\n /* another */ select 1", b"SELECT"),
        (b"(SELECT 1) UNION ALL (SELECT 2)", b"SELECT"),
        (b"#! shebang\nSHOW TABLES", b"SHOW"),
        (b"", b""),
        (b"-- nothing", b""),
        (b"'text'", b""),
        (b"/* not closed", b""),
    ],
)
def test_first_word(statement: bytes, word: bytes) -> None:
    assert sql.first_word(statement) == word


@pytest.mark.parametrize(
    ("statement", "rows", "reads"),
    [
        (b"SELECT 1", True, True),
        (b"WITH 1 AS x SELECT x", True, True),
        (b"EXPLAIN SELECT 1", True, True),
        (b"KILL QUERY WHERE 1", True, False),
        (b"CHECK TABLE t", True, False),
        (b"INSERT INTO t SELECT 1", False, False),
        (b"create table t (a Int8) engine = Memory", False, False),
        (b"DROP TABLE t", False, False),
    ],
)
def test_what_a_statement_does(statement: bytes, rows: bool, reads: bool) -> None:
    assert sql.has_result(statement) == rows
    assert sql.only_reads(statement) == reads


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        (b"SELECT 1", None),
        (b"SELECT 1 FORMAT Native", "Native"),
        (b"SELECT 1 format JSONEachRow;", "JSONEachRow"),
        (b"SELECT 1 SETTINGS max_threads = 1 FORMAT CSV", "CSV"),
        (b"SELECT 'FORMAT TSV'", None),
        (b"SELECT * FROM (SELECT 1 FORMAT Null)", None),
        (b"SELECT 1 -- FORMAT TSV", None),
        (b"SELECT 1 -- remark\n FORMAT Native", "Native"),
        (b"SELECT 1 FORMAT TSV -- FORMAT CSV\n", "TSV"),
    ],
)
def test_output_format(statement: bytes, name: str | None) -> None:
    assert sql.output_format(statement) == name


@pytest.mark.parametrize(
    ("statement", "target", "settings", "name", "data"),
    [
        (b"INSERT INTO t FORMAT Parquet\nPAR1\x00", b"INSERT INTO t ", b"", "Parquet", b"PAR1\x00"),
        (b"insert into t (a, b) format CSV 1,2\n", b"insert into t (a, b) ", b"", "CSV", b"1,2\n"),
        (b"INSERT INTO t FORMAT Native\r\n\nx", b"INSERT INTO t ", b"", "Native", b"\nx"),
        (b"INSERT INTO t FORMAT Native", b"INSERT INTO t ", b"", "Native", b""),
        (b"INSERT INTO t VALUES (1), (2)", b"INSERT INTO t ", b"", "Values", b" (1), (2)"),
        (b"INSERT INTO t SETTINGS a=1 FORMAT CSV\n1", b"INSERT INTO t ", b"SETTINGS a=1 ", "CSV", b"1"),
        (b"INSERT INTO format (values) FORMAT CSV\n1", b"INSERT INTO format (values) ", b"", "CSV", b"1"),
        (b"INSERT INTO db.values FORMAT CSV\n1", b"INSERT INTO db.values ", b"", "CSV", b"1"),
        (b"INSERT INTO TABLE `FORMAT x` FORMAT CSV\n1", b"INSERT INTO TABLE `FORMAT x` ", b"", "CSV", b"1"),
        (b"INSERT /* FORMAT TSV */ INTO t FORMAT CSV\n1", b"INSERT /* FORMAT TSV */ INTO t ", b"", "CSV", b"1"),
        (b"INSERT INTO t FORMAT Native\n'unclosed \xff", b"INSERT INTO t ", b"", "Native", b"'unclosed \xff"),
    ],
)
def test_insert_head(statement: bytes, target: bytes, settings: bytes, name: str, data: bytes) -> None:
    head = sql.insert_head(statement)
    assert head is not None
    assert (head.target, head.settings, head.format) == (target, settings, name)
    assert statement[head.data_at :] == data


@pytest.mark.parametrize(
    "statement",
    [
        b"SELECT 1 FORMAT CSV",
        b"INSERT INTO t SELECT 1 FORMAT CSV",
        b"INSERT INTO t WITH 1 AS x SELECT x",
        b"INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        b"INSERT INTO t",
        b"INSERT INTO t FORMAT",
        b"INSERT",
        b"",
    ],
)
def test_statements_without_data(statement: bytes) -> None:
    assert sql.insert_head(statement) is None


def test_data_from_a_file_come_before_the_settings() -> None:
    head = sql.insert_head(b"INSERT INTO t (a) SETTINGS x=1 FORMAT CSV\n1")
    assert head is not None
    assert head.from_file("/data/it's") == (
        rb"INSERT INTO t (a) FROM INFILE '/data/it\'s' COMPRESSION 'none' SETTINGS x=1 FORMAT CSV"
    )


def test_kill_looks_at_the_marker() -> None:
    assert (
        sql.kill_by_marker(b"KILL QUERY WHERE query_id = 'query_id' SYNC", "M['x']")
        == b"KILL QUERY WHERE M['x'] = 'query_id' SYNC"
    )
    assert sql.kill_by_marker(b"SELECT query_id", "M") == b"SELECT query_id"


@pytest.mark.parametrize("text", [b"'" * 200_000, b"'\\" * 100_000, b"/*" * 100_000, b"(" * 200_000, b"a" * 200_000])
def test_hostile_text_is_read_in_linear_time(text: bytes) -> None:
    def seconds(statement: bytes) -> float:
        started = time.process_time()
        sql.output_format(b"SELECT " + statement)
        return time.process_time() - started

    assert seconds(text) < 50 * seconds(text[: len(text) // 10]) + 0.5
