"""The refresh functions of some sets in the shape a throughput test wants."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.tpch.concurrent import Changed
from benchmarks.tpch.oracle import DuckDbOracle, Oracle
from benchmarks.tpch.refresh import run_rf1, run_rf2
from benchmarks.tpch.throughput_model import Function
from engines import Dataset, Engine, RefreshSet


class EngineRefresh:
    """The refresh functions of some sets on one engine; see ``concurrent.RefreshFunctions``."""

    def __init__(self, engine: Engine, data: Dataset, sets: Sequence[RefreshSet], *, deadline: float) -> None:
        self._engine, self._data, self._sets, self._deadline = engine, data, tuple(sets), deadline
        self._oracle: DuckDbOracle | None = None

    def run(self, pair: int, function: Function) -> Changed:
        """Run one of them."""
        work = run_rf1 if function == "RF1" else run_rf2
        result = work(self._engine, self._sets[pair - 1], deadline=self._deadline)
        return Changed(result.seconds, result.rows, result.problem)

    def oracle(self) -> Oracle:
        """Knows the answers after all of them."""
        self._oracle = self._oracle or DuckDbOracle(self._data, self._sets)
        return self._oracle
