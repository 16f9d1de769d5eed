"""Right answers: what the oracle keeps, and that it forgets when data or text change."""

import dataclasses
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from benchmarks.tpch import oracle as module
from benchmarks.tpch.model import Column, ColumnKind, Expected
from benchmarks.tpch.oracle import DuckDbOracle, OracleError, decode, encode
from benchmarks.tpch.queries import query
from engines import Dataset, TpchQuery


def test_every_answer_has_what_the_query_asks_for(small: Dataset, answers: dict[int, Expected]) -> None:
    with duckdb.connect() as connection:
        for table in small.rows:
            connection.read_parquet(str(small.file(table))).create_view(table)
        for number, expected in answers.items():
            plain = connection.execute(query(number).sql).fetchall()
            assert len(plain) == expected.row_count
            assert plain == list(expected.rows[: expected.row_count]), number


def test_answers_survive_being_kept(answers: dict[int, Expected]) -> None:
    for number, expected in answers.items():
        assert decode(encode(expected), number) == expected


def test_an_answer_is_computed_once(
    small: Dataset, answers: dict[int, Expected], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "connect", lambda *_: pytest.fail("asked again"))
    steps: list[str] = []
    fresh = DuckDbOracle(small)
    fresh.prepare([6, 1], lambda step: steps.append(f"{step.subject} {step.done}/{step.total}"))
    assert fresh.expected(1) == answers[1]
    assert steps == ["Q6 1/2", "Q1 2/2"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"columns": [], "rows": [[1]], "order": [], "limit": null}'])
def test_a_damaged_file_is_computed_again(
    tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setenv("QER_CACHE_DIR", str(tmp_path))
    right = DuckDbOracle(small).expected(6)
    (file,) = (tmp_path / "oracle" / "sf0_01").iterdir()
    file.write_text(damage)
    assert DuckDbOracle(small).expected(6) == right
    assert json.loads(file.read_text())["order"] == []


def test_other_data_and_other_text_have_other_answers(
    tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QER_CACHE_DIR", str(tmp_path))
    first = DuckDbOracle(small).expected(6)
    monkeypatch.setattr(module, "query", lambda number: TpchQuery(number, "SELECT 1 AS one"))
    assert DuckDbOracle(small).expected(6) != first

    other = dataclasses.replace(small, directory=tmp_path / "other")
    for table in small.rows:
        (other.directory / table).mkdir(parents=True)
        other.file(table).write_bytes(small.file(table).read_bytes())
    with duckdb.connect() as connection:
        lines = connection.read_parquet(str(small.file("lineitem")))
        lines.limit(small.rows["lineitem"] // 2).write_parquet(str(other.file("lineitem")))
    monkeypatch.undo()
    monkeypatch.setenv("QER_CACHE_DIR", str(tmp_path))
    assert DuckDbOracle(other).expected(6) != first


def test_limit_keeps_every_row_that_an_engine_might_choose(
    tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QER_CACHE_DIR", str(tmp_path))
    sql = "SELECT n_regionkey, n_name FROM nation ORDER BY n_regionkey LIMIT 7"
    monkeypatch.setattr(module, "query", lambda number: TpchQuery(number, sql))
    expected = DuckDbOracle(small).expected(1)
    assert (expected.row_count, len(expected.rows)) == (7, 10)  # five nations a region
    assert expected.order == (0,)


def test_a_query_duckdb_cannot_answer_is_one_line(
    tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QER_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(module, "query", lambda number: TpchQuery(number, "SELECT * FROM nowhere"))
    with pytest.raises(OracleError, match=r"DuckDB, TPC-H query 5: .*nowhere") as caught:
        DuckDbOracle(small).expected(5)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_values_of_unknown_types_are_refused(tmp_path: Path, small: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QER_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(module, "query", lambda number: TpchQuery(number, "SELECT [1, 2] AS pair"))
    with pytest.raises(OracleError, match="column pair: values of type"):
        DuckDbOracle(small).expected(5)


def test_large_and_missing_values_are_kept_exactly() -> None:
    columns = (Column("d", ColumnKind.DECIMAL, 6), Column("i", ColumnKind.INTEGER), Column("f", ColumnKind.DOUBLE))
    rows = ((Decimal("55909065222.827692"), 2**100, 0.1), (None, None, None), (Decimal("0.000000"), -1, float("inf")))
    assert decode(encode(Expected(1, columns, rows)), 1).rows == rows
