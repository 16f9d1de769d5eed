"""TPC-H's refresh functions, as far as an engine has them."""

from __future__ import annotations

from benchmarks.tpch.concurrent import RefreshFunctions
from benchmarks.tpch.throughput import Plan
from engines import Dataset, Engine


def refresh_functions(engine: Engine, data: Dataset, plan: Plan) -> tuple[RefreshFunctions | None, str]:  # noqa: ARG001
    """The refresh functions of a throughput test, ready to run; or ``None`` and why there are none.

    Args:
        engine: where they would run.
        data: what it has loaded.
        plan: of the test, one pair for each of its streams.
    """
    return None, f"{engine.title} has no refresh functions here"
