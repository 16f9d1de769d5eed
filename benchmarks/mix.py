"""The statements of load runs and of the background workload: short TPC-H queries, every answer checked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from benchmarks.statements import Statement
from benchmarks.tpch.compare import problem
from benchmarks.tpch.model import Expected
from benchmarks.tpch.oracle import Oracle
from benchmarks.tpch.queries import query
from engines import Engine

# Scans, aggregations and joins that take the shortest on both engines, so that a moderate rate does not saturate them.
MIX = (1, 3, 6, 12, 14, 19)


def tpch_statements(
    engine: Engine, oracle: Oracle, scale_factor: float, numbers: Sequence[int] = MIX
) -> list[Statement]:
    """TPC-H queries in the engine's dialect, with the oracle as judge.

    Raises:
        ValueError: no such query.
        OracleError: the oracle cannot answer one of them.
    """
    return [_statement(engine, oracle.expected(number), scale_factor) for number in numbers]


def _statement(engine: Engine, expected: Expected, scale_factor: float) -> Statement:
    sql, settings = engine.tpch_sql(query(expected.query), scale_factor)
    # Not a closure: generators in other processes get the statement too.
    return Statement(f"Q{expected.query}", sql, partial(problem, expected), settings)
