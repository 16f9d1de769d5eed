"""A small data set made by DuckDB's own generator in a moment, and a cache of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from benchmarks.tpch import queries
from benchmarks.tpch.data import TABLES, verify
from benchmarks.tpch.model import Expected
from benchmarks.tpch.oracle import DuckDbOracle
from engines import Dataset

SCALE_FACTOR = 0.01


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache(session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QER_CACHE_DIR", str(session_cache))
    return session_cache


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    directory = tmp_path_factory.mktemp("data") / "sf0_01"
    with duckdb.connect() as connection:
        queries.load_extension(connection)
        connection.execute(f"CALL dbgen(sf = {SCALE_FACTOR})")
        for table in TABLES:
            (directory / table).mkdir(parents=True)
            connection.execute(f"COPY {table} TO '{directory / table / table}.parquet'")
    return verify(directory, SCALE_FACTOR)


@pytest.fixture(scope="session")
def answers(small: Dataset, session_cache: Path) -> Iterator[dict[int, Expected]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QER_CACHE_DIR", str(session_cache))
        oracle = DuckDbOracle(small)
        yield {number: oracle.expected(number) for number in queries.QUERY_NUMBERS}
