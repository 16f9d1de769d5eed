"""TPC-H's refresh functions, where an engine has them."""

from __future__ import annotations

from benchmarks.tpch.concurrent import RefreshFunctions
from benchmarks.tpch.refresh import refresh_set
from benchmarks.tpch.refreshed import EngineRefresh
from benchmarks.tpch.throughput import Plan
from engines import Dataset, Engine


def refresh_functions(engine: Engine, data: Dataset, plan: Plan) -> tuple[RefreshFunctions | None, str]:
    """The refresh functions of a throughput test, ready to run; or ``None`` and why there are none.

    Args:
        engine: where they would run.
        data: what it has loaded.
        plan: of the test, one pair for each of its streams.

    Raises:
        TargetError: their rows cannot be made or kept.
    """
    if engine.refresh_refusal:
        return None, engine.refresh_refusal
    sets = [refresh_set(data, number, seed=plan.seed) for number in range(1, plan.streams + 1)]
    return EngineRefresh(engine, data, sets, deadline=plan.deadline), ""
